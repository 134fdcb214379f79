"""What one received instance changes in the tables, within a transaction of its caller. Knows no files.

An instance of a study that is known costs two statements that read and four that write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert

from triaged.errors import TriagedError
from triaged.store.listing import order
from triaged.store.listing.actions import read_status_of, record_action, set_read_status
from triaged.store.listing.rankings import Where, placed, trust_in, trust_of
from triaged.store.posting.ruling import RULED, Treat, as_by_default, treatment_columns
from triaged.store.studies import admitting_statements as statements
from triaged.store.studies.beside import keep_again, keep_beside, record_conflict
from triaged.store.tables import schema
from triaged.store.tables.modalities import with_modality
from triaged.store.tables.rows import (
    PATIENT_FIELDS,
    header_text,
    insert_unless_there,
    known_study,
    locked_study,
    patient_key,
    patient_of,
    record_event,
    search_text,
    sent_text,
)
from triaged.store.tables.views import ConflictKind
from triaged.study.lifecycle import Event, State, after
from triaged.study.ranking import Ranking, RequestPriority, more_urgent
from triaged.study.ranking_input import RankingInput
from triaged.study.read_state import PROGRAM, ActionKind, ReadState, ReadStatus
from triaged.study.records import Admission, Instance, Patient, ReceivedHeader


class OtherSyntax(TriagedError):
    """Compare the instance with the one that was kept in another transfer syntax, and admit it again."""

    def __init__(self, kept_path: str, kept_sha256: str) -> None:
        super().__init__(f"expected the transfer syntax of {kept_path}, found another")
        self.kept_path = kept_path
        self.kept_sha256 = kept_sha256


@dataclass(frozen=True, slots=True)
class Arrival:
    """An instance that is durable and waits for its row; what the fields mean is said at `Arrivals.admit`."""

    instance: Instance
    header: ReceivedHeader
    association_id: int | None
    ranking: Where
    now: datetime
    judged: Mapping[str, bool] | None = None
    is_there: Callable[[str], bool] | None = None
    treat: Treat = as_by_default


def admitted(connection: Connection, arrival: Arrival) -> Admission:
    """Write what an instance changes, and return what became of it; errors as of `Arrivals.admit`."""
    study = locked_study(connection, arrival.instance.study_uid.value)
    if study is not None:
        return _next_of_study(connection, study, arrival)
    if connection.execute(statements.IS_OUR_OWN, {"sop": arrival.instance.sop_instance_uid.value}).scalar_one():
        return Admission.OWN
    is_first = _first_of_study(connection, arrival)
    study = known_study(connection, arrival.instance.study_uid.value)
    if not is_first:
        return _next_of_study(connection, study, arrival)
    if arrival.association_id is not None:
        statements.FIRST_OF_ASSOCIATION.execute(connection, {"of": study.id, "by": arrival.association_id})
    seen = {"sop": arrival.instance.sop_instance_uid.value, "study": study.id}
    return _new_instance(connection, study, arrival, elsewhere=connection.execute(statements.ELSEWHERE, seen).scalar())


def _first_of_study(connection: Connection, arrival: Arrival) -> bool:
    """Insert the study of its first instance; False where another receiver was a moment faster."""
    instance, header, where, now = arrival.instance, arrival.header, arrival.ranking, arrival.now
    treatment = arrival.treat(header.facts)
    known = {**trust_of(connection), "treatment": treatment}
    ranking_input = RankingInput(instance.study_uid, now, now, State.RECEIVING, header.order_priority, **known)
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
        **treatment_columns(treatment),
        "facts": header.facts.text(),
    }
    study_id = insert_unless_there(connection, schema.study, values, key=["study_uid"])
    if study_id is None:
        return False
    if not treatment.ignored:
        order.enter(connection, study_id, ranking.sort_key, cause=f"received: {ranking.reason}", now=now)
    born = {"study_id": study_id, "at": now, "state_after": State.RECEIVING, "revision": 1}
    added = {"event": Event.INSTANCE_ADDED, "detail": instance.sop_instance_uid.value}
    ruled = [{"event": RULED, "detail": said}] if (said := treatment.words()) else []
    connection.execute(insert(schema.event), [{**born, **each} for each in (added, *ruled)])
    return True


def _next_of_study(connection: Connection, study: Row[Any], arrival: Arrival) -> Admission:
    instance = arrival.instance
    facts = connection.execute(
        statements.FACTS,
        {"sop": instance.sop_instance_uid.value, "study": study.id, "association": arrival.association_id},
    ).one()
    if facts.derived and facts.kept is None:
        return Admission.OWN
    if arrival.association_id is not None:
        (statements.ONE_MORE_OF_ASSOCIATION if facts.linked else statements.FIRST_OF_ASSOCIATION).execute(
            connection, {"of": study.id, "by": arrival.association_id}
        )
    if facts.kept is not None:
        return _again(connection, study, facts, arrival)
    _reopen(connection, study, arrival)
    _raise(connection, study, facts, arrival)
    return _new_instance(connection, study, arrival, elsewhere=facts.elsewhere)


def _again(connection: Connection, study: Row[Any], facts: Row[Any], arrival: Arrival) -> Admission:
    """Take in an instance whose UID the study has already."""
    instance, now, is_there = arrival.instance, arrival.now, arrival.is_there
    if facts.kept == instance.sha256:
        if facts.removal_id is not None:
            keep_again(connection, schema.instance, study, instance, is_there)
        return Admission.DUPLICATE
    if _is_in_other_syntax(connection, study, facts, instance, arrival.judged):
        keep_beside(connection, study, instance, ConflictKind.OTHER_SYNTAX, _SAME, now, is_there)
        return Admission.DUPLICATE
    detail = f"expected the content kept first (sha256 {facts.kept}), found {instance.sha256}"
    if facts.removal_id is not None:
        detail += "; the first was deleted since, so that the images cannot be compared"
    record_conflict(connection, study, instance, ConflictKind.OTHER_CONTENT, detail, now, is_there)
    return Admission.CONFLICT


def _is_in_other_syntax(
    connection: Connection, study: Row[Any], facts: Row[Any], instance: Instance, judged: Mapping[str, bool] | None
) -> bool:
    if judged is None or facts.kept_syntax == instance.transfer_syntax_uid:
        return False
    if facts.kept in judged:
        return judged[facts.kept]
    seen = {"study": study.id, "sop": instance.sop_instance_uid.value, "sha256": instance.sha256}
    known = connection.execute(statements.KNOWN_CONFLICT, seen).scalar()
    if known is None and facts.removal_id is not None:
        return False
    if known is None:
        raise OtherSyntax(facts.kept_path, facts.kept)
    return bool(known == ConflictKind.OTHER_SYNTAX)


def _reopen(connection: Connection, study: Row[Any], arrival: Arrival) -> None:
    """Apply INSTANCE_ADDED: the revision grows, and whoever is analysing the study has a stale claim."""
    instance, header, now = arrival.instance, arrival.header, arrival.now
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
    }
    statements.REOPEN.execute(connection, values)
    filled = _blanks_filled(study, header)
    if filled:
        connection.execute(statements.STUDY, {"study": study.id, **filled})
    sop_instance_uid = instance.sop_instance_uid.value
    record_event(connection, study, Event.INSTANCE_ADDED, sop_instance_uid, after=state, revision=revision, now=now)


def _raise(connection: Connection, study: Row[Any], facts: Row[Any], arrival: Arrival) -> None:
    """Place a study higher where it now belongs there, and bring one that is done back onto the list."""
    now = arrival.now
    urgency = more_urgent(RequestPriority(study.order_priority), arrival.header.order_priority)
    changed = {"state": State.RECEIVING, "order_priority": urgency, **trust_in(facts)}
    ranking = placed(connection, study, arrival.ranking, now=now, **changed)
    is_done = study.read_state == ReadState.DONE and not study.ignored
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
        "patient_key": patient_key(patient.patient_id),
        "search_text": search_text(patient.patient_name, patient.patient_id, patient.accession_number),
    }


def _new_instance(connection: Connection, study: Row[Any], arrival: Arrival, *, elsewhere: str | None) -> Admission:
    """Write the instance's row; `elsewhere` is another study that has its UID."""
    instance = arrival.instance
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
    statements.NEW_INSTANCE.execute(connection, values)
    if elsewhere is not None:
        detail = f"also kept in the study {elsewhere}"
        record_conflict(connection, study, instance, ConflictKind.OTHER_STUDY, detail, arrival.now)
    return Admission.NEW


_UNSEEN = "an image came after it was done"
_SAME = "the same image in another transfer syntax"
