"""What became of each configuration that was read. Rows are added, never changed. Knows no files and no settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, insert, select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.trail.audits import write_audit
from triaged.study.audit import Audited, AuditEvent


class Verdict(StrEnum):
    """What became of a configuration."""

    TAKEN = "taken"
    PARTLY = "taken in part"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Reading:
    """A configuration that was read, and what became of it.

    `text` is without secrets, `sha256` that of the file as it was. `person` is who brought it, `difference` what it
    changes against the one in force, in words, `reason` why it was rejected or what is to be known of it.
    """

    at: datetime
    sha256: str
    text: str
    person: str
    verdict: Verdict
    difference: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Numbered:
    """The same with its number, from 1."""

    number: int
    reading: Reading


class Configurations(Ledger):
    """The versions of the configuration, in the order in which they were read."""

    def add(self, reading: Reading) -> int:
        """Keep a version and return its number; the same one twice in a row, with the same end, is kept once."""
        values = {column: getattr(reading, column) for column in _COLUMNS}
        with self._database.begin() as connection:
            last = connection.execute(_LAST).one_or_none()
            if last is not None and _said(_reading(last)) == _said(reading):
                return int(last.id)
            number = int(connection.execute(_ADD, values).scalar_one())
            write_audit(connection, [_audited(number, reading)])
            return number

    def all(self, limit: int = 1000) -> list[Numbered]:
        """Return the last versions, the newest first."""
        return self._numbered(_ALL.limit(limit))

    def one(self, number: int) -> Numbered | None:
        """Return the version of this number, or None."""
        return next(iter(self._numbered(select(_table).where(_table.c.id == number))), None)

    def in_force(self) -> Numbered | None:
        """Return the last version that was taken, or None where none ever was."""
        return next(iter(self._numbered(_ALL.where(_table.c.verdict != Verdict.REJECTED).limit(1))), None)

    def number_of(self, sha256: str, *, at: datetime) -> int | None:
        """Return the number under which a version was in force at a time, or None where it was not kept."""
        was_taken = (_table.c.sha256 == sha256) & (_table.c.verdict != Verdict.REJECTED)
        found = self._numbered(_ALL.where(was_taken))
        before = [each.number for each in found if each.reading.at <= at]
        return next(iter([*before, *(each.number for each in reversed(found))]), None)

    def _numbered(self, query: Select[Any]) -> list[Numbered]:
        return [Numbered(row.id, _reading(row)) for row in self._rows(query)]


def _audited(number: int, reading: Reading) -> Audited:
    taken = reading.verdict != Verdict.REJECTED
    what = {"person": reading.person, "source": "supervisor", "target": f"version {number}"}
    detail = f"{reading.verdict.value}: sha256 {reading.sha256}"
    return Audited(AuditEvent.CONFIGURATION, reading.at, detail=detail, succeeded=taken, **what)


def _said(reading: Reading) -> tuple[str, ...]:
    return reading.sha256, reading.verdict, reading.reason


def _reading(row: Row[Any]) -> Reading:
    return Reading(row.at, row.sha256, row.text, row.person, Verdict(row.verdict), row.difference, row.reason)


_table = schema.configuration
_COLUMNS = [column.name for column in _table.c if column.name != "id"]
_ALL = select(_table).order_by(_table.c.id.desc())
_LAST = _ALL.limit(1)
_ADD = insert(_table).returning(_table.c.id)
