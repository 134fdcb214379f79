"""Writes the tickets that are missing: where more waits than there are tickets, as when its time has come by itself.

What waits for its next attempt, what dead processes held and what was on hold becomes due without a transaction that
could write a ticket. So do the tickets of whatever was written by hand, or while the engine's tables were emptied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, func, select

from triaged.store.couriers.answers import Answers
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.pauses import is_held
from triaged.store.couriers.queue import Queue
from triaged.store.dispatch.tickets import Task, issue, queue
from triaged.store.posting.drawing import DRAWINGS
from triaged.store.posting.scoring import of_stratum
from triaged.store.studies.claims import STUDIES
from triaged.store.tables.database import Ledger
from triaged.store.tables.modalities import is_of
from triaged.study.modalities import Stratum

SURPLUS: Final = 100
"""So many tickets more than there is to do may lie in a queue: those who take them do so for nothing, and quickly."""


class ToppingUp(Ledger):
    """What one process of the cluster does every second; for PostgreSQL alone."""

    def top_up(self, *, now: datetime) -> int:
        """Write the tickets that are missing, and use up those of queues that nobody takes; return how many it wrote.

        A worker takes a ticket for each study, a courier one for all that is due: so one is enough there.
        """
        from triaged.store.dispatch.engine import use_up, waiting

        with self._database.begin() as connection:
            due = _due(connection, now)
            there = waiting(connection)
            missing = {each: number - there.get(queue(*each), 0) for each, number in due.items()}
            for (task, of), number in missing.items():
                issue(connection, task, of, number=number)
            wanted = {queue(*each): number for each, number in due.items()}
            for name, number in there.items():
                for _ in range(number - wanted.get(name, 0) - SURPLUS):
                    use_up(connection, name)
        return sum(max(0, number) for number in missing.values())


def _due(connection: Connection, now: datetime) -> Mapping[tuple[Task, str], int]:
    """Return how many tickets there should be at least, by what they are for."""
    found: Counter[tuple[Task, str]] = Counter()
    for stratum in Stratum:
        studies = _STUDIES.where(*is_of([stratum]))
        found[Task.SCORE, of_stratum(stratum)] = int(connection.execute(studies, {"now": now}).scalar_one())
    found[Task.SCORE, ""] += int(connection.execute(_DRAWINGS, {"now": now}).scalar_one())
    for kind in (Outbox, Notifications, Answers):
        for peer in connection.execute(_peers(kind), {"now": now}).scalars():
            found[kind.task, peer if kind.has_courier_each else ""] = 1
    return found


def _peers(kind: type[Queue[Any]]) -> Select[Any]:
    """Return the query for those to whom something is due, and not on hold."""
    due: Select[Any] = kind.due.with_only_columns(kind.peer).order_by(None).limit(None)
    return due.where(~is_held(kind.peer)).distinct()


_STUDIES, _DRAWINGS = (
    select(func.count()).select_from(leases.table).where(leases.is_due) for leases in (STUDIES, DRAWINGS)
)
