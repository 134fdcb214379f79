"""The rank of one study at every time, from the changes of the whole list; the fold is pure.

Each change is kept once, with the positions of the study that it was about. What was between the two moved by one: so
the moves of every other study follow, exactly, from the changes since it came onto the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, bindparam, func, select

from triaged.store.tables import schema
from triaged.store.tables.views import Move
from triaged.study.read_state import ReadState

_AT_ONCE = 1000
"""How many changes are asked for by their numbers in one statement."""


class Change(NamedTuple):
    """One change of the order, as far as positions follow from it: whose it was, from where to where."""

    id: int
    study_id: int
    before: int | None
    after: int | None
    together: int | None


class Step(NamedTuple):
    """One move of a study, and the change that it is told by."""

    change: int
    before: int | None
    after: int | None


def moves_of(connection: Connection, study_uid: str) -> list[Move]:
    """Return every change of a study's position, the oldest first; none where it is not known.

    What is told of a change is read only where the study moved: an order that was placed anew has one for each study.
    """
    study = connection.execute(_BOUNDS, {"uid": study_uid}).one_or_none()
    if study is None or study.first is None:
        return []
    changes = _SINCE.where(_reorder.c.id <= study.last) if not study.is_listed else _SINCE
    steps = list(folded(study.id, connection.execute(changes, {"first": study.first})))
    told = {row.id: row for row in _told(connection, [step.change for step in steps])}
    return [_move(study_uid, step, told[step.change]) for step in steps]


def folded(study_id: int, changes: Iterable[Sequence[Any]]) -> Iterator[Step]:
    """Yield the moves of one study from all `Change`s in their order; those of the whole list together are one move.

    A move is told by the study's own change where there is one among them, else by the first.
    """
    position = before = told_by = together = None
    for change_id, moved, was, then, group in changes:
        if group is None or group != together:
            if position != before and told_by is not None:
                yield Step(told_by, before, position)
            before, told_by, together = position, change_id, group
        if moved == study_id:
            position, told_by = then, change_id
        elif position is not None:
            if was is not None and was < position:
                position -= 1
            if then is not None and then <= position:
                position += 1
    if position != before and told_by is not None:
        yield Step(told_by, before, position)


def _told(connection: Connection, changes: Sequence[int]) -> Iterator[Any]:
    for start in range(0, len(changes), _AT_ONCE):
        yield from connection.execute(_TOLD, {"changes": changes[start : start + _AT_ONCE]})


def _move(study_uid: str, step: Step, told: Row[Any]) -> Move:
    return Move(study_uid, told.at, told.cause, told.study_uid, step.before, step.after)


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
    select(*(_reorder.c[name] for name in Change._fields))
    .where(_reorder.c.id >= bindparam("first"))
    .order_by(_reorder.c.id)
)
_TOLD = (
    select(_reorder.c.id, _reorder.c.at, _reorder.c.cause, _study.c.study_uid)
    .join(_study, _study.c.id == _reorder.c.study_id)
    .where(_reorder.c.id.in_(bindparam("changes", expanding=True)))
)
