"""Which worker completes which draft, until when, and the objects that came of it.

A claim is owned by (row, worker, attempt); it is stale once another result has taken the place of the one it is of.
The study's place, state and result stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from triaged.errors import StaleClaim
from triaged.store.posting.drawing import DRAWINGS, DrawingState
from triaged.store.posting.leases import claim
from triaged.store.posting.publishing import publish
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import locked_study
from triaged.study.kinds import ObjectKind
from triaged.study.records import DerivedObject


@dataclass(frozen=True, slots=True)
class Drawing:
    """A draft that a worker has claimed, in its `attempts`-th attempt."""

    drawing_id: int
    study_uid: str
    result_id: int
    draft_path: str
    attempts: int
    worker: str


class Drawings(Ledger):
    """What workers write of drafts; `StaleClaim` where the result was superseded, or the lease was taken away."""

    def claim_next(self, worker: str, *, lease_s: float, now: datetime) -> Drawing | None:
        """Take the draft that has waited longest, or None."""

        def take(connection: Connection) -> Drawing | None:
            row = connection.execute(_NEXT_LOCKED, {"now": now}).first()
            if row is None:
                return None
            found = Drawing(row.id, row.study_uid, row.result_id, row.draft_path, row.attempts + 1, worker)
            DRAWINGS.hold(connection, row.id, worker, attempt=found.attempts, lease_s=lease_s, now=now)
            return found

        return claim(self._database, _NEXT, take, now=now)

    def release(self, worker: str) -> int:
        """Let be claimed again what a worker that is gone has; return how many."""
        with self._database.begin() as connection:
            return DRAWINGS.release(connection, worker)

    def drawn(
        self,
        drawing: Drawing,
        objects: Sequence[DerivedObject],
        destinations: Mapping[str, frozenset[ObjectKind]],
        *,
        now: datetime,
    ) -> None:
        """Publish the objects with their deliveries, as part of the result that the draft is of."""
        with self._database.begin() as connection:
            study = locked_study(connection, drawing.study_uid)
            if study is None or study.result_id != drawing.result_id:
                raise StaleClaim(f"expected the result that a draft of {drawing.study_uid} is of, found another one")
            _settle(connection, drawing, {"state": DrawingState.DRAWN, "error": None})
            publish(connection, study.id, drawing.result_id, objects, destinations, now=now)

    def retry_later(self, drawing: Drawing, *, error: str, not_before: datetime) -> None:
        """Let it be claimed again, not before a time."""
        with self._database.begin() as connection:
            _settle(connection, drawing, {"not_before": not_before, "error": error})

    def failed(self, drawing: Drawing, *, error: str) -> None:
        """Give it up; the study keeps everything else."""
        with self._database.begin() as connection:
            _settle(connection, drawing, {"state": DrawingState.FAILED, "error": error})


def _settle(connection: Connection, drawing: Drawing, values: Mapping[str, Any]) -> None:
    if not DRAWINGS.settle(connection, drawing.drawing_id, drawing.worker, drawing.attempts, values):
        raise StaleClaim(f"expected the draft of {drawing.study_uid} in attempt {drawing.attempts}, found it settled")


_drawing, _study = schema.drawing, schema.study
_NEXT = select(_drawing.c.id).where(DRAWINGS.is_due).limit(1)
_NEXT_LOCKED = (
    select(_drawing, _study.c.study_uid)
    .join(_study, _study.c.id == _drawing.c.study_id)
    .where(DRAWINGS.is_due)
    .order_by(_drawing.c.id)
    .limit(1)
    .with_for_update(skip_locked=True, of=_drawing)
)
