"""Which files a rule lets go: conditions and queries, and in which tables the files stand. Knows no files itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, bindparam, case, exists, func, or_, select

from triaged.store.posting.drawing import DrawingState
from triaged.store.tables import schema
from triaged.store.tables.columns import Instant
from triaged.study.lifecycle import State
from triaged.study.read_state import ReadState
from triaged.study.records import DeliveryState
from triaged.study.second import SecondState


class Files(StrEnum):
    """Which files: received instances, our own objects and views, or what could not be filed under a study."""

    IMAGES = "images"
    RESULTS = "results"
    QUARANTINE = "quarantine"


class Whose(StrEnum):
    """Of which studies: those that a reader was done with, or those that a rule of the site ignores."""

    DONE = "done"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Rule:
    """Files of studies that were done before a time, or that came before it, where they are ignored or in quarantine.

    `promised_before`: also those that a peer was promised before then. `committing` are the destinations that have an
    object only once they have said that they keep it.
    """

    files: Files
    before: datetime
    promised_before: datetime
    committing: frozenset[str]
    why: str
    whose: Whose = Whose.DONE


def due_studies(rule: Rule) -> Select[Any]:
    """Return the query for studies whose files may go."""
    count, size = _SIZES[rule.files]
    columns = (_study.c.study_uid.label("name"), _SINCE[rule.whose].label("since"), count, size)
    return select(*columns).where(old(rule), *(condition for _, condition in _conditions(rule.files)))


def old(rule: Rule) -> Any:
    """True for studies that are old enough, and have files of this kind."""
    return and_(_IS[rule.whose], _SINCE[rule.whose] < _before, _HAVE[rule.files])


def _conditions(files: Files) -> list[tuple[str, Any]]:
    own = [("its results are with no destination", _SENT)] if files is Files.RESULTS else []
    promised = [("peers were promised that it is kept", _NOT_PROMISED)] if files is Files.IMAGES else []
    return [*_CONDITIONS, *own, *promised]


def reason(files: Files) -> Any:
    """Return which condition a study does not meet; empty where it meets all."""
    return case(*((~condition, reason) for reason, condition in _conditions(files)), else_="")


def parameters_of(rule: Rule) -> dict[str, Any]:
    """Return the parameters of a rule in these queries."""
    parameters: dict[str, Any] = {"before": rule.before}
    if rule.files is not Files.QUARANTINE:
        parameters["committing"] = sorted(rule.committing)
    if rule.files is not Files.RESULTS:
        parameters["promised"] = rule.promised_before
    return parameters


_study, _aside = schema.study, schema.quarantine
_instance, _conflict, _derived, _result = schema.instance, schema.conflict, schema.derived, schema.result
_outbox, _drawing, _second = schema.outbox, schema.drawing, schema.second_result
_before, _promised = bindparam("before", type_=Instant()), bindparam("promised", type_=Instant())
EVER = datetime(1, 1, 1, tzinfo=UTC)

TABLES: Mapping[Files, Sequence[tuple[Any, Any]]] = {
    Files.IMAGES: ((_instance, _instance.c.path), (_conflict, _conflict.c.path)),
    Files.RESULTS: (
        (_derived, _derived.c.path),
        (_result, _result.c.coronal_path),
        (_drawing, _drawing.c.draft_path),
    ),
    Files.QUARANTINE: ((_aside, _aside.c.path),),
}
"""Where the files of each kind stand, and in which column."""

_SINCE = {Whose.DONE: _study.c.read_at, Whose.IGNORED: _study.c.last_instance_at}
_IS = {Whose.DONE: _study.c.read_state == ReadState.DONE, Whose.IGNORED: _study.c.ignored == 1}
_SETTLED = _study.c.state.in_([State.TRIAGED, State.OUT_OF_SCOPE, State.FAILED])
_delivery = select(_outbox.c.id).join(_derived, _derived.c.id == _outbox.c.derived_id)
_of_study = _derived.c.study_id == _study.c.id
_is_there = and_(
    _outbox.c.state == DeliveryState.SENT,
    or_(_outbox.c.destination.not_in(bindparam("committing", expanding=True)), _outbox.c.committed_at.is_not(None)),
)
_DELIVERED = ~exists(_delivery.where(_of_study, _outbox.c.state != DeliveryState.WITHDRAWN, ~_is_there))
_SENT = exists(_delivery.where(_of_study, _derived.c.result_id == _study.c.result_id, _is_there))
_READ = ~exists().where(
    _second.c.study_id == _study.c.id, _second.c.state.in_([SecondState.WAITING, SecondState.RUNNING])
)
_DRAWN = ~exists().where(_drawing.c.study_id == _study.c.id, _drawing.c.state == DrawingState.WAITING)
_NOT_PROMISED = or_(_study.c.promised_at.is_(None), _study.c.promised_at < _promised)
_CONDITIONS = (
    ("it is being received or analysed again", _SETTLED),
    ("a destination does not have all of its results", _DELIVERED),
    ("a second engine has still to read it", _READ),
    ("its pictures have still to be drawn", _DRAWN),
)
IDLE = select(exists().where(_study.c.id == bindparam("study"), _SETTLED, _READ, _DRAWN))
IMAGES_OF_IT = and_(_instance.c.study_id == _study.c.id, _instance.c.removal_id.is_(None))
_results = and_(_of_study, _derived.c.removal_id.is_(None))
_HAVE: Mapping[Files, Any] = {Files.IMAGES: exists().where(IMAGES_OF_IT), Files.RESULTS: exists().where(_results)}
_SIZES: Mapping[Files, tuple[Any, Any]] = {
    Files.IMAGES: (
        select(func.count()).select_from(_instance).where(IMAGES_OF_IT).scalar_subquery().label("files"),
        select(func.sum(_instance.c.size_bytes)).where(IMAGES_OF_IT).scalar_subquery().label("size_bytes"),
    ),
    Files.RESULTS: (
        select(func.count()).select_from(_derived).where(_results).scalar_subquery().label("files"),
        select(func.sum(0)).scalar_subquery().label("size_bytes"),
    ),
}
_last = (
    select(
        _aside.c.path.label("name"),
        func.max(_aside.c.at, type_=Instant()).label("since"),
        func.max(_aside.c.promised_at, type_=Instant()).label("promised_at"),
        func.count().label("times"),
        func.max(_aside.c.size_bytes).label("size_bytes"),
    )
    .where(_aside.c.removal_id.is_(None))
    .group_by(_aside.c.path)
    .subquery()
)
QUARANTINED: Select[Any] = select(
    _last.c.name, _last.c.since, (_last.c.times * 0 + 1).label("files"), _last.c.size_bytes
).where(_last.c.since < _before, or_(_last.c.promised_at.is_(None), _last.c.promised_at < _promised))
