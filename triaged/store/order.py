"""Positions on the list: the one place that changes a sort key, and the history of what that moved.

The list is `SELECT … FROM study ORDER BY sort_key`. A change writes one row in `reorder`, and one in `move` for every
study whose position it changed. Knows no policy: where a study belongs comes as a `Placement`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, literal, select, text, update

from triaged.store import schema
from triaged.study.placement import Placement

_ORDER_LOCK = 7226940162


def placement_columns(placement: Placement) -> dict[str, Any]:
    """Return the columns of `study` that say where it stands."""
    return {
        "lane": int(placement.lane),
        "triage_class": placement.triage_class,
        "effective_at": placement.effective_at,
        "sort_key": placement.sort_key,
        "reason": placement.reason,
    }


def enter(connection: Connection, study_id: int, placement: Placement, *, cause: str, now: datetime) -> None:
    """Record that a study, just inserted with this placement, came onto the list."""
    _lock_order(connection)
    position = _position(connection, placement.sort_key)
    reorder_id = _record(connection, study_id, None, position, cause=cause, now=now)
    connection.execute(_DISPLACE_BEHIND, _shift(reorder_id, study_id, position, 1, placement.sort_key))


def place(connection: Connection, study: Row[Any], placement: Placement, *, cause: str, now: datetime) -> None:
    """Give a study, whose row is locked, its new place, and record every change of position that follows."""
    if placement.sort_key == study.sort_key:
        _set(connection, study.id, placement)
        return
    _lock_order(connection)
    before = _position(connection, study.sort_key)
    _set(connection, study.id, placement)
    after = _position(connection, placement.sort_key)
    if after == before:
        return
    reorder_id = _record(connection, study.id, before, after, cause=cause, now=now)
    up = after < before
    first, shift = (after, 1) if up else (before + 1, -1)
    low, high = sorted((study.sort_key, placement.sort_key))
    connection.execute(_DISPLACE_BETWEEN, _shift(reorder_id, study.id, first, shift, low) | {"high": high})


def higher(study: Row[Any], placement: Placement) -> bool:
    """Tell whether a placement is above the one that a study has."""
    return bool(placement.sort_key < study.sort_key)


def _lock_order(connection: Connection) -> None:
    """Let one transaction at a time change the order, so that the positions in the history are exact.

    Always taken after the study's own row, so that two transactions cannot wait for each other. SQLite has one writer.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ORDER_LOCK})


def _position(connection: Connection, sort_key: str) -> int:
    return int(connection.execute(_COUNT_ABOVE, {"key": sort_key}).scalar_one()) + 1


def _set(connection: Connection, study_id: int, placement: Placement) -> None:
    connection.execute(_PLACE, {"study": study_id, **placement_columns(placement)})


def _record(connection: Connection, study_id: int, before: int | None, after: int, *, cause: str, now: datetime) -> int:
    values = {"study_id": study_id, "at": now, "cause": cause}
    reorder_id = int(connection.execute(_REORDER, values).scalar_one())
    connection.execute(_MOVE, {"reorder_id": reorder_id, "study_id": study_id, "before": before, "after": after})
    return reorder_id


def _shift(reorder_id: int, study_id: int, first: int, shift: int, low: str) -> dict[str, Any]:
    """Return parameters: the displaced studies stood at `first`, `first` + 1 …, and each moved by `shift`."""
    return {"reorder": reorder_id, "self": study_id, "first": first, "shift": shift, "low": low}


_COUNT_ABOVE = select(func.count()).select_from(schema.study).where(schema.study.c.sort_key < bindparam("key"))
_PLACE = update(schema.study).where(schema.study.c.id == bindparam("study"))
_REORDER = insert(schema.reorder).returning(schema.reorder.c.id)
_MOVE = insert(schema.move)

_before = (
    bindparam("first", type_=schema.move.c.after.type)
    + func.row_number().over(order_by=schema.study.c.sort_key)
    - literal(1)
)
_behind = select(
    bindparam("reorder", type_=schema.move.c.reorder_id.type),
    schema.study.c.id,
    _before,
    _before + bindparam("shift", type_=schema.move.c.after.type),
).where(schema.study.c.sort_key > bindparam("low"), schema.study.c.id != bindparam("self"))
_COLUMNS = ["reorder_id", "study_id", "before", "after"]
_DISPLACE_BEHIND = insert(schema.move).from_select(_COLUMNS, _behind)
_DISPLACE_BETWEEN = insert(schema.move).from_select(
    _COLUMNS, _behind.where(schema.study.c.sort_key < bindparam("high"))
)
