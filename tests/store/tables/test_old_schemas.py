"""A database of every revision there ever was, brought to this version's schema with all of its rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.tables.old_schemas.make import FOLDER, revisions
from triaged.store.tables.database import Schema, migrate, open_database, schema_of

GONE = frozenset({"move"})
"""Tables whose rows are in another one since; `test_upgrade` looks at them there."""
Rows = dict[str, dict[tuple[object, ...], dict[str, object]]]


def rows_of(path: Path) -> Rows:
    """Return every row by its key, of every table."""
    found: Rows = {}
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            keys = [row["name"] for row in connection.execute(f"PRAGMA table_info({name})") if row["pk"]]
            rows = [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
            found[name] = {tuple(row[key] for key in keys): row for row in rows}
    return found


def test_there_is_a_database_of_every_revision() -> None:
    found = sorted(path.stem for path in FOLDER.glob("*.sql"))
    assert found == sorted(revisions()), "python -m tests.store.tables.old_schemas.make writes what is missing"


@pytest.mark.parametrize("revision", revisions())
def test_every_row_of_an_old_database_is_there_afterwards(revision: str, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FOLDER / f"{revision}.sql").read_text(encoding="utf-8"))
    before = rows_of(path)
    assert min(len(rows) for rows in before.values()) >= 1
    database = open_database(f"sqlite:///{path}")
    migrate(database)
    assert schema_of(database) is Schema.CURRENT
    database.close()
    after = rows_of(path)
    for table in before.keys() - GONE - {"alembic_version"}:
        assert before[table].keys() <= after[table].keys(), table
    for table in ("instance", "event", "quarantine", "association"):
        for key, row in before[table].items():
            kept = {name: value for name, value in after[table][key].items() if name in row}
            assert kept == row, table
