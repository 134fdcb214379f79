"""How many studies wait for a worker, by the kind of workers that take them; reads only."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import case, func, select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.modalities import is_of
from triaged.study.lifecycle import State
from triaged.study.modalities import Stratum


class Unclaimed(Ledger):
    """Studies that are complete and that nobody has claimed."""

    def numbers(self) -> Mapping[Stratum, int]:
        """Return how many there are of each kind."""
        row = self._rows(_NUMBERS)[0]
        return {stratum: int(row[number] or 0) for number, stratum in enumerate(Stratum)}


_NUMBERS = select(*(func.sum(case((is_of([stratum])[0], 1), else_=0)) for stratum in Stratum)).where(
    schema.study.c.state == State.READY
)
