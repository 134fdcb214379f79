"""How soon studies were ordered, their results stored elsewhere, and others notified; for figures, without a patient.

Reads only. Times are seconds after the last slice, as the database itself counts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, exists, func, select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.elapsed import seconds_since
from triaged.study.ranking import TriageClass
from triaged.study.records import DeliveryState

_Push = tuple[str, float, float | None]
"""Who is notified, and when it was posted and sent."""
_Stored = Mapping[tuple[int, str], Mapping[str, float]]
"""When destinations had the results, by study and set."""


@dataclass(frozen=True, slots=True)
class NotifiedStudy:
    """One study and how soon, in seconds after its last slice, it had its place on the list.

    `stored_s` is when each destination had all objects that it was to get with the result, `notified_s` when each
    subscriber was sent the first notification of it; who has not got them is left out. `device` may be empty.
    """

    study_id: int
    triage_class: TriageClass
    device: str
    ordered_s: float
    stored_s: Mapping[str, float]
    notified_s: Mapping[str, float]


class Notified(Ledger):
    """The first result of each study after its last slice, and what became of it."""

    def since(self, at: datetime, *, most: int) -> list[NotifiedStudy]:
        """Return the studies that were ordered since a time, the newest first, at most `most`.

        A result that a person asked for again counts only where slices had come since the one before. A class change
        that the result did not make is no notification of it. Views that are drawn later do not count.
        """
        with self._database.read() as connection:
            first = connection.execute(_FIRST, {"since": at, "most": most}).all()
            stored = _by_set(connection.execute(_STORED, {"since": at}))
            pushes = _by_study(connection.execute(_PUSHED, {"since": at}))
        return [_notified(row, stored, pushes) for row in first]


def _notified(row: Row[Any], stored: _Stored, pushes: Mapping[int, Sequence[_Push]]) -> NotifiedStudy:
    study_id, object_set_uid, triage_class, device, at_s, last_slice_s = tuple(row)
    kept = stored.get((study_id, object_set_uid), {})
    told: dict[str, float] = {}
    of_study = pushes.get(study_id, ())
    announced = {receiver for receiver, posted_s, _ in of_study if posted_s == at_s}
    for receiver, posted_s, sent_s in of_study:
        if sent_s is not None and posted_s >= at_s and receiver in announced:
            told[receiver] = min(sent_s, told.get(receiver, sent_s))
    return NotifiedStudy(
        study_id,
        TriageClass(triage_class),
        device or "",
        at_s - last_slice_s,
        {name: stored_s - last_slice_s for name, stored_s in kept.items()},
        {name: sent_s - last_slice_s for name, sent_s in told.items()},
    )


def _by_set(rows: Iterable[Row[Any]]) -> _Stored:
    """Return, of each set of results, when each destination had all of what was posted with it first.

    Rows of one destination come in the order in which their deliveries were posted; what was posted later is left out.
    """
    found: dict[tuple[int, str], dict[str, float]] = {}
    before: tuple[int, str, str] | None = None
    for study_id, object_set_uid, destination, sent_s, waiting in map(tuple, rows):
        this = study_id, object_set_uid, destination
        if this != before and sent_s is not None and not waiting:
            found.setdefault((study_id, object_set_uid), {})[destination] = sent_s
        before = this
    return found


def _by_study(rows: Iterable[Row[Any]]) -> dict[int, list[_Push]]:
    found: dict[int, list[_Push]] = {}
    for study_id, receiver, posted_s, sent_s in map(tuple, rows):
        found.setdefault(study_id, []).append((receiver, posted_s, sent_s))
    return found


_study, _result, _derived = schema.study, schema.result, schema.derived
_outbox, _push = schema.outbox, schema.push
_since = bindparam("since", type_=_result.c.at.type)
_earlier = _result.alias("earlier")
_FIRST = (
    select(
        _result.c.study_id,
        _result.c.object_set_uid,
        _result.c.triage_class,
        _result.c.device,
        seconds_since(_result.c.at, _since).label("at_s"),
        seconds_since(_study.c.last_instance_at, _since).label("last_slice_s"),
    )
    .join(_study, _study.c.id == _result.c.study_id)
    .where(
        _result.c.at >= _since,
        _result.c.at >= _study.c.last_instance_at,
        _study.c.ignored == 0,
        ~exists().where(
            _earlier.c.study_id == _result.c.study_id,
            _earlier.c.id < _result.c.id,
            _earlier.c.at >= _study.c.last_instance_at,
        ),
    )
    .order_by(_result.c.id.desc())
    .limit(bindparam("most"))
)
_STORED = (
    select(
        _result.c.study_id,
        _result.c.object_set_uid,
        _outbox.c.destination,
        seconds_since(func.max(_outbox.c.sent_at), _since).label("sent_s"),
        func.sum(case((_outbox.c.state == DeliveryState.PENDING, 1), else_=0)).label("waiting"),
    )
    .join(_derived, (_derived.c.study_id == _result.c.study_id) & (_derived.c.result_id == _result.c.id))
    .join(_outbox, _outbox.c.derived_id == _derived.c.id)
    .where(_result.c.at >= _since, _derived.c.second_result_id.is_(None))
    .group_by(_result.c.study_id, _result.c.object_set_uid, _outbox.c.destination, _outbox.c.created_at)
    .order_by(_result.c.study_id, _result.c.object_set_uid, _outbox.c.destination, _outbox.c.created_at)
)
_PUSHED = (
    select(
        _push.c.study_id,
        _push.c.receiver,
        seconds_since(_push.c.at, _since).label("at_s"),
        seconds_since(_push.c.sent_at, _since).label("sent_s"),
    )
    .where(_push.c.at >= _since)
    .order_by(_push.c.id)
)
