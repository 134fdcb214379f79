"""Writes a database of each revision of the schema as SQL: `python -m tests.store.tables.old_schemas.make`.

What is there is never written again: it is what that version left. A new migration needs one more file.
"""

from __future__ import annotations

import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from tests.store.tables.test_upgrade import ROWS, TIMES
from triaged.store.tables import database as databases
from triaged.store.tables.database import open_database

FOLDER = Path(__file__).parent
SOP = "1.2.826.0.3.1.1"
VALUES = {
    "commitment_report.report": f'{{"transaction_uid": "2.25.9", "failed": [], "committed": '
    f'[{{"sop_class_uid": "1.2.840.10008.5.1.4.1.1.2", "sop_instance_uid": "{SOP}"}}]}}',
    "policy.settings": "{}",
    "policy.reasons": "[]",
    "policy.set_aside": "{}",
    "negotiated.accepted": "{}",
    "conflict.kind": "other-content",
    "study.modalities": "",
    "push_receiver.occasions": "[]",
}
"""What columns have that hold JSON, or a word that only the program knows."""


def revisions() -> list[str]:
    """Return every revision, the first one first."""
    scripts = ScriptDirectory.from_config(databases._migrations())
    return [script.revision for script in reversed(list(scripts.walk_revisions()))]


def main() -> None:
    """Write the files that are not there yet."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "old.db"
        for revision in revisions():
            _upgrade(path, revision)
            with closing(sqlite3.connect(path)) as connection:
                if revision == "0001":
                    for row in ROWS:
                        connection.execute(row, {name: value for name, value in TIMES.items() if f":{name}" in row})
                for table in _empty(connection):
                    _fill(connection, table)
                connection.commit()
                target = FOLDER / f"{revision}.sql"
                if not target.exists():
                    target.write_text("\n".join(connection.iterdump()) + "\n", encoding="utf-8")


def _upgrade(path: Path, revision: str) -> None:
    database = open_database(f"sqlite:///{path}")
    config = databases._migrations()
    with database.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    database.close()


def _empty(connection: sqlite3.Connection) -> Iterator[str]:
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for name in sorted(names):
        if connection.execute(f"SELECT count(*) FROM {name}").fetchone() == (0,):
            yield name


def _fill(connection: sqlite3.Connection, table: str) -> None:
    """Insert one row with what the columns need that may not be empty."""
    (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", [table]).fetchone()
    values = {}
    for _, name, kind, is_needed, default, _ in connection.execute(f"PRAGMA table_info({table})"):
        if is_needed and default is None:
            values[name] = VALUES.get(f"{table}.{name}", _value(name, kind, sql))
    names, marks = ", ".join(f'"{name}"' for name in values), ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(values.values()))


def _value(name: str, kind: str, sql: str) -> object:
    allowed = re.search(rf"\b{name} IN \('([^']+)'", sql)
    if allowed:
        return allowed[1]
    if kind.startswith("VARCHAR"):
        return TIMES["then"]
    return {"TEXT": "x", "FLOAT": 0.5}.get(kind, 1)


if __name__ == "__main__":
    main()
