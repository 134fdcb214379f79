"""What each destination accepted when it was last asked, for everybody who decides by it.

Knows no sockets: who asks tells what was answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import insert_or_replace
from triaged.study.records import Negotiated


class Peers(Ledger):
    """What the couriers learn of destinations."""

    def remember(self, destination: str, accepted: Mapping[str, Sequence[str]], *, now: datetime) -> Negotiated:
        """Keep an answer, which replaces the one before it: transfer syntaxes by SOP class, none where refused."""
        answer = Negotiated(destination, now, {uid: tuple(syntaxes) for uid, syntaxes in accepted.items()})
        values = {"destination": destination, "asked_at": now, "accepted": json.dumps(answer.accepted)}
        with self._database.begin() as connection:
            insert_or_replace(connection, schema.negotiated, values, key=["destination"])
        return answer

    def known(self, destination: str) -> Negotiated | None:
        """Return the last answer of a destination, or None where it never gave one."""
        row = self._row(select(schema.negotiated).where(schema.negotiated.c.destination == destination))
        return None if row is None else _negotiated(row)

    def all(self) -> list[Negotiated]:
        """Return the last answer of every destination that ever gave one, by name."""
        query = select(schema.negotiated).order_by(schema.negotiated.c.destination)
        return [_negotiated(row) for row in self._rows(query)]


def _negotiated(row: Row[Any]) -> Negotiated:
    accepted = {uid: tuple(syntaxes) for uid, syntaxes in json.loads(row.accepted).items()}
    return Negotiated(row.destination, row.asked_at, accepted)
