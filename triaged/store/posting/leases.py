"""Rows of which each has one holder at a time: claimed, kept, settled and given back, in whatever table they are.

A claim is owned by (row, holder, attempt) and ends with its lease, so that a holder who dies holds up nothing. Knows no
table, and not what is done with a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, FromClause, Select, Table, and_, bindparam, or_, select, update

from triaged.store.tables.columns import Instant
from triaged.store.tables.database import Database
from triaged.study.records import DeliveryState

Taken = TypeVar("Taken")

_now = bindparam("now", type_=Instant())
_lease, _wait = bindparam("lease", type_=Instant()), bindparam("wait", type_=Instant())


def is_free(table: FromClause) -> ColumnElement[bool]:
    """True for rows that nobody has at the parameter `now`."""
    return or_(table.c.lease_expires_at.is_(None), table.c.lease_expires_at <= _now)


def claim(
    database: Database, due: Select[Any], take: Callable[[Connection], Taken | None], *, now: datetime
) -> Taken | None:
    """Return what `take` takes in a transaction of its own, or None where the query `due` finds nothing.

    This is asked often and mostly in vain: then without the write lock, in nobody's way.
    """
    with database.read() as connection:
        if connection.execute(due, {"now": now}).first() is None:
            return None
    with database.begin() as connection:
        return take(connection)


def posted(now: datetime) -> dict[str, Any]:
    """Return the columns of what a courier is to take to a peer, as if it had never been tried."""
    return {"state": DeliveryState.PENDING, "attempts": 0, "next_attempt_at": now}


class Leases:
    """One leased table, by default one of what couriers take to peers.

    `holder` and `not_before` are the columns that say who has a row, and from when on it may be claimed. A row is
    claimed in the state `waiting` and is `held` then, where that is another one.
    """

    def __init__(
        self,
        table: Table,
        *,
        holder: str = "courier",
        not_before: str = "next_attempt_at",
        waiting: str = DeliveryState.PENDING,
        held: str = DeliveryState.PENDING,
    ) -> None:
        at, is_held = table.c[not_before], table.c.state == held
        is_time = or_(at.is_(None), at <= _now) if at.nullable else at <= _now
        free = (is_free(table),) if held == waiting else ()
        self.nobody: Mapping[str, None] = {holder: None, "lease_expires_at": None}
        self.is_due = and_(table.c.state == waiting, is_time, *free)
        """True for rows that may be claimed at the parameter `now`."""
        self.holders = select(table.c[holder]).where(is_held, table.c[holder].is_not(None)).distinct()
        """Finds the name of everybody who has a row."""
        self.held_by = select(table).where(is_held, table.c[holder] == bindparam("holder")).order_by(table.c.id)
        self.expired = select(table).where(is_held, table.c.lease_expires_at < _now).order_by(table.c.id)
        self.is_ahead = or_(table.c.lease_expires_at > _lease, and_(table.c.state == waiting, at > _wait))
        """True for rows with a lease after the parameter `lease`, or a wait after the parameter `wait`."""
        self._not_before, self._waiting = at, table.c.state == waiting
        self.table, self._holder = table, holder
        self._first = (at, table.c.id)
        self._claimed = {} if held == waiting else {"state": held, not_before: None}
        self._set = update(table).where(table.c.id == bindparam("item"))
        self._set_owned = self._set.where(
            is_held, table.c[holder] == bindparam("by"), table.c.attempts == bindparam("attempt")
        )
        self._held_by = is_held, table.c[holder] == bindparam("by")

    def first(self, *columns: Any) -> Select[Any]:
        """Return the query for the row that has been due for longest."""
        return select(*columns).where(self.is_due).order_by(*self._first).limit(1)

    def hold(
        self, connection: Connection, item: int, holder: str, *, attempt: int, lease_s: float, now: datetime
    ) -> datetime:
        """Give a row that is due, and locked, to a holder for its next attempt; return when the lease ends."""
        until = now + timedelta(seconds=lease_s)
        values = {self._holder: holder, "lease_expires_at": until, "attempts": attempt, **self._claimed}
        connection.execute(self._set, {"item": item, **values})
        return until

    def extend(self, connection: Connection, item: int, *, lease_s: float, now: datetime) -> datetime:
        """Keep a row that its holder has locked; return when the lease ends."""
        until = now + timedelta(seconds=lease_s)
        connection.execute(self._set, {"item": item, "lease_expires_at": until})
        return until

    def give_back(self, connection: Connection, item: int, values: Mapping[str, Any]) -> None:
        """Free a row that is locked, and give it these values."""
        connection.execute(self._set, {"item": item, **self.nobody, **values})

    def settle(self, connection: Connection, item: int, holder: str, attempt: int, values: Mapping[str, Any]) -> bool:
        """Free a row and give it these values, if the same still has it in the same attempt; tell whether that was so.

        The attempt alone would not do: a row that is posted anew counts from 1 again.
        """
        parameters = {"item": item, "by": holder, "attempt": attempt, **self.nobody, **values}
        return connection.execute(self._set_owned, parameters).rowcount == 1

    def put_right(
        self,
        connection: Connection,
        lease_until: datetime,
        *,
        lease_at_most: datetime,
        wait_at_most: datetime,
        now: datetime,
    ) -> int:
        """Let leases that a clock wrote which was ahead end at `lease_until`, and such waits now; return how many."""
        expires_at, at = self.table.c.lease_expires_at, self._not_before
        leases = update(self.table).where(expires_at > lease_at_most).values({expires_at: lease_until})
        waits = update(self.table).where(self._waiting, at > wait_at_most).values({at: now})
        return connection.execute(leases).rowcount + connection.execute(waits).rowcount

    def release(self, connection: Connection, holder: str, *of: ColumnElement[bool]) -> int:
        """Make due again what a holder of this name has, of the rows for which `of` is true; return how many.

        A row that somebody has locked stays: a holder that was stopped within a transaction would stop whoever waits.
        """
        theirs = select(self.table.c.id).where(*self._held_by, *of).with_for_update(key_share=True, skip_locked=True)
        free = update(self.table).where(self.table.c.id.in_(theirs)).values(**self.nobody)
        return connection.execute(free, {"by": holder}).rowcount
