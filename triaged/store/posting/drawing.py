"""Results whose further objects are made later: queued with the result, dropped with one that is superseded.

Functions within a transaction of their callers. Knows no pictures.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Connection, bindparam, insert, update

from triaged.store.dispatch.tickets import Task, issue
from triaged.store.posting.leases import Leases
from triaged.store.tables import schema


class DrawingState(StrEnum):
    """What became of a draft."""

    WAITING = "WAITING"
    DRAWN = "DRAWN"
    FAILED = "FAILED"
    DROPPED = "DROPPED"


_drawing = schema.drawing
DRAWINGS = Leases(
    _drawing, holder="worker", not_before="not_before", waiting=DrawingState.WAITING, held=DrawingState.WAITING
)
"""What is leased to whoever completes drafts."""


def queue_drawing(connection: Connection, study_id: int, result_id: int, draft_path: str | None) -> None:
    """Let the draft of a result be completed, if it has one, and drop those of the study's earlier results."""
    connection.execute(_DROP, {"study": study_id})
    if draft_path is not None:
        values = {"study_id": study_id, "result_id": result_id, "draft_path": draft_path}
        connection.execute(insert(_drawing), {**values, "state": DrawingState.WAITING, "attempts": 0})
        issue(connection, Task.SCORE)


_DROP = (
    update(_drawing)
    .where(_drawing.c.study_id == bindparam("study"), _drawing.c.state == DrawingState.WAITING)
    .values(state=DrawingState.DROPPED, worker=None, lease_expires_at=None)
)
