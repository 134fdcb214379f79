"""From RECEIVING to READY, and back into the queue on request; the rule of completion itself lives in `study`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from triaged.errors import ActionRefused, StaleClaim
from triaged.store.listing import order
from triaged.store.listing.rankings import Where, placed
from triaged.store.posting.ruling import facts_of
from triaged.store.posting.scoring import call_worker
from triaged.store.studies.claims import UNTRIED
from triaged.store.tables import schema
from triaged.store.tables.database import Database, Ledger
from triaged.store.tables.rows import known_study, locked_study, record_event, series_of, study_uid_of
from triaged.study.completeness import Candidate
from triaged.study.facts import StudyFacts
from triaged.study.lifecycle import Event, State, after
from triaged.study.ranking import RequestPriority
from triaged.study.records import Series
from triaged.study.uids import StudyUID


class Completion(Ledger):
    """What the clock writes, and the administrator's requeue."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._read_before: dict[tuple[int, int], tuple[Series, ...]] = {}

    def receiving(self, *, now: datetime, ended_only: bool = False) -> list[Candidate]:
        """Return every study that may be complete, with all of its instances, the oldest first.

        With `ended_only` these are those of which no association is open.
        The clock asks every second or so, mostly while nothing comes: what was read of a revision is not read again.
        `now` is not needed to answer: being RECEIVING is a state, not an age.
        """
        del now
        with self._database.read() as connection:
            studies = connection.execute(_RECEIVING).all()
            associations = {row.study_id: row for row in connection.execute(_ASSOCIATIONS)} if studies else {}
            if ended_only:
                studies = [row for row in studies if _open(associations.get(row.id)) == 0]
            facts = {row.id: facts_of(connection, row) for row in studies}
            series = {
                (row.id, row.revision): self._read_before.get((row.id, row.revision)) or series_of(connection, row.id)
                for row in studies
            }
        self._read_before = series
        return [
            _candidate(row, associations.get(row.id), series[row.id, row.revision], facts[row.id]) for row in studies
        ]

    def is_any_receiving(self) -> bool:
        """Tell whether `receiving` would find any study."""
        return self._row(_RECEIVING.with_only_columns(schema.study.c.id).limit(1)) is not None

    def growing(self, known: Mapping[str, int], *, by: int) -> tuple[Candidate, int] | None:
        """Return a study that still arrives, with the number of its instances; None where there is none.

        It has so many instances more than are `known` of it, by Study Instance UID; the oldest comes first.
        """
        with self._database.read() as connection:
            counts = connection.execute(_COUNTS, {"by": by}).all()
            row = next((each for each in counts if each.instances >= known.get(each.study_uid, 0) + by), None)
            study = None if row is None else connection.execute(_ARRIVING, {"study": row.id}).one_or_none()
            if study is None:
                return None
            series, facts = series_of(connection, study.id), facts_of(connection, study)
        return _candidate(study, None, series, facts), study.instances

    def complete(self, study_uid: StudyUID, revision: int, *, ranking: Where, cause: str, now: datetime) -> None:
        """Make a study READY, if it still is what the decision was made on.

        A study that has a result keeps its place until it is scored again, unless the new one is higher; one that
        was ready before keeps the time from which it counts as waiting.

        Raises:
            StaleClaim: an instance arrived meanwhile, or somebody else was faster.
        """
        with self._database.begin() as connection:
            study = locked_study(connection, study_uid.value)
            if study is None or study.state != State.RECEIVING or study.revision != revision:
                found = "no such study" if study is None else f"{study.state} at revision {study.revision}"
                raise StaleClaim(f"expected {study_uid} RECEIVING at revision {revision}, found {found}")
            _complete(connection, study, ranking, cause, now)

    def complete_now(self, study_uid: str, *, ranking: Where, cause: str, now: datetime) -> None:
        """Make a study READY whatever may still come.

        Raises:
            UnknownStudy: there is no such study.
            IllegalTransition: it does not wait for slices.
        """
        with self._database.begin() as connection:
            _complete(connection, known_study(connection, study_uid), ranking, cause, now)

    def requeue(
        self, study_uid: str, *, ranking: Where, now: datetime, cause: str = "requeued", why: str = "requeued by hand"
    ) -> None:
        """Have a study that has a result scored again; it does not sink meanwhile.

        The revision grows, so that a result still on its way from before is stale. `cause` is recorded with the order,
        `why` with the study.

        Raises:
            UnknownStudy: there is no such study.
            IllegalTransition: it has no result yet: it is on its way already.
            ActionRefused: its images were deleted; they have to be sent again first.
        """
        with self._database.begin() as connection:
            study = known_study(connection, study_uid)
            deleted = connection.execute(_DELETED, {"study": study.id}).scalar_one()
            if deleted:
                raise ActionRefused(f"{deleted} images of {study_uid} were deleted here: send them again first")
            state, revision = after(State(study.state), Event.REQUEUED), study.revision + 1
            values = {"state": state, "revision": revision, **UNTRIED}
            connection.execute(update(schema.study).where(schema.study.c.id == study.id), values)
            place = placed(connection, study, ranking, now=now, state=state)
            if order.higher(study, place):
                order.place(connection, study, place, cause=cause, now=now)
            record_event(connection, study, Event.REQUEUED, why, after=state, revision=revision, now=now)
            call_worker(connection, study)


def _complete(connection: Connection, study: Row[Any], ranking: Where, cause: str, now: datetime) -> None:
    state = after(State(study.state), Event.COMPLETE)
    ready_at = now if study.ready_at is None else study.ready_at
    values = {"state": state, "ready_at": ready_at, **UNTRIED}
    connection.execute(update(schema.study).where(schema.study.c.id == study.id), values)
    place = placed(connection, study, ranking, now=now, state=state, since=ready_at)
    if study.result_id is None or order.higher(study, place):
        order.place(connection, study, place, cause=cause, now=now)
    record_event(connection, study, Event.COMPLETE, cause, after=state, now=now)
    call_worker(connection, study)


def _open(associations: Row[Any] | None) -> int:
    return 0 if associations is None else int(associations.all - associations.closed)


def _candidate(
    study: Row[Any], associations: Row[Any] | None, series: tuple[Series, ...], facts: StudyFacts
) -> Candidate:
    return Candidate(
        study_uid=study_uid_of(study),
        revision=study.revision,
        first_instance_at=study.first_instance_at,
        last_instance_at=study.last_instance_at,
        open_associations=_open(associations),
        last_association_closed_at=None if associations is None else associations.last_closed_at,
        order_priority=RequestPriority(study.order_priority),
        series=series,
        facts=facts,
    )


_DELETED = (
    select(func.count())
    .select_from(schema.instance)
    .where(schema.instance.c.study_id == bindparam("study"), schema.instance.c.removal_id.is_not(None))
)
_RECEIVING = select(schema.study).where(schema.study.c.state == State.RECEIVING).order_by(schema.study.c.id)
_ARRIVING = _RECEIVING.where(schema.study.c.id == bindparam("study"))
_COUNTS = (
    select(schema.study.c.id, schema.study.c.study_uid, schema.study.c.instances)
    .where(schema.study.c.state == State.RECEIVING, schema.study.c.instances >= bindparam("by"))
    .order_by(schema.study.c.id)
    .limit(50)
)
_ASSOCIATIONS = (
    select(
        schema.association_study.c.study_id,
        func.count().label("all"),
        func.count(schema.association.c.closed_at).label("closed"),
        func.max(schema.association.c.closed_at).label("last_closed_at"),
    )
    .join(schema.association, schema.association.c.id == schema.association_study.c.association_id)
    .join(schema.study, schema.study.c.id == schema.association_study.c.study_id)
    .where(schema.study.c.state == State.RECEIVING)
    .group_by(schema.association_study.c.study_id)
)
