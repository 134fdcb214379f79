"""Publishes results: what was found gives the study its place first, and its objects follow in a second transaction.

Between the two the study is still its worker's, with a result in force of its present revision. Where the worker dies
there the claim ends as any other does, the study is read again, and what it gets is the same result. Knows nothing of
how a result comes about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from triaged.store.listing import order
from triaged.store.listing.rankings import Where, placed
from triaged.store.posting.drawing import queue_drawing
from triaged.store.posting.publishing import publish, withdraw_superseded
from triaged.store.posting.ruling import write_treatment
from triaged.store.posting.seconding import drop_superseded, queue_seconds
from triaged.store.studies.claims import owned_study
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.findings import NO_FINDING, finding_columns, to_text, write_measurements
from triaged.store.tables.rows import record_event
from triaged.study.assessment import Assessed, Assessment, Failed, OutOfScope
from triaged.study.kinds import ObjectKind
from triaged.study.lifecycle import Event, State, after
from triaged.study.ranking import Override, Ranking
from triaged.study.ranking_input import Compared
from triaged.study.records import Claim, DerivedObject, ObjectSet
from triaged.study.treatment import BY_DEFAULT, Treatment
from triaged.study.uids import SeriesUID


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a claimed study: all that is said of it, and that its place rests on.

    `ranking` is its place, or the policy that decides it with what readers and other lists said of it meanwhile.
    `chosen_words` are said beside the chosen series, as reasons are beside those in `not_chosen`. `compared` is how it
    follows an earlier study, `configuration` the SHA-256 of the configuration that it was made under. `treatment` is
    what a rule of the site does: it may take the study off the list, or say who gets its objects.
    """

    assessment: Assessment
    ranking: Where
    chosen: SeriesUID | None
    not_chosen: Sequence[tuple[SeriesUID, str]]
    model: str
    scheme: str
    object_set: ObjectSet
    chosen_words: str = "chosen"
    compared: Compared | None = None
    configuration: str = ""
    treatment: Treatment = BY_DEFAULT


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of a result, for whom.

    `coronal_path` is where the spool keeps the view with which a later study of the patient is compared, `draft_path`
    what further objects are made of later. `seconds` are the second engines that are to read the study too.
    """

    objects: Sequence[DerivedObject]
    destinations: Mapping[str, frozenset[ObjectKind]]
    coronal_path: str | None = None
    draft_path: str | None = None
    seconds: Sequence[str] = ()


class Outcomes(Ledger):
    """What the workers write when they are done; `StaleClaim` where the study changed or somebody else owns it.

    Nothing was written then.
    """

    def place(self, claim: Claim, found: Found, *, now: datetime) -> None:
        """Put a result in force and give the study its place; its objects are to follow, by `publish`.

        The place is decided here, with what readers and other lists said of the study while it was analysed; the result
        itself says what was found, whatever they said. Earlier results keep their rows and are marked as superseded.
        What has not been sent of an earlier set, and no courier is sending, is withdrawn, also where the new set has no
        objects: nobody is to get a score that the list no longer shows.
        """
        with self._database.begin() as connection:
            study = owned_study(connection, claim)
            place, _ = _put_in_force(connection, study, claim, found, now)
            record_event(connection, study, "PLACED", place.reason, now=now)

    def publish(self, claim: Claim, made: Made, *, now: datetime) -> None:
        """Publish what was made of a result that `place` has put in force, and let go of the study.

        There is one delivery for each object and destination that wants it. An object that an earlier run has published
        (same UID) is not published twice; where its delivery was given up, it is tried again. Pictures go as one object
        to a destination that wants both kinds and is known to accept it, else as single ones.
        """
        with self._database.begin() as connection:
            study = owned_study(connection, claim)
            _publish(connection, study, study.result_id, made, f"{len(made.objects)} result objects", now)

    def leave_bare(self, claim: Claim, why: str, *, now: datetime) -> bool:
        """Let go of a study whose result is in force, and no object of it can be made; it keeps score and place.

        False, and nothing is written, where no result of its present revision is in force.
        """
        with self._database.begin() as connection:
            study = owned_study(connection, claim)
            is_placed = connection.execute(_OF_REVISION, _revision(study)).first() is not None
            if is_placed:
                _publish(connection, study, study.result_id, Made((), {}), why, now)
        return is_placed

    def commit(self, claim: Claim, found: Found, made: Made, *, now: datetime) -> None:
        """Do what `place` and `publish` do, as one transaction."""
        with self._database.begin() as connection:
            study = owned_study(connection, claim)
            place, result_id = _put_in_force(connection, study, claim, found, now)
            _publish(connection, study, result_id, made, place.reason, now)


def _put_in_force(
    connection: Connection, study: Row[Any], claim: Claim, found: Found, now: datetime
) -> tuple[Ranking, int]:
    """Write a result and the study's place; return the place and the result's number."""
    assessment, treatment = found.assessment, found.treatment
    state, columns = _outcome_and_columns(assessment)
    finding = assessment.finding if isinstance(assessment, Assessed) else None
    comparison = None if found.compared is None else found.compared.comparison
    known = {"state": state, "assessment": assessment, "comparison": comparison, "treatment": treatment}
    is_news = _set_before(connection, study.result_id) != found.object_set.uid
    write_treatment(connection, study, treatment, now=now)
    by_itself = placed(connection, study, found.ranking, now=now, override=Override.NONE, **known)
    shown = {"triage_class": by_itself.triage_class, "reason": by_itself.reason, "outcome": state}
    result_id = _write_result(connection, study, {**columns, **_columns(claim, found), **shown, "at": now})
    write_measurements(connection, result_id, finding)
    _write_decisions(connection, result_id, found)
    queue_drawing(connection, study.id, result_id, None)
    place = placed(connection, study, found.ranking, now=now, **known)
    order.place_ruled(connection, study, place, treatment, now=now, result_id=result_id if is_news else None)
    _write_study(connection, study.id, result_id=result_id, finding=None if finding is None else to_text(finding))
    withdraw_superseded(connection, study.id, now=now)
    drop_superseded(connection, study.id, result_id)
    return place, result_id


def _publish(connection: Connection, study: Row[Any], result_id: int, made: Made, words: str, now: datetime) -> None:
    event = _EVENTS[State(connection.execute(_OUTCOME, {"result": result_id}).scalar_one())]
    state = after(State(study.state), event)
    publish(connection, study.id, result_id, made.objects, made.destinations, now=now)
    connection.execute(_SHOW, {"result": result_id, "coronal_path": made.coronal_path})
    queue_drawing(connection, study.id, result_id, made.draft_path)
    queue_seconds(connection, study.id, result_id, made.seconds if event is Event.ASSESSED else ())
    _write_study(connection, study.id, state=state, worker=None, lease_expires_at=None)
    record_event(connection, study, event, words, after=state, now=now)


def _outcome_and_columns(assessment: Assessment) -> tuple[State, Mapping[str, Any]]:
    """Return the state that a study ends in, and the columns of `result` that say so."""
    match assessment:
        case Assessed(finding=finding):
            return State.TRIAGED, finding_columns(finding)
        case OutOfScope(reason=reason):
            outcome = State.OUT_OF_SCOPE
        case Failed(reason=reason):
            outcome = State.FAILED
        case _:
            assert_never(assessment)
    return outcome, {"reason_code": reason.code, "reason_detail": reason.detail, **NO_FINDING}


def _columns(claim: Claim, found: Found) -> dict[str, Any]:
    """Return who read which series by what, what made its images, and as what the result is published.

    Where no series was read, what made the images of the one that came first counts.
    """
    read = next((each for each in claim.series if each.series_uid == found.chosen), claim.series[0])
    return {
        "worker": claim.worker,
        "chosen_series_uid": None if found.chosen is None else found.chosen.value,
        "device": read.instances[0].image.device or "",
        "model": found.model,
        "scheme": found.scheme,
        "configuration": found.configuration,
        **_set_columns(found.object_set),
        **_compared_columns(found.compared),
    }


def _set_columns(object_set: ObjectSet) -> dict[str, Any]:
    return {
        "basis": object_set.basis,
        "object_set_uid": object_set.uid,
        "set_revision": object_set.revision,
        "follows": object_set.follows,
    }


def _set_before(connection: Connection, result_id: int | None) -> str | None:
    """Return the set of the result in force; of the same one made again nobody is notified."""
    return connection.execute(_SET_OF, {"result": result_id}).scalar_one_or_none()


def _compared_columns(compared: Compared | None) -> dict[str, Any]:
    return {
        "prior_result_id": None if compared is None else compared.prior_result_id,
        "trend": None if compared is None else compared.trend,
        "change_points": None if compared is None else compared.change_points,
    }


def _write_result(connection: Connection, study: Row[Any], values: Mapping[str, Any]) -> int:
    """Write the result of a study's revision, or in the place of one whose objects never came; return its number."""
    there = connection.execute(_OF_REVISION, _revision(study)).scalar_one_or_none()
    if there is None:
        insertion = insert(_result).values(study_id=study.id, revision=study.revision, **values)
        there = connection.execute(insertion.returning(_result.c.id)).scalar_one()
        connection.execute(_SUPERSEDE, {"study": study.id, "by": there})
    else:
        for table in (schema.measurement, schema.series_decision):
            connection.execute(delete(table).where(table.c.result_id == there))
        connection.execute(update(_result).where(_result.c.id == there).values(**values))
    return int(there)


def _revision(study: Row[Any]) -> dict[str, int]:
    return {"study": study.id, "revision": study.revision}


def _write_decisions(connection: Connection, result_id: int, found: Found) -> None:
    said = [*found.not_chosen, *([] if found.chosen is None else [(found.chosen, found.chosen_words)])]
    words = {uid.value: reason for uid, reason in said}
    rows = [{"result_id": result_id, "series_uid": uid, "reason": reason} for uid, reason in words.items()]
    if rows:
        connection.execute(insert(schema.series_decision), rows)


def _write_study(connection: Connection, study_id: int, **values: Any) -> None:
    connection.execute(_STUDY, {"study": study_id, **values})


_EVENTS = {State.TRIAGED: Event.ASSESSED, State.OUT_OF_SCOPE: Event.DECLINED, State.FAILED: Event.GIVEN_UP}
_result = schema.result
_STUDY = update(schema.study).where(schema.study.c.id == bindparam("study"))
_OUTCOME = select(_result.c.outcome).where(_result.c.id == bindparam("result"))
_SET_OF = select(_result.c.object_set_uid).where(_result.c.id == bindparam("result"))
_OF_REVISION = select(_result.c.id).where(
    _result.c.study_id == bindparam("study"), _result.c.revision == bindparam("revision")
)
_SUPERSEDE = (
    update(_result)
    .where(_result.c.study_id == bindparam("study"), _result.c.superseded_by.is_(None), _result.c.id != bindparam("by"))
    .values(superseded_by=bindparam("by"))
)
_SHOW = update(_result).where(_result.c.id == bindparam("result"))
