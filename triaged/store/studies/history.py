"""What happened to studies, for people who ask: events, moves, conflicts, decisions, counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Row, func, select

from triaged.store.listing.moves import moves_of
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import select_instances, series_by_study
from triaged.store.tables.views import Conflict, ConflictKind, HistoryEvent, Move, Quarantined, Removed, SeriesDecision
from triaged.study.kinds import kind_of
from triaged.study.lifecycle import State
from triaged.study.records import DerivedObject, Instance


class History(Ledger):
    """Reads only."""

    def events(self, study_uid: str, limit: int = 1000) -> list[HistoryEvent]:
        """Return the last `limit` events of a study, the oldest first."""
        query = (
            select(schema.event)
            .join(schema.study, schema.study.c.id == schema.event.c.study_id)
            .where(schema.study.c.study_uid == study_uid)
            .order_by(schema.event.c.id.desc())
            .limit(limit)
        )
        return [_event(study_uid, row) for row in reversed(self._rows(query))]

    def moves(self, study_uid: str) -> list[Move]:
        """Return every change of a study's position, the oldest first."""
        with self._database.read() as connection:
            return moves_of(connection, study_uid)

    def counts(self) -> Mapping[State, int]:
        """Return how many studies are in each state, also where there are none."""
        query = select(schema.study.c.state, func.count().label("studies")).group_by(schema.study.c.state)
        found = {row.state: row.studies for row in self._rows(query)}
        return {state: found.get(state.value, 0) for state in State}

    def conflicts(self, limit: int = 1000) -> list[Conflict]:
        """Return the instances that contradict each other, the newest first."""
        query = (
            select(schema.conflict, schema.study.c.study_uid)
            .join(schema.study, schema.study.c.id == schema.conflict.c.study_id)
            .where(schema.conflict.c.kind != ConflictKind.OTHER_SYNTAX)
            .order_by(schema.conflict.c.id.desc())
            .limit(limit)
        )
        return [
            Conflict(
                row.study_uid, ConflictKind(row.kind), row.sop_instance_uid, row.path, row.sha256, row.at, row.detail
            )
            for row in self._rows(query)
        ]

    def quarantined(self, limit: int = 1000) -> list[Quarantined]:
        """Return what could not be filed under a study and is still kept, the newest first."""
        table = schema.quarantine
        columns = [table.c[each.name] for each in fields(Quarantined)]
        query = select(*columns).where(table.c.removal_id.is_(None)).order_by(table.c.id.desc()).limit(limit)
        return [Quarantined(**row._mapping) for row in self._rows(query)]

    def series_decisions(self, study_uid: str) -> list[SeriesDecision]:
        """Return which series the current result was read from, and why not the others."""
        query = (
            select(schema.series_decision, schema.result.c.chosen_series_uid)
            .join(schema.result, schema.result.c.id == schema.series_decision.c.result_id)
            .join(schema.study, schema.study.c.result_id == schema.result.c.id)
            .where(schema.study.c.study_uid == study_uid)
            .order_by(schema.series_decision.c.series_uid)
        )
        return [
            SeriesDecision(row.series_uid, row.series_uid == row.chosen_series_uid, row.reason)
            for row in self._rows(query)
        ]

    def derived(self, study_uid: str) -> list[DerivedObject]:
        """Return the objects of the current result that are kept; those of second engines are not among them."""
        query = (
            select(schema.derived)
            .join(schema.study, schema.study.c.result_id == schema.derived.c.result_id)
            .where(schema.study.c.study_uid == study_uid, schema.derived.c.second_result_id.is_(None))
            .where(schema.derived.c.removal_id.is_(None))
            .order_by(schema.derived.c.id)
        )
        return [derived_object(row) for row in self._rows(query)]

    def removed(self, study_uid: str) -> list[Removed]:
        """Return what was deleted of a study on purpose and has not come again, the last first."""
        columns = (_removal.c.id, _removal.c.kept, _removal.c.at, _removal.c.why)
        found: list[Removed] = []
        for table in (schema.instance, schema.derived):
            query = (
                select(*columns, func.count().label("files"))
                .join(table, table.c.removal_id == _removal.c.id)
                .join(schema.study, schema.study.c.id == table.c.study_id)
                .where(schema.study.c.study_uid == study_uid)
                .group_by(*columns)
            )
            found += [Removed(row.kept, row.at, row.why, row.files) for row in self._rows(query)]
        return sorted(found, key=lambda each: each.at, reverse=True)

    def instance_count(self, study_uid: str) -> int:
        """Return how many instances of a study are kept; 0 where it is not known."""
        query = select(schema.study.c.instances).where(schema.study.c.study_uid == study_uid)
        return sum(row.instances for row in self._rows(query))

    def instances(self, study_uid: str) -> list[Instance]:
        """Return the kept instances of a study, series by series."""
        query = select_instances().where(schema.study.c.study_uid == study_uid)
        with self._database.read() as connection:
            found = series_by_study(connection, query)
        return [instance for series in found.values() for member in series for instance in member.instances]


def derived_object(row: Any) -> DerivedObject:
    """Return the object of a row of `derived`, alone or joined."""
    return DerivedObject(
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        kind=kind_of(row.kind),
        path=row.path,
        sha256=row.sha256,
    )


def _event(study_uid: str, row: Row[Any]) -> HistoryEvent:
    before = None if row.state_before is None else State(row.state_before)
    return HistoryEvent(study_uid, row.at, row.event, before, State(row.state_after), row.revision, row.detail)


_removal = schema.removal
