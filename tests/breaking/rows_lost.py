"""Takes rows away from files of a daemon that does not run, as a crash between file and row leaves them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

import psycopg

from tests.programs import Daemon

_STATEMENTS: Sequence[str] = (
    "DELETE FROM instance WHERE id IN (SELECT max(id) FROM instance)",
    "DELETE FROM quarantine WHERE id IN (SELECT max(id) FROM quarantine)",
)


def lose_rows(daemon: Daemon) -> int:
    """Delete the row of the last image and of the last thing in quarantine; return how many rows went."""
    url = daemon.settings.get("database", {}).get("url")
    if url is None:
        with closing(sqlite3.connect(daemon.folder / "var" / "triaged.db")) as file, file:
            return sum(file.execute(statement).rowcount for statement in _STATEMENTS)
    with psycopg.connect(url, autocommit=True) as server:
        return sum(server.execute(statement.encode()).rowcount for statement in _STATEMENTS)
