"""The rank of one study at every time, from the changes of the whole list; the fold is pure.

Each change is kept once, with the positions of the study that it was about. What was between the two moved by one: so
the moves of every other study follow, exactly, from the changes since it came onto the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, select

from triaged.store.tables import schema
from triaged.store.tables.views import Move
from triaged.study.read_state import ReadState


def moves_of(connection: Connection, study_uid: str) -> list[Move]:
    """Return every change of a study's position, the oldest first; none where it is not known."""
    study = connection.execute(_BOUNDS, {"uid": study_uid}).one_or_none()
    if study is None or study.first is None:
        return []
    changes = _SINCE.where(_reorder.c.id <= study.last) if not study.is_listed else _SINCE
    return list(folded(study.id, study_uid, connection.execute(changes, {"first": study.first}).all()))


def folded(study_id: int, study_uid: str, changes: Iterable[Row[Any]]) -> Iterator[Move]:
    """Yield the moves of one study; changes of the whole list that belong together are one move."""
    position: int | None = None
    for _, group in groupby(changes, key=lambda change: change.together or -change.id):
        before, about = position, None
        for change in group:
            if about is None or change.study_id == study_id:
                about = change
            position = _after(position, change, is_own=change.study_id == study_id)
        if about is not None and position != before:
            yield Move(study_uid, about.at, about.cause, about.cause_study_uid, before, position)


def _after(position: int | None, change: Row[Any], *, is_own: bool) -> int | None:
    """Return the rank of a study after a change of its own, or of another one; None where it is not on the list."""
    if is_own:
        after: int | None = change.after
        return after
    if position is None:
        return None
    if change.before is not None and change.before < position:
        position -= 1
    if change.after is not None and change.after <= position:
        position += 1
    return position


_study, _reorder = schema.study, schema.reorder
_is_listed = and_(_study.c.read_state != ReadState.DONE, _study.c.ignored == 0).label("is_listed")
_BOUNDS = (
    select(_study.c.id, _is_listed, func.min(_reorder.c.id).label("first"))
    .add_columns(func.max(_reorder.c.id).label("last"))
    .join_from(_study, _reorder, _reorder.c.study_id == _study.c.id)
    .where(_study.c.study_uid == bindparam("uid"))
    .group_by(_study.c.id, _study.c.read_state, _study.c.ignored)
)
_SINCE = (
    select(_reorder, _study.c.study_uid.label("cause_study_uid"))
    .join(_study, _study.c.id == _reorder.c.study_id)
    .where(_reorder.c.id >= bindparam("first"))
    .order_by(_reorder.c.id)
)
