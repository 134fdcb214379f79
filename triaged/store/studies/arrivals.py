"""The row that every received instance gets before its sender gets Success.

Knows no sockets and no files: the bytes are already durable in the spool when an instance comes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, insert, select, update

from triaged.errors import TriagedError
from triaged.store.listing import order
from triaged.store.listing.actions import read_status_of, record_action, set_read_status
from triaged.store.listing.rankings import Where, placed, trust_of
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.modalities import with_modality
from triaged.store.tables.rows import (
    PATIENT_FIELDS,
    header_text,
    insert_unless_there,
    known_study,
    locked_study,
    more_urgent,
    patient_key,
    patient_of,
    record_event,
    search_text,
    sent_text,
)
from triaged.store.tables.views import ConflictKind
from triaged.study.lifecycle import Event, State, after
from triaged.study.ranking import Ranking, RequestPriority
from triaged.study.ranking_input import RankingInput
from triaged.study.read_state import PROGRAM, ActionKind, ReadState, ReadStatus
from triaged.study.records import Admission, Instance, Patient, ReceivedHeader


class OtherSyntax(TriagedError):
    """Compare the instance with the one that was kept in another transfer syntax, and admit it again."""

    def __init__(self, kept_path: str, kept_sha256: str) -> None:
        super().__init__(f"expected the transfer syntax of {kept_path}, found another")
        self.kept_path = kept_path
        self.kept_sha256 = kept_sha256


class Arrivals(Ledger):
    """What the receivers write for each instance."""

    def admit(
        self,
        instance: Instance,
        header: ReceivedHeader,
        association_id: int | None,
        *,
        ranking: Where,
        now: datetime,
        judged: Mapping[str, bool] | None = None,
    ) -> Admission:
        """Write the row of a durable instance, and its study's revision, in one transaction.

        `ranking` is that of the study now. One that is on the list already takes that only where it is higher,
        so that nothing sinks before it is scored again (ordering specification, 2.3.4). One that is done comes back
        onto the list: whoever read it has not seen this instance. `judged` says of digests kept whether theirs is the
        same image in another transfer syntax; None where nobody compares images.

        Raises:
            OtherSyntax: that is not known yet, and nothing was written.
        """
        if header.made_by_us:
            return Admission.OWN
        with self._database.begin() as connection:
            study = locked_study(connection, instance.study_uid.value)
            if study is not None:
                return _next_of_study(connection, study, instance, header, association_id, ranking, now, judged)
            if connection.execute(_DERIVED, {"sop": instance.sop_instance_uid.value}).scalar_one():
                return Admission.OWN
            is_first = _first_of_study(connection, instance, header, ranking, now)
            study = known_study(connection, instance.study_uid.value)
            if is_first:
                return _new_instance(connection, study, instance, association_id, now)
            return _next_of_study(connection, study, instance, header, association_id, ranking, now, judged)


def _first_of_study(
    connection: Connection, instance: Instance, header: ReceivedHeader, where: Where, now: datetime
) -> bool:
    """Insert the study of its first instance; False where another receiver was a moment faster."""
    trust = trust_of(connection)
    ranking_input = RankingInput(instance.study_uid, now, now, State.RECEIVING, header.order_priority, **trust)
    ranking = where if isinstance(where, Ranking) else where(ranking_input)
    values = {
        "study_uid": instance.study_uid.value,
        "study_uid_sent": sent_text(instance.study_uid),
        "state": State.RECEIVING,
        "revision": 1,
        "order_priority": header.order_priority,
        "first_instance_at": now,
        "last_instance_at": now,
        "instances": 1,
        "conflicts": 0,
        "attempts": 0,
        **{name: getattr(header.patient, name) for name in PATIENT_FIELDS},
        **_found_by(header.patient),
        "modalities": with_modality("", header.image),
        **order.ranking_columns(ranking),
    }
    study_id = insert_unless_there(connection, schema.study, values, key=["study_uid"])
    if study_id is None:
        return False
    order.enter(connection, study_id, ranking.sort_key, cause=f"received: {ranking.reason}", now=now)
    born = {"study_id": study_id, "at": now, "event": Event.INSTANCE_ADDED, "detail": instance.sop_instance_uid.value}
    connection.execute(insert(schema.event), {**born, "state_after": State.RECEIVING, "revision": 1})
    return True


def _next_of_study(
    connection: Connection,
    study: Row[Any],
    instance: Instance,
    header: ReceivedHeader,
    association_id: int | None,
    where: Where,
    now: datetime,
    judged: Mapping[str, bool] | None,
) -> Admission:
    facts = connection.execute(
        _FACTS, {"sop": instance.sop_instance_uid.value, "study": study.id, "association": association_id}
    ).one()
    if facts.derived and facts.kept is None:
        return Admission.OWN
    if association_id is not None and not facts.linked:
        connection.execute(_LINK, {"study_id": study.id, "association_id": association_id})
    if facts.kept is not None:
        if facts.kept == instance.sha256:
            return Admission.DUPLICATE
        if _is_in_other_syntax(connection, study, facts, instance, judged):
            _keep_beside(connection, study, instance, ConflictKind.OTHER_SYNTAX, _SAME, now)
            return Admission.DUPLICATE
        detail = f"expected the content kept first (sha256 {facts.kept}), found {instance.sha256}"
        _conflict(connection, study, instance, ConflictKind.OTHER_CONTENT, detail, now)
        return Admission.CONFLICT
    _reopen(connection, study, instance, header, now)
    _raise(connection, study, header, where, now)
    return _new_instance(connection, study, instance, None, now)


def _is_in_other_syntax(
    connection: Connection, study: Row[Any], facts: Row[Any], instance: Instance, judged: Mapping[str, bool] | None
) -> bool:
    if judged is None or facts.kept_syntax == instance.transfer_syntax_uid:
        return False
    if facts.kept in judged:
        return judged[facts.kept]
    seen = {"study": study.id, "sop": instance.sop_instance_uid.value, "sha256": instance.sha256}
    known = connection.execute(_KNOWN, seen).scalar()
    if known is None:
        raise OtherSyntax(facts.kept_path, facts.kept)
    return bool(known == ConflictKind.OTHER_SYNTAX)


def _reopen(connection: Connection, study: Row[Any], instance: Instance, header: ReceivedHeader, now: datetime) -> None:
    """Apply INSTANCE_ADDED: the revision grows, and whoever is analysing the study has a stale claim."""
    state, revision = after(State(study.state), Event.INSTANCE_ADDED), study.revision + 1
    values = {
        "study": study.id,
        "state": state,
        "revision": revision,
        "last_instance_at": now,
        "instances": study.instances + 1,
        "worker": None,
        "lease_expires_at": None,
        "order_priority": more_urgent(RequestPriority(study.order_priority), header.order_priority),
        "modalities": with_modality(study.modalities, header.image),
        **_blanks_filled(study, header),
    }
    connection.execute(_REOPEN, values)
    sop_instance_uid = instance.sop_instance_uid.value
    record_event(connection, study, Event.INSTANCE_ADDED, sop_instance_uid, after=state, revision=revision, now=now)


def _raise(connection: Connection, study: Row[Any], header: ReceivedHeader, where: Where, now: datetime) -> None:
    """Place a study higher where it now belongs there, and bring one that is done back onto the list."""
    urgency = more_urgent(RequestPriority(study.order_priority), header.order_priority)
    ranking = placed(connection, study, where, now=now, state=State.RECEIVING, order_priority=urgency)
    is_done = study.read_state == ReadState.DONE
    if is_done or order.higher(study, ranking):
        order.place(connection, study, ranking, cause=f"received: {ranking.reason}", now=now)
    if is_done:
        record_action(connection, study, ActionKind.REOPENED, PROGRAM, detail=_UNSEEN, now=now)
        set_read_status(connection, study.id, ReadStatus(override=read_status_of(study).override))
        order.enter(connection, study.id, ranking.sort_key, cause=_UNSEEN, now=now)


def _blanks_filled(study: Row[Any], header: ReceivedHeader) -> dict[str, str | None]:
    """Return the patient attributes that were empty in all earlier instances and are not in this one."""
    sent = {name: getattr(header.patient, name) for name in PATIENT_FIELDS if not getattr(study, name)}
    filled: dict[str, Any] = {name: value for name, value in sent.items() if value}
    return {**filled, **_found_by(Patient(**{**asdict(patient_of(study)), **filled}))} if filled else filled


def _found_by(patient: Patient) -> dict[str, str | None]:
    return {
        "patient_key": patient_key(patient.patient_id, patient.patient_birth_date),
        "search_text": search_text(patient.patient_name, patient.patient_id, patient.accession_number),
    }


def _new_instance(
    connection: Connection, study: Row[Any], instance: Instance, association_id: int | None, now: datetime
) -> Admission:
    values = {
        "study_id": study.id,
        "series_uid": instance.series_uid.value,
        "series_uid_sent": sent_text(instance.series_uid),
        "sop_instance_uid": instance.sop_instance_uid.value,
        "sop_instance_uid_sent": sent_text(instance.sop_instance_uid),
        "transfer_syntax_uid": instance.transfer_syntax_uid,
        "path": instance.path,
        "sha256": instance.sha256,
        "size_bytes": instance.size_bytes,
        "received_at": instance.received_at,
        "image": header_text(instance.image),
    }
    connection.execute(_INSTANCE, values)
    if association_id is not None:
        connection.execute(_LINK, {"study_id": study.id, "association_id": association_id})
    other = connection.execute(_ELSEWHERE, {"sop": instance.sop_instance_uid.value, "study": study.id}).scalar()
    if other is not None:
        _conflict(connection, study, instance, ConflictKind.OTHER_STUDY, f"also kept in the study {other}", now)
    return Admission.NEW


def _conflict(
    connection: Connection, study: Row[Any], instance: Instance, kind: ConflictKind, detail: str, now: datetime
) -> None:
    """Flag the study and keep the path, once for each content, however often it is sent."""
    if _keep_beside(connection, study, instance, kind, detail, now):
        connection.execute(_FLAG, {"study": study.id})
        record_event(connection, study, "CONFLICT", f"{kind}: {instance.sop_instance_uid}: {detail}", now=now)


def _keep_beside(
    connection: Connection, study: Row[Any], instance: Instance, kind: ConflictKind, detail: str, now: datetime
) -> bool:
    """Write down what was kept beside the instance; False where that is written already."""
    values = {
        "study_id": study.id,
        "kind": kind,
        "sop_instance_uid": instance.sop_instance_uid.value,
        "path": instance.path,
        "sha256": instance.sha256,
        "at": now,
        "detail": detail,
    }
    return insert_unless_there(connection, schema.conflict, values, key=_CONFLICT_KEY) is not None


_UNSEEN = "an image came after it was done"
_SAME = "the same image in another transfer syntax"
_instance, _study, _derived, _link = schema.instance, schema.study, schema.derived, schema.association_study

_CONFLICT_KEY = ("study_id", "sop_instance_uid", "sha256", "kind")
_LINK = insert(_link)
_INSTANCE = insert(_instance)
_REOPEN = update(_study).where(_study.c.id == bindparam("study"))
_FLAG = _REOPEN.values(conflicts=_study.c.conflicts + 1)
_is_own = exists().where(_derived.c.sop_instance_uid == bindparam("sop"))
_DERIVED = select(_is_own)
_kept = (_instance.c.sop_instance_uid == bindparam("sop"), _instance.c.study_id == bindparam("study"))
_FACTS = select(
    _is_own.label("derived"),
    exists()
    .where(_link.c.study_id == bindparam("study"), _link.c.association_id == bindparam("association"))
    .label("linked"),
    select(_instance.c.sha256).where(*_kept).scalar_subquery().label("kept"),
    select(_instance.c.transfer_syntax_uid).where(*_kept).scalar_subquery().label("kept_syntax"),
    select(_instance.c.path).where(*_kept).scalar_subquery().label("kept_path"),
)
_KNOWN = select(schema.conflict.c.kind).where(
    schema.conflict.c.study_id == bindparam("study"),
    schema.conflict.c.sop_instance_uid == bindparam("sop"),
    schema.conflict.c.sha256 == bindparam("sha256"),
    schema.conflict.c.kind.in_([ConflictKind.OTHER_SYNTAX, ConflictKind.OTHER_CONTENT]),
)
_ELSEWHERE = (
    select(_study.c.study_uid)
    .join(_instance, _instance.c.study_id == _study.c.id)
    .where(_instance.c.sop_instance_uid == bindparam("sop"), _instance.c.study_id != bindparam("study"))
    .limit(1)
)
