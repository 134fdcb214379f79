"""The statements of `admitting`: made once, since every received instance needs them."""

from __future__ import annotations

from sqlalchemy import bindparam, exists, insert, select, update

from triaged.store.listing.rankings import TRUST
from triaged.store.tables import schema
from triaged.store.tables.prepared import Prepared
from triaged.store.tables.views import ConflictKind

_instance, _study, _derived, _link = schema.instance, schema.study, schema.derived, schema.association_study

_INSTANCE_COLUMNS = (
    "study_id",
    "series_uid",
    "series_uid_sent",
    "sop_instance_uid",
    "sop_instance_uid_sent",
    "transfer_syntax_uid",
    "path",
    "sha256",
    "size_bytes",
    "received_at",
    "image",
)
_REOPENED = (
    "state",
    "revision",
    "last_instance_at",
    "instances",
    "worker",
    "lease_expires_at",
    "order_priority",
    "modalities",
)
FIRST_OF_ASSOCIATION = Prepared(
    insert(_link).inline().values(study_id=bindparam("of"), association_id=bindparam("by"), instances=1)
)
_of_link = (_link.c.study_id == bindparam("of"), _link.c.association_id == bindparam("by"))
ONE_MORE_OF_ASSOCIATION = Prepared(update(_link).where(*_of_link).values(instances=_link.c.instances + 1))
NEW_INSTANCE = Prepared(insert(_instance).inline(), *_INSTANCE_COLUMNS)
STUDY = update(_study).where(_study.c.id == bindparam("study"))
REOPEN = Prepared(STUDY, *_REOPENED)
_is_own = exists().where(_derived.c.sop_instance_uid == bindparam("sop"))
IS_OUR_OWN = select(_is_own)
_kept = (_instance.c.sop_instance_uid == bindparam("sop"), _instance.c.study_id == bindparam("study"))
ELSEWHERE = (
    select(_study.c.study_uid)
    .join(_instance, _instance.c.study_id == _study.c.id)
    .where(_instance.c.sop_instance_uid == bindparam("sop"), _instance.c.study_id != bindparam("study"))
    .limit(1)
)
FACTS = select(
    _is_own.label("derived"),
    exists()
    .where(_link.c.study_id == bindparam("study"), _link.c.association_id == bindparam("association"))
    .label("linked"),
    select(_instance.c.sha256).where(*_kept).scalar_subquery().label("kept"),
    select(_instance.c.transfer_syntax_uid).where(*_kept).scalar_subquery().label("kept_syntax"),
    select(_instance.c.path).where(*_kept).scalar_subquery().label("kept_path"),
    select(_instance.c.removal_id).where(*_kept).scalar_subquery().label("removal_id"),
    ELSEWHERE.scalar_subquery().label("elsewhere"),
    *TRUST,
)
KNOWN_CONFLICT = select(schema.conflict.c.kind).where(
    schema.conflict.c.study_id == bindparam("study"),
    schema.conflict.c.sop_instance_uid == bindparam("sop"),
    schema.conflict.c.sha256 == bindparam("sha256"),
    schema.conflict.c.kind.in_([ConflictKind.OTHER_SYNTAX, ConflictKind.OTHER_CONTENT]),
)
