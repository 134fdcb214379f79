"""What was received and found last, as a trial of other settings needs it. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select

from triaged.store.listing.rankings import ranking_input_of
from triaged.store.posting.ruling import facts_of
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import series_of
from triaged.study.facts import StudyFacts
from triaged.study.ranking_input import RankingInput
from triaged.study.records import Series


@dataclass(frozen=True, slots=True)
class Received:
    """One study as it came and was read: what its headers say, and all that its place rests on.

    `algorithm` is what read it, with its version; empty where nothing has.
    """

    first_instance_at: datetime
    facts: StudyFacts
    series: tuple[Series, ...]
    known: RankingInput
    algorithm: str


class Replaying(Ledger):
    """The studies that came last."""

    def last(self, limit: int, *, now: datetime) -> list[Received]:
        """Return the last `limit` studies, the oldest first, as they are at one moment."""
        with self._database.read() as connection:
            return [
                Received(
                    row.first_instance_at,
                    facts_of(connection, row),
                    series_of(connection, row.id),
                    ranking_input_of(connection, row, now=now),
                    row.model or "",
                )
                for row in reversed(connection.execute(_LAST, {"limit": limit}).all())
            ]


_study, _result = schema.study, schema.result
_LAST = (
    select(_study, _result.c.model)
    .outerjoin(_result, _result.c.id == _study.c.result_id)
    .order_by(_study.c.id.desc())
    .limit(bindparam("limit"))
)
