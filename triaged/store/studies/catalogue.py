"""What is kept of every study, for programs that look for studies and take their instances: received ones and our own.

Of our own objects only those of the current result count, and of pictures the single ones: superseded ones are not
there, nor the same pictures a second time in one object. Reads only. Knows no files.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, bindparam, case, distinct, func, or_, select

from triaged.store.studies.history import derived_object
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.modalities import modalities_of
from triaged.store.tables.rows import PATIENT_FIELDS, header_of, patient_of, search_text
from triaged.store.tables.searching import has_words
from triaged.study.kinds import KINDS, ObjectKind, kind_of
from triaged.study.records import InstanceHeader, Patient


@dataclass(frozen=True, slots=True)
class KeptStudy:
    """A study as its row has it; `number` orders studies by when they came. `instances` are those received."""

    number: int
    study_uid: str
    patient: Patient
    modalities: tuple[str, ...]
    instances: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a study has beside its row: how many series were received, the kinds of our objects and how many there are,
    where one received instance is kept (empty where there is none), and how many were deleted here on purpose."""

    series: int = 0
    kinds: tuple[ObjectKind, ...] = ()
    objects: int = 0
    path: str = ""
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """One instance of a study; `image` is what is known of a received one.

    `series_uid` is empty for an object of ours, whose `kind` is known instead: its file says the series. `sha256` is of
    the data set of a received instance, and of the whole file of ours.
    """

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    path: str
    sha256: str
    image: InstanceHeader | None = None
    kind: ObjectKind | None = None
    is_deleted: bool = False
    """Its file was deleted here on purpose (`store.studies.retention`)."""


class Catalogue(Ledger):
    """Studies and their instances by their UIDs, which are those that the list and the spool know them by."""

    def studies(
        self,
        limit: int,
        *,
        before: int | None = None,
        study_uids: Collection[str] = (),
        holding: str = "",
        words: Collection[str] = (),
        sites: Collection[str] = (),
    ) -> list[KeptStudy]:
        """Return the next studies, the last that came first; those that came before the one of the number `before`.

        `study_uids` narrows to these where there are any, `holding` to those that have an instance of this UID, `words`
        to those that have all of these somewhere in name, ID and accession number, whatever their case and accents,
        `sites` to those of these sites where there are any.
        """
        query = _STUDIES.limit(limit)
        if before is not None:
            query = query.where(_study.c.id < before)
        if study_uids:
            query = query.where(_study.c.study_uid.in_(list(study_uids)))
        if sites:
            query = query.where(_study.c.site.in_(sorted(sites)))
        if holding:
            received, own = (select(each.c.study_id).where(each.c.sop_instance_uid == holding) for each in _HOLDING)
            query = query.where(or_(_study.c.id.in_(received), _study.c.id.in_(own)))
        if words:
            query = query.where(has_words(map(search_text, words)))
        return [_kept(row) for row in self._rows(query)]

    def study(self, study_uid: str) -> KeptStudy | None:
        """Return one study, or None where it is not known."""
        return next(iter(self.studies(1, study_uids=(study_uid,))), None)

    def contents(self, numbers: Sequence[int]) -> dict[int, Contents]:
        """Return what each of these studies has, by its number."""
        with self._database.read() as connection:
            received = connection.execute(_RECEIVED, {"ids": list(numbers)}).all()
            own = connection.execute(_OWN, {"ids": list(numbers)}).all()
        kinds: dict[int, list[Row[Any]]] = {}
        for row in own:
            kinds.setdefault(row.study_id, []).append(row)
        return {
            row.study_id: Contents(
                row.series,
                tuple(kind_of(each.kind) for each in kinds.get(row.study_id, ())),
                sum(each.objects for each in kinds.get(row.study_id, ())),
                row.path or "",
                row.deleted,
            )
            for row in received
        }

    def members(self, study_uid: str, sop_instance_uid: str = "") -> list[Member]:
        """Return the instances of a study as they came, then our own objects; one of them where its UID is given."""
        received, own = _INSTANCES, _CURRENT
        if sop_instance_uid:
            received = received.where(_instance.c.sop_instance_uid == sop_instance_uid)
            own = own.where(_derived.c.sop_instance_uid == sop_instance_uid)
        with self._database.read() as connection:
            rows = connection.execute(received, {"uid": study_uid}).all()
            is_found = bool(sop_instance_uid and rows)
            objects = [] if is_found else connection.execute(own, {"uid": study_uid}).all()
        return [*(_received(study_uid, row) for row in rows), *(_own(study_uid, row) for row in objects)]


def _kept(row: Row[Any]) -> KeptStudy:
    return KeptStudy(row.id, row.study_uid, patient_of(row), modalities_of(row.modalities), row.instances)


def _received(study_uid: str, row: Row[Any]) -> Member:
    image = header_of(row.image)
    return Member(
        study_uid,
        row.series_uid,
        row.sop_instance_uid,
        image.sop_class_uid,
        row.transfer_syntax_uid,
        row.path,
        row.sha256,
        image=image,
        is_deleted=row.removal_id is not None,
    )


def _own(study_uid: str, row: Row[Any]) -> Member:
    one = derived_object(row)
    return Member(
        study_uid,
        "",
        one.sop_instance_uid,
        one.sop_class_uid,
        one.transfer_syntax_uid,
        one.path,
        one.sha256,
        kind=one.kind,
    )


_study, _instance, _derived = schema.study, schema.instance, schema.derived
_HOLDING = (_instance, _derived)
_STUDIES = select(
    _study.c.id,
    _study.c.study_uid,
    _study.c.modalities,
    _study.c.instances,
    *(_study.c[name] for name in PATIENT_FIELDS),
).order_by(_study.c.id.desc())
_RECEIVED = (
    select(
        _instance.c.study_id,
        func.count(distinct(_instance.c.series_uid)).label("series"),
        func.min(case((_instance.c.removal_id.is_(None), _instance.c.path))).label("path"),
        func.count(_instance.c.removal_id).label("deleted"),
    )
    .where(_instance.c.study_id.in_(bindparam("ids", expanding=True)))
    .group_by(_instance.c.study_id)
)
_IS_CURRENT = (
    _derived.c.removal_id.is_(None),
    _study.c.result_id == _derived.c.result_id,
    _derived.c.second_result_id.is_(None),
    _derived.c.kind.not_in([kind.name for kind in KINDS.values() if kind.combines]),
)
_OWN: Select[Any] = (
    select(_derived.c.study_id, _derived.c.kind, func.count().label("objects"))
    .join(_study, _study.c.id == _derived.c.study_id)
    .where(*_IS_CURRENT, _derived.c.study_id.in_(bindparam("ids", expanding=True)))
    .group_by(_derived.c.study_id, _derived.c.kind)
)
_INSTANCES: Select[Any] = (
    select(_instance)
    .join(_study, _study.c.id == _instance.c.study_id)
    .where(_study.c.study_uid == bindparam("uid"))
    .order_by(_instance.c.id)
)
_CURRENT: Select[Any] = (
    select(_derived)
    .join(_study, _study.c.id == _derived.c.study_id)
    .where(*_IS_CURRENT, _study.c.study_uid == bindparam("uid"))
    .order_by(_derived.c.id)
)
