"""Waits on a connection of its own until PostgreSQL notifies of a ticket; takes none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from triaged.errors import TryLater
from triaged.store.dispatch.engine import channel
from triaged.store.tables.database import Database

NextQueues = Callable[[float], Collection[str]]
"""Returns the queues in which tickets were written, as soon as there is one, or none after so many seconds.

Called where `listening` is open, which raises what it raises.
"""
_SILENT = 40
"""After so many times without a word the connection is tried."""


@contextmanager
def listening(database: Database, queues: Collection[str]) -> Iterator[NextQueues]:
    """Give what waits for tickets in these queues; what was written before is not told.

    Raises:
        TryLater: the connection is broken, or there is none.
    """
    of_channels = {channel(queue): queue for queue in queues}
    try:
        with database.own_connection() as connection:
            for name in of_channels:
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(name)))

            silent = 0

            def next_queues(most_s: float) -> Collection[str]:
                nonlocal silent
                found = list(connection.notifies(timeout=most_s, stop_after=1))
                silent = 0 if found else silent + 1
                if silent == _SILENT:
                    connection.execute("SELECT 1")  # a connection that broke is silent too
                    silent = 0
                return {of_channels[each.channel] for each in found}

            yield next_queues
    except psycopg.Error as error:
        raise TryLater(f"the database is away: {type(error).__name__}") from error
