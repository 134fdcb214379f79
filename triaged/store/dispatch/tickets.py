"""Tickets: "there is something to do", written in the transaction that makes it so, and used up by who looks.

A ticket says nothing of what is to be done: the tables of studies and deliveries do, and alone. So a ticket that is
lost costs a moment, until the next is written or somebody looks without one, and one too many costs a look. On SQLite
there are none: whoever waits there looks several times a second.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from triaged.errors import TryLater
from triaged.store.tables.database import Database, Ledger

_LONGEST: Final = 40
"""PostgreSQL's names of channels have at most 63 bytes, and Procrastinate begins them with 23."""
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")


class Task(StrEnum):
    """What there is to do."""

    SCORE = "score"
    DELIVER = "deliver"
    PUSH = "push"
    COMMITMENT = "commitment"


def queue(task: Task, of: str = "") -> str:
    """Return the queue of a task: one for each pool, destination or receiver, whose name `of` is."""
    if not of:
        return task.value
    name = f"{task}.{of}"
    if len(name) <= _LONGEST and _PLAIN.fullmatch(of):
        return name
    return f"{task}.{hashlib.sha256(of.encode()).hexdigest()[: _LONGEST - len(task) - 1]}"


def interval_of(now: datetime, every_s: float) -> int:
    """Return the number of the interval that it is now, the same on all machines whose clocks agree."""
    return int(now.timestamp() // every_s)


def has_tickets(database: Database) -> bool:
    """Tell whether whoever waits for work can wait for tickets."""
    return database.dialect == "postgresql"


def issue(connection: Connection, task: Task, of: str = "", *, number: int = 1) -> None:
    """Write tickets in the open transaction; nobody has them before it is committed."""
    if connection.dialect.name == "postgresql" and number > 0:
        from triaged.store.dispatch.engine import defer

        defer(connection, queue(task, of), task, number=number)


class Tickets(Ledger):
    """What those who wait for work do with tickets; for PostgreSQL alone."""

    def take(self, queue: str) -> bool:
        """Use up a ticket; False where none is there. No two take the same."""
        from triaged.store.dispatch.engine import use_up, without_waiting

        with self._database.begin() as connection:
            without_waiting(connection)
            return use_up(connection, queue)

    def turn(self, what: str, *, every_s: float, now: datetime) -> bool:
        """Tell whether this process does what one in the cluster does in each interval: the first that asks in it.

        It may still be at it when the next has its turn: what is done by turns can be done by two at once. So where the
        tables of tickets cannot be used everybody has the turn.
        """
        from triaged.store.dispatch.engine import take_turn, without_waiting

        try:
            with self._database.begin() as connection:
                without_waiting(connection)
                return take_turn(connection, what, interval_of(now, every_s))
        except (DBAPIError, TryLater):
            return True

    def remove_left(self) -> int:
        """Remove tickets that somebody died with; return how many. They are written anew where they are missing."""
        from triaged.store.dispatch.engine import remove_left, without_waiting

        with self._database.begin() as connection:
            without_waiting(connection)
            return remove_left(connection)
