"""When the studies that were read last came, were scored, opened and done; for figures, without a patient.

Reads only. Times are seconds from a moment that the caller names, as the database itself counts them: 100,000 studies
are a few columns of numbers, not as many dates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, func, select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.elapsed import seconds_since
from triaged.study.ranking import TriageClass
from triaged.study.read_state import ActionKind, ReadState


@dataclass(frozen=True, slots=True)
class ReadStudy:
    """One study that is done: what it was scored as, and when, in seconds; None where that is not known.

    `triage_class` is what the images say, whatever readers did with its place; `device` and `model` may be empty.
    `complete_s` is when the study was complete, from which it waits; `opened_s` when the first reader took it or opened
    its page.
    """

    triage_class: TriageClass
    device: str
    model: str
    last_slice_s: float
    complete_s: float
    scored_s: float | None
    opened_s: float | None
    done_s: float


class Readings(Ledger):
    """The studies that are done, from the newest."""

    def since(self, at: datetime, *, most: int) -> list[ReadStudy]:
        """Return the studies that were done since a time, the newest first, at most `most`; seconds count from it."""
        return [_read(row) for row in self._rows(_DONE, since=at, most=most)]


def _read(row: Row[Any]) -> ReadStudy:
    triage_class, device, model, last_slice_s, complete_s, scored_s, opened_s, taken_s, done_s = tuple(row)
    if opened_s is None or (taken_s is not None and taken_s < opened_s):
        opened_s = taken_s
    found = TriageClass(triage_class or TriageClass.UNSCORED)
    return ReadStudy(found, device or "", model or "", last_slice_s, complete_s, scored_s, opened_s, done_s)


_study, _result, _action, _opening = schema.study, schema.result, schema.action, schema.opening
_origin = bindparam("since", type_=_study.c.read_at.type)


def _seconds(at: ColumnElement[Any]) -> ColumnElement[float]:
    return seconds_since(at, _origin)


_back = _action.alias("back")
TAKEN = (
    select(func.min(_action.c.at))
    .where(
        _action.c.study_id == _study.c.id,
        _action.c.kind == ActionKind.READING,
        ~select(_back.c.id).where(_back.c.undoes == _action.c.id).exists(),
    )
    .scalar_subquery()
)
"""When the first reader took a study, and did not take that back."""
OPENED = select(func.min(_opening.c.at)).where(_opening.c.study_id == _study.c.id).scalar_subquery()
"""When somebody first had the page of a study open."""
_DONE = (
    select(
        _result.c.triage_class,
        _result.c.device,
        _result.c.model,
        _seconds(_study.c.last_instance_at).label("last_slice_s"),
        _seconds(func.coalesce(_study.c.ready_at, _study.c.first_instance_at)).label("complete_s"),
        _seconds(_result.c.at).label("scored_s"),
        _seconds(OPENED).label("opened_s"),
        _seconds(TAKEN).label("taken_s"),
        _seconds(_study.c.read_at).label("done_s"),
    )
    .outerjoin(_result, _result.c.id == _study.c.result_id)
    .where(_study.c.read_state == ReadState.DONE, _study.c.read_at >= _origin)
    .order_by(_study.c.read_at.desc())
    .limit(bindparam("most"))
)
