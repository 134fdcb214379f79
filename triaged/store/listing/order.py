"""Positions on the open list: the one place that changes a sort key, and the record of what that changed.

The open list is `SELECT … FROM study WHERE read_state <> 'DONE' AND ignored = 0 ORDER BY sort_key`. A change writes
one row in `reorder`; where it moved all the other studies follows from it (`listing.moves`). Every change of a class
goes through here too, and is announced to who wants to be notified. Knows no policy: where a study belongs comes as a
`Ranking`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, text, update

from triaged.store.posting.notifying import announce, announce_all
from triaged.store.tables import schema
from triaged.store.tables.prepared import Prepared
from triaged.study.ranking import Ranking
from triaged.study.read_state import ReadState
from triaged.study.treatment import Treatment

_ORDER_LOCK = 7226940162
_RANKING = ("lane", "triage_class", "effective_at", "sort_key", "reason", "due_again_at")

IS_OPEN = text("study.read_state <> 'DONE' AND study.ignored = 0")
"""Spelled as in the index of the open list, with the value in the text, so that both databases use that index."""


def ranking_columns(ranking: Ranking) -> dict[str, Any]:
    """Return the columns of `study` that keep its ranking."""
    return {
        "lane": int(ranking.lane),
        "triage_class": ranking.triage_class,
        "effective_at": ranking.effective_at,
        "sort_key": ranking.sort_key,
        "reason": ranking.reason,
        "due_again_at": ranking.due_again_at,
    }


def enter(connection: Connection, study_id: int, sort_key: str, *, cause: str, now: datetime) -> None:
    """Record that a study, whose row already says so, came onto the open list with this key."""
    _lock_order(connection)
    _record(connection, study_id, None, _position(connection, sort_key), cause=cause, now=now)


def leave(connection: Connection, study: Row[Any], *, cause: str, now: datetime) -> None:
    """Record that a study left the open list; it keeps its key."""
    _lock_order(connection)
    _record(connection, study.id, _position(connection, study.sort_key), None, cause=cause, now=now)


def place(
    connection: Connection,
    study: Row[Any],
    ranking: Ranking,
    *,
    cause: str,
    now: datetime,
    result_id: int | None = None,
) -> None:
    """Give a study, whose row is locked, its new place, and record what that changed; nothing where it is done.

    `result_id` is the result that brings the place, where nobody has been notified of it. Nobody is notified of a study
    that a rule ignores.
    """
    if study.ignored:
        _set(connection, study.id, ranking)
        return
    announce(connection, study, ranking, result_id=result_id, now=now)
    if ranking.sort_key == study.sort_key or study.read_state == ReadState.DONE:
        _set(connection, study.id, ranking)
        return
    _lock_order(connection)
    before = _position(connection, study.sort_key)
    _set(connection, study.id, ranking)
    after = _position(connection, ranking.sort_key)
    if after != before:
        _record(connection, study.id, before, after, cause=cause, now=now)


def place_ruled(
    connection: Connection,
    study: Row[Any],
    ranking: Ranking,
    treatment: Treatment,
    *,
    now: datetime,
    result_id: int | None = None,
) -> None:
    """Give a study its place where a rule may have taken it off the list, or has let it back; else as `place`.

    `study` is its row as it was before; the present one has the treatment already.
    """
    cause = ranking.reason
    if study.ignored == int(treatment.ignored):
        place(connection, study, ranking, cause=cause, now=now, result_id=result_id)
        return
    _set(connection, study.id, ranking)
    if study.read_state == ReadState.DONE:
        return
    if treatment.ignored:
        leave(connection, study, cause=cause, now=now)
        return
    announce(connection, study, ranking, result_id=result_id, now=now)
    enter(connection, study.id, ranking.sort_key, cause=cause, now=now)


def place_all(connection: Connection, placements: Mapping[int, Ranking], *, cause: str, now: datetime) -> None:
    """Give every study its new ranking, as one change; their rows are locked.

    Their old and their new keys need not be comparable.
    """
    if not placements:
        return
    _lock_order(connection)
    announce_all(connection, placements, now=now)
    rows = connection.execute(_OPEN_IDS).all()
    _PLACE_ALL.execute_all(connection, [{"study": each, **ranking_columns(placements[each])} for each in placements])
    after = connection.execute(_OPEN_IDS).all()
    _record_all(connection, [row.id for row in rows], [row.id for row in after], cause=cause, now=now)


def higher(study: Row[Any], ranking: Ranking) -> bool:
    """Tell whether a placement is above the one that a study has."""
    return bool(ranking.sort_key < study.sort_key)


def steps_between(before: Sequence[int], after: Sequence[int]) -> Iterable[tuple[int, int, int]]:
    """Yield (study, position before, position after), one upward step for each that passes others, from the top.

    `before` and `after` are the same studies in two orders. Each position counts what the steps before it changed.
    """
    original = {study: index for index, study in enumerate(before)}
    placed: list[int] = []
    for index, study in enumerate(after):
        # What was placed from below has been put above: it pushed down what was higher than it.
        behind = len(placed) - bisect_left(placed, original[study])
        if original[study] + behind != index:
            yield study, original[study] + behind + 1, index + 1
        insort(placed, original[study])


def _lock_order(connection: Connection) -> None:
    """Let one transaction at a time change the order, so that the positions in the history are exact.

    Always taken after the study's own row, so that two transactions cannot wait for each other. SQLite has one writer.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ORDER_LOCK})


def _position(connection: Connection, sort_key: str) -> int:
    return int(connection.execute(_COUNT_ABOVE, {"key": sort_key}).scalar_one()) + 1


def _set(connection: Connection, study_id: int, ranking: Ranking) -> None:
    connection.execute(_PLACE, {"study": study_id, **ranking_columns(ranking)})


def _record(
    connection: Connection, study_id: int, before: int | None, after: int | None, *, cause: str, now: datetime
) -> None:
    values = {"study_id": study_id, "at": now, "cause": cause, "before": before, "after": after}
    connection.execute(_REORDER, values)


def _record_all(
    connection: Connection, before: Sequence[int], after: Sequence[int], *, cause: str, now: datetime
) -> None:
    steps = list(steps_between(before, after))
    if not steps:
        return
    together = int(connection.execute(_LAST_REORDER).scalar_one()) + 1
    rows = [
        {"study_id": study, "at": now, "cause": cause, "before": was, "after": then, "together": together}
        for study, was, then in steps
    ]
    _REORDER_ALL.execute_all(connection, rows)


_study = schema.study
_COUNT_ABOVE = select(func.count()).select_from(_study).where(_study.c.sort_key < bindparam("key"), IS_OPEN)
_OPEN_IDS = select(_study.c.id).where(IS_OPEN).order_by(_study.c.sort_key)
_PLACE = update(_study).where(_study.c.id == bindparam("study"))
_PLACE_ALL = Prepared(_PLACE, *_RANKING)
_REORDER = insert(schema.reorder)
_REORDER_ALL = Prepared(_REORDER.inline(), "study_id", "at", "cause", "before", "after", "together")
_LAST_REORDER = select(func.coalesce(func.max(schema.reorder.c.id), 0))
