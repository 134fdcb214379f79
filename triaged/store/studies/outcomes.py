"""The one transaction that publishes a result: study, order, result objects and their deliveries, or nothing.

Knows nothing of how a result comes about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from triaged.store.listing import order
from triaged.store.listing.rankings import Where, placed
from triaged.store.posting.drawing import queue_drawing
from triaged.store.posting.publishing import publish, withdraw_superseded
from triaged.store.posting.seconding import drop_superseded, queue_seconds
from triaged.store.studies.claims import owned_study
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.findings import NO_FINDING, finding_columns, to_text, write_measurements
from triaged.store.tables.rows import record_event
from triaged.study.assessment import Assessed, Assessment, Failed, OutOfScope
from triaged.study.finding import Finding
from triaged.study.kinds import ObjectKind
from triaged.study.lifecycle import Event, State, after
from triaged.study.ranking import Override
from triaged.study.ranking_input import Compared
from triaged.study.records import Claim, DerivedObject, ObjectSet
from triaged.study.uids import SeriesUID


class Outcomes(Ledger):
    """What the workers write when they are done."""

    def commit(
        self,
        claim: Claim,
        assessment: Assessment,
        *,
        ranking: Where,
        not_chosen: Sequence[tuple[SeriesUID, str]],
        chosen: SeriesUID | None,
        objects: Sequence[DerivedObject],
        destinations: Mapping[str, frozenset[ObjectKind]],
        model: str,
        scheme: str,
        object_set: ObjectSet,
        coronal_path: str | None,
        now: datetime,
        compared: Compared | None = None,
        seconds: Sequence[str] = (),
        draft_path: str | None = None,
        chosen_words: str = "chosen",
    ) -> None:
        """Publish what became of a claimed study, with one delivery for each object and destination that wants it.

        The study's place is decided here, with what readers and other lists said of it while it was analysed; the
        result itself says what was found, whatever they said. Earlier results keep their rows and are marked as
        superseded. An object that an earlier run has published (same UID) is not published twice; where its delivery
        was given up, it is tried again. Pictures go as one object to a destination that wants both kinds and is known
        to accept it, else as single ones.

        What has not been sent of an earlier set, and no courier is sending, is withdrawn, also where the new set has no
        objects: nobody is to get a score that the list no longer shows. `coronal_path` is where the spool keeps the
        view with which a later study of the patient is compared, `compared` how this one follows an earlier one.
        `seconds` are the second engines that are to read a scored study too, `draft_path` what further objects
        are made of later. `chosen_words` are said beside the chosen series, as reasons are beside the others.

        Raises:
            StaleClaim: the study changed or somebody else owns it; nothing was written.
        """
        with self._database.begin() as connection:
            study = owned_study(connection, claim)
            event, found = _event_and_columns(assessment)
            state = after(State(study.state), event)
            finding = assessment.finding if isinstance(assessment, Assessed) else None
            chosen_uid = None if chosen is None else chosen.value
            named = {"worker": claim.worker, "model": model, "scheme": scheme, "chosen_series_uid": chosen_uid}
            published = {"coronal_path": coronal_path, **_set_columns(object_set), **_compared_columns(compared)}
            comparison = None if compared is None else compared.comparison
            known = {"state": state, "assessment": assessment, "comparison": comparison}
            by_itself = placed(connection, study, ranking, now=now, override=Override.NONE, **known)
            shown = {"triage_class": by_itself.triage_class, "reason": by_itself.reason, "outcome": state}
            values = {**found, **named, **published, **shown, "at": now}
            result_id = _write_result(connection, study, values)
            write_measurements(connection, result_id, finding)
            said = [*not_chosen, *([] if chosen is None else [(chosen, chosen_words)])]
            _write_decisions(connection, result_id, {uid.value: words for uid, words in said})
            publish(connection, study.id, result_id, objects, destinations, now=now)
            queue_drawing(connection, study.id, result_id, draft_path)
            place = placed(connection, study, ranking, now=now, **known)
            news = result_id if _is_news(connection, study, object_set) else None
            order.place(connection, study, place, cause=place.reason, now=now, result_id=news)
            _write_study(connection, study.id, state, result_id, finding)
            withdraw_superseded(connection, study.id, now=now)
            drop_superseded(connection, study.id, result_id)
            queue_seconds(connection, study.id, result_id, () if finding is None else seconds)
            record_event(connection, study, event, place.reason, after=state, now=now)


def _event_and_columns(assessment: Assessment) -> tuple[Event, Mapping[str, Any]]:
    """Return what happened to the study, and the columns of `result` that say so."""
    match assessment:
        case Assessed(finding=finding):
            return Event.ASSESSED, finding_columns(finding)
        case OutOfScope(reason=reason):
            event = Event.DECLINED
        case Failed(reason=reason):
            event = Event.GIVEN_UP
        case _:
            assert_never(assessment)
    return event, {"reason_code": reason.code, "reason_detail": reason.detail, **NO_FINDING}


def _set_columns(object_set: ObjectSet) -> dict[str, Any]:
    return {
        "basis": object_set.basis,
        "object_set_uid": object_set.uid,
        "set_revision": object_set.revision,
        "follows": object_set.follows,
    }


def _is_news(connection: Connection, study: Row[Any], object_set: ObjectSet) -> bool:
    """Tell whether a result is another one than the study had; of the same one made again nobody is notified."""
    return connection.execute(_SET_BEFORE, {"result": study.result_id}).scalar_one_or_none() != object_set.uid


def _compared_columns(compared: Compared | None) -> dict[str, Any]:
    if compared is None:
        return {}
    return {
        "prior_result_id": compared.prior_result_id,
        "trend": compared.trend,
        "change_points": compared.change_points,
    }


def _write_result(connection: Connection, study: Row[Any], values: Mapping[str, Any]) -> int:
    insertion = insert(schema.result).values(study_id=study.id, revision=study.revision, **values)
    result_id = int(connection.execute(insertion.returning(schema.result.c.id)).scalar_one())
    earlier = (
        update(schema.result)
        .where(
            schema.result.c.study_id == study.id,
            schema.result.c.superseded_by.is_(None),
            schema.result.c.id != result_id,
        )
        .values(superseded_by=result_id)
    )
    connection.execute(earlier)
    return result_id


def _write_decisions(connection: Connection, result_id: int, reasons: Mapping[str, str]) -> None:
    rows = [{"result_id": result_id, "series_uid": uid, "reason": reason} for uid, reason in reasons.items()]
    if rows:
        connection.execute(insert(schema.series_decision), rows)


def _write_study(connection: Connection, study_id: int, state: State, result_id: int, finding: Finding | None) -> None:
    """Make this the current result; a study without a score shows no finding, nor that of the result before."""
    shown = None if finding is None else to_text(finding)
    values = {"state": state, "worker": None, "lease_expires_at": None, "result_id": result_id, "finding": shown}
    connection.execute(
        update(schema.study).where(schema.study.c.id == bindparam("study")), {"study": study_id, **values}
    )


_SET_BEFORE = select(schema.result.c.object_set_uid).where(schema.result.c.id == bindparam("result"))
