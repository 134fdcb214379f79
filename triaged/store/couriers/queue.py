"""What is on its way to a peer, one row each: claimed by couriers, kept until it is there or given up.

Knows no sockets, and not what is sent: each kind has a ledger of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from sqlalchemy import Connection

from triaged.errors import StaleClaim
from triaged.store.posting.leases import Leases
from triaged.store.tables.database import Ledger
from triaged.study.records import DeliveryState


class Claimed(Protocol):
    """Something that a courier has claimed, in its `attempts`-th attempt."""

    @property
    def attempts(self) -> int:
        """Return the attempt, from 1."""
        ...


Item = TypeVar("Item", bound=Claimed)


class Queue(Ledger, ABC, Generic[Item]):
    """What couriers write of one kind of thing; how a claim ends is written only while it is theirs.

    Those methods raise `StaleClaim` where the lease ran out and another courier has the item, and nothing is written.
    """

    leases: ClassVar[Leases]

    def release(self, courier: str) -> int:
        """Make due again what a courier of this name had when it died; return how many.

        A courier that starts calls this: waiting for the lease to run out would only delay what it had.
        """
        with self._database.begin() as connection:
            return self.leases.release(connection, courier)

    def sent(self, item: Item, *, now: datetime) -> None:
        """Record that the peer has it."""
        with self._database.begin() as connection:
            self._settle(connection, item, {"state": DeliveryState.SENT, "sent_at": now, "error": None})

    def retry(self, item: Item, *, error: str, next_attempt_at: datetime, now: datetime) -> None:
        """Record that it did not work, and when to try again, unless something newer takes its place."""
        self._not_sent(item, {"next_attempt_at": next_attempt_at, "error": error}, now)

    def refused(self, item: Item, *, error: str, now: datetime) -> None:
        """Record that the peer does not want it."""
        self._not_sent(item, {"state": DeliveryState.REFUSED, "error": error}, now)

    def dead(self, item: Item, *, error: str, now: datetime) -> None:
        """Give it up until somebody asks for it again."""
        self._not_sent(item, {"state": DeliveryState.DEAD, "error": error}, now)

    @abstractmethod
    def _named(self, item: Item) -> tuple[int, str]:
        """Return the number of its row, and what messages call it."""

    def _not_sent(self, item: Item, values: Mapping[str, Any], now: datetime) -> None:
        del now
        with self._database.begin() as connection:
            self._settle(connection, item, values)

    def _settle(self, connection: Connection, item: Item, values: Mapping[str, Any]) -> None:
        number, name = self._named(item)
        if not self.leases.settle(connection, number, item.attempts, values):
            raise StaleClaim(f"expected {name} in attempt {item.attempts}, found it with another courier, or settled")
