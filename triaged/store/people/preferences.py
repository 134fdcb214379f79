"""How each person wants the pages, as names and values; what they mean is the pages' business.

Kept by name, not by account: also where a proxy or this machine itself says who asks.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import insert_or_replace
from triaged.study.people import name_key

_rows = schema.preference


class Preferences(Ledger):
    """What people chose; nothing of anybody who chose nothing."""

    def of(self, person: str) -> dict[str, str]:
        """Return what somebody chose, by the names of the choices."""
        query = select(_rows.c.name, _rows.c.value).where(_rows.c.person_key == name_key(person))
        return {row.name: row.value for row in self._rows(query)}

    def keep(self, person: str, chosen: Mapping[str, str]) -> None:
        """Keep choices in place of earlier ones of the same names; an empty value takes a choice back."""
        with self._database.begin() as connection:
            for name, value in chosen.items():
                if value:
                    row = {"person_key": name_key(person), "name": name, "value": value}
                    insert_or_replace(connection, _rows, row, key=["person_key", "name"])
                else:
                    mine = (_rows.c.person_key == name_key(person), _rows.c.name == name)
                    connection.execute(delete(_rows).where(*mine))
