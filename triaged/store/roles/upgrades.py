"""How a database came to its schema, and what is to be said where it cannot be used as it is. Knows no processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, inspect, select

from triaged.store.tables import schema
from triaged.store.tables.database import Database, Ledger, revision_of


@dataclass(frozen=True, slots=True)
class Upgrade:
    """An upgrade of the schema; `backup` is the database as it was before."""

    program: str
    revision_before: str
    revision_after: str
    backup: str


class Upgrades(Ledger):
    """What is written once after each upgrade."""

    def record(self, done: Upgrade, *, now: datetime) -> None:
        """Write down an upgrade."""
        values = {
            "at": now,
            "program": done.program,
            "revision_before": done.revision_before,
            "revision_after": done.revision_after,
            "backup": done.backup,
        }
        with self._database.begin() as connection:
            connection.execute(insert(_upgrade), values)

    def last(self) -> Upgrade | None:
        """Return the last one; None where none is known, as in a database of an early version."""
        with self._database.read() as connection:
            if not inspect(connection).has_table(_upgrade.name):
                return None
            row = connection.execute(select(_upgrade).order_by(_upgrade.c.id.desc()).limit(1)).first()
        if row is None:
            return None
        return Upgrade(row.program, row.revision_before, row.revision_after, row.backup)


def newer_words(database: Database, program: str) -> str:
    """Return what is to be done about a database with a schema that this version of the program does not know."""
    found, last = revision_of(database), Upgrades(database).last()
    by = "a newer version" if last is None else f"version {last.program}"
    kept = "" if last is None or not last.backup else f", or restore {last.backup}, which is the database before that"
    return (
        f"database.url: expected a schema that version {program} knows, found {found}, made by {by}: "
        f"start that version{kept}"
    )


_upgrade = schema.upgrade
