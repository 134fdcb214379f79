"""The locks that a process holds on the database file: while it has a connection, nobody may take the log away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.store.making import Studies, admit, instance
from triaged.store.tables.database import open_database

_VISIT = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM study'); c.close()"


def test_what_is_committed_outlives_the_visit_of_another_process(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    first = open_database(sqlite_url)
    with first.begin() as kept, first.read():  # the second connection of a process is made while it has one
        del kept
    second = open_database(sqlite_url)
    with second.read():
        pass
    admit(Studies(first), instance(1, 1))
    log = path.with_name(f"{path.name}-wal")
    before = log.stat().st_ino

    subprocess.run([sys.executable, "-c", _VISIT, str(path)], check=True, timeout=60)

    assert log.exists(), "expected the log that this process writes to, found it taken away by who closed last"
    assert log.stat().st_ino == before
    first.close()
    second.close()
