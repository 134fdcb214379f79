"""Which processes serve this store, and whether they get on. Knows no studies, no clock and no limits."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import insert_or_replace
from triaged.study.pulse import Pulse


class Pulses(Ledger):
    """One row for each process."""

    def write(self, pulse: Pulse) -> None:
        """Replace what a process of this name said before."""
        values = {"name": pulse.name, "role": pulse.role, "beat": pulse.beat, "hung": pulse.hung}
        with self._database.begin() as connection:
            insert_or_replace(connection, schema.pulse, values, key=["name"])

    def move(self, name: str, beat: str) -> None:
        """Give another sign of life for a process that serves; nothing where it has none yet."""
        with self._database.begin() as connection:
            connection.execute(update(schema.pulse).where(schema.pulse.c.name == name), {"beat": beat})

    def remove(self, name: str) -> None:
        """Forget a process that ends."""
        with self._database.begin() as connection:
            connection.execute(delete(schema.pulse).where(schema.pulse.c.name == name))

    def forget(self, pulse: Pulse) -> None:
        """Forget a process that has said nothing since."""
        with self._database.begin() as connection:
            row = schema.pulse.c
            connection.execute(delete(schema.pulse).where(row.name == pulse.name, row.beat == pulse.beat))

    def all(self) -> list[Pulse]:
        """Return what each process said last, by name."""
        query = select(schema.pulse).order_by(schema.pulse.c.name)
        return [Pulse(row.name, row.role, row.beat, row.hung) for row in self._rows(query)]
