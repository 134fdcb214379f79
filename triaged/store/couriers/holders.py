"""Who holds what, in all tables with holders, and how all of it is taken back from one who is gone.

Knows no clocks and no processes: whether somebody is gone is for others to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from triaged.store.couriers.answers import Answers
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.queue import Queue
from triaged.store.posting.drawing import DRAWINGS
from triaged.store.posting.leases import Leases
from triaged.store.posting.seconding import SECONDS
from triaged.store.studies.claims import STUDIES, Claims
from triaged.store.studies.drawings import Drawings
from triaged.store.studies.reception import Reception
from triaged.store.studies.seconds import Seconds
from triaged.store.tables.database import Ledger


@dataclass(frozen=True, slots=True)
class Released:
    """What was taken back from one who is gone; associations were closed."""

    studies: int
    second_results: int
    drawings: int
    deliveries: int
    associations: int

    def found(self) -> Mapping[str, int]:
        """Return the counts that are not zero, by their names."""
        return {name: number for name in self.__slots__ if (number := int(getattr(self, name)))}


class Holders(Ledger):
    """All who hold anything, under the names of their processes."""

    def names(self) -> frozenset[str]:
        """Return everybody who holds anything."""
        found = set(Reception(self._database).receivers())
        with self._database.read() as connection:
            for leases in _LEASED:
                found.update(connection.execute(leases.holders).scalars())
        return frozenset(found)

    def release(self, name: str, *, why: str, now: datetime) -> Released:
        """Take back everything from one who is gone; `why`, in a study's history, says what became of it.

        Of a study it counts as a lease that ran out. Whoever comes back after all finds its claims stale. A row that
        is locked at this moment stays held: ask again.
        """
        database = self._database
        queues: tuple[Queue[Any], ...] = (Outbox(database), Notifications(database), Answers(database))
        return Released(
            studies=Claims(database).release(name, why=why, now=now),
            second_results=Seconds(database).release(name),
            drawings=Drawings(database).release(name),
            deliveries=sum(queue.release(name) for queue in queues),
            associations=Reception(database).close_orphans(name, now=now),
        )


_LEASED: tuple[Leases, ...] = (STUDIES, SECONDS, DRAWINGS, Outbox.leases, Notifications.leases, Answers.leases)
