"""Rows of the quarantine by their numbers, for whoever settles them. Knows no files."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Row, delete, func, select

from triaged.errors import UnknownQuarantined
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.views import Quarantined


@dataclass(frozen=True, slots=True)
class Aside:
    """Bytes in quarantine, and the number by which people speak of them.

    `promised` tells that their sender was promised that they are kept (storage commitment).
    """

    number: int
    kept: Quarantined
    promised: bool


class Quarantines(Ledger):
    """What could not be filed."""

    def all(self, limit: int = 1000) -> list[Aside]:
        """Return what is there, the newest first."""
        return [_aside(row) for row in self._rows(select(_table).order_by(_table.c.id.desc()).limit(limit))]

    def one(self, number: int) -> Aside:
        """Return one by its number; `UnknownQuarantined` where there is none."""
        row = self._row(select(_table).where(_table.c.id == number))
        if row is None:
            raise UnknownQuarantined(f"expected a number of `triaged quarantine list`, found {number}")
        return _aside(row)

    def forget(self, number: int) -> bool:
        """Remove a row; return whether no other row is of the same file, so that the file may go too."""
        with self._database.begin() as connection:
            path = connection.execute(select(_table.c.path).where(_table.c.id == number)).scalar()
            connection.execute(delete(_table).where(_table.c.id == number))
            others = select(func.count()).select_from(_table).where(_table.c.path == path)
            return path is not None and connection.execute(others).scalar_one() == 0


def _aside(row: Row[Any]) -> Aside:
    values = {each.name: getattr(row, each.name) for each in fields(Quarantined)}
    return Aside(row.id, Quarantined(**values), row.promised_at is not None)


_table = schema.quarantine
