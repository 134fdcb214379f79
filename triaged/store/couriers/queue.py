"""What is on its way to a peer, one row each: claimed by couriers, kept until it is there or given up.

Knows no sockets, and not what is sent: each kind has a ledger of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Select, func, select, update

from triaged.errors import StaleClaim
from triaged.store.couriers.pauses import is_held
from triaged.store.dispatch.tickets import Task, issue
from triaged.store.posting.leases import Leases, claim, is_free, posted
from triaged.store.tables.database import Ledger
from triaged.study.records import DeliveryState


class Claimed(Protocol):
    """Something that a courier has claimed, in its `attempts`-th attempt."""

    @property
    def attempts(self) -> int:
        """Return the attempt, from 1."""
        ...

    @property
    def courier(self) -> str:
        """Return who has claimed it."""
        ...


Item = TypeVar("Item", bound=Claimed)


class Queue(Ledger, ABC, Generic[Item]):
    """What couriers write of one kind of thing; how a claim ends is written only while it is theirs.

    Those methods raise `StaleClaim` where the lease ran out and another courier has the item, and nothing is written.
    """

    leases: ClassVar[Leases]
    due: ClassVar[Select[Any]]
    """Finds what has been due for longest at the parameter `now`."""
    peer: ClassVar[Column[Any]]
    task: ClassVar[Task]
    has_courier_each: ClassVar[bool] = True
    """Whether each peer has a courier of its own, or all have one."""

    def claim_due(self, courier: str, *, to: str | None = None, lease_s: float, now: datetime) -> Item | None:
        """Take what has been due for longest, to one peer or to any; None when nothing is, or it is on hold."""
        due = self.due.where(~is_held(self.peer))
        due = due if to is None else due.where(self.peer == to)

        def take(connection: Connection) -> Item | None:
            item = self._first(connection, due, courier, now)
            if item is not None:
                number, _ = self._named(item)
                self.leases.hold(connection, number, courier, attempt=item.attempts, lease_s=lease_s, now=now)
            return item

        return claim(self._database, due, take, now=now)

    def release(self, courier: str, *, to: str | None = None) -> int:
        """Make due again what a courier that is gone, or in doubt, has, to one peer or to any; return how many."""
        with self._database.begin() as connection:
            return self.leases.release(connection, courier, *(() if to is None else (self.peer == to,)))

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

    def counts(self) -> Mapping[str, Mapping[DeliveryState, int]]:
        """Return how many are in each state, per peer that ever had one."""
        state = self.leases.table.c.state
        query = select(self.peer.label("peer"), state, func.count().label("items")).group_by(self.peer, state)
        found: dict[str, dict[DeliveryState, int]] = {}
        for row in self._rows(query):
            per_state = found.setdefault(row.peer, dict.fromkeys(DeliveryState, 0))
            per_state[DeliveryState(row.state)] = row.items
        return found

    def not_arriving(self) -> Mapping[str, int]:
        """Return how many wait for another attempt after one that failed, per peer that has any."""
        table = self.leases.table.c
        waiting = select(self.peer.label("peer"), func.count().label("items")).where(
            table.state == DeliveryState.PENDING, table.error.is_not(None)
        )
        return {row.peer: row.items for row in self._rows(waiting.group_by(self.peer))}

    def waiting(self) -> Mapping[str, int]:
        """Return how many wait for each peer that any waits for, whether it was tried or not."""
        waits = self.leases.table.c.state == DeliveryState.PENDING
        query = select(self.peer.label("peer"), func.count().label("items")).where(waits).group_by(self.peer)
        return {row.peer: row.items for row in self._rows(query)}

    def drop(self, peer: str, *, why: str, now: datetime) -> int:
        """Withdraw what waits for a peer or was given up, and no courier has; return how many."""
        values = {"state": DeliveryState.WITHDRAWN, "courier": None, "lease_expires_at": None, "error": why}
        with self._database.begin() as connection:
            return self._change_idle(connection, peer, values, now)

    def move(self, peer: str, to: str, *, now: datetime) -> int:
        """Let another peer get what waits for one or was given up, and no courier has; return how many."""
        with self._database.begin() as connection:
            values = {self.peer.name: to, "error": None, **posted(now)}
            moved = self._change_idle(connection, peer, values, now)
            if moved:
                self._issue(connection, to)
        return moved

    def _change_idle(self, connection: Connection, peer: str, values: Mapping[str, Any], now: datetime) -> int:
        idle = update(self.leases.table).where(*self._idle(peer))
        return connection.execute(idle, {**values, "now": now}).rowcount

    def _issue(self, connection: Connection, *peers: str) -> None:
        """Write a ticket for the courier of each of these peers."""
        for peer in sorted(set(peers)):
            issue(connection, self.task, peer if self.has_courier_each else "")

    def _idle(self, peer: str) -> list[ColumnElement[bool]]:
        table = self.leases.table
        unsent = table.c.state.in_([DeliveryState.PENDING, DeliveryState.DEAD])
        return [self.peer == peer, unsent, is_free(table)]

    @abstractmethod
    def _first(self, connection: Connection, due: Select[Any], courier: str, now: datetime) -> Item | None:
        """Return what the query `due` finds, in its next attempt, with its row locked."""

    @abstractmethod
    def _named(self, item: Item) -> tuple[int, str]:
        """Return the number of its row, and what messages call it."""

    def _not_sent(self, item: Item, values: Mapping[str, Any], now: datetime) -> None:
        del now
        with self._database.begin() as connection:
            self._settle(connection, item, values)

    def _settle(self, connection: Connection, item: Item, values: Mapping[str, Any]) -> None:
        number, name = self._named(item)
        if not self.leases.settle(connection, number, item.courier, item.attempts, values):
            raise StaleClaim(f"expected {name} in attempt {item.attempts}, found it with another courier, or settled")
