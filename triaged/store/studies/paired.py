"""What second engines found beside the current results of a period, both as findings; for figures, without a patient.

Reads only. Of the findings come only those parts that decide the class and the place of a study.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, case, func, select

from triaged.store.listing.readings import OPENED, TAKEN
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.elapsed import seconds_since
from triaged.study.concepts import DISEASES
from triaged.study.finding import Finding, Grade, QualityFlag, Suspicion
from triaged.study.lifecycle import State
from triaged.study.ranking import RequestPriority
from triaged.study.read_state import ReadState
from triaged.study.second import SecondState
from triaged.study.treatment import Treatment
from triaged.study.uids import StudyUID


@dataclass(frozen=True, slots=True)
class PairedStudy:
    """One study that a second engine has read, or could not read: then `second` is None.

    `first_model` and `second_model` have name and version; findings have no measurements. `device` and `kernel` may be
    empty. `ready_s` is since when the study waits, `scored_s` when it had its result, and `left_s` when a reader first
    opened or took it, or it was done; None while it waits. Seconds count from the begin of the period.
    """

    study_uid: StudyUID
    first_model: str
    second_model: str
    first: Finding
    second: Finding | None
    device: str
    kernel: str
    order_priority: RequestPriority
    treatment: Treatment
    ready_s: float
    scored_s: float
    left_s: float | None


@dataclass(frozen=True, slots=True)
class Unread:
    """How many current results of a first engine a second one has not read yet, or was to read and is not named now."""

    first_model: str
    name: str
    waiting: int
    dropped: int


class Paired(Ledger):
    """First and second results of the studies that were scored in a period; each study counts by its current result."""

    def since(self, at: datetime, *, most: int) -> list[PairedStudy]:
        """Return what second engines came to an end with, the newest results first, at most `most`."""
        return [_paired(row) for row in self._rows(_ENDED, since=at, most=most)]

    def unread(self, at: datetime) -> list[Unread]:
        """Return what second engines have not come to, by what the settings call them."""
        found: dict[tuple[str, str], dict[str, int]] = {}
        for model, name, state, number in map(tuple, self._rows(_UNREAD, since=at)):
            found.setdefault((model, name), {})[state] = number
        dropped = SecondState.DROPPED
        return [
            Unread(*key, sum(states.values()) - states.get(dropped, 0), states.get(dropped, 0))
            for key, states in sorted(found.items())
        ]

    def first_failures(self, at: datetime) -> Mapping[tuple[str, str], int]:
        """Return how many studies a first engine could not read, by its name with version and by device."""
        rows = self._rows(_FIRST_FAILED, since=at)
        return {(model, device or ""): number for model, device, number in map(tuple, rows)}


def _paired(row: Row[Any]) -> PairedStudy:
    values = tuple(row)
    uid, sent, first_model, second_model, device, image, priority, treatment, ready_s, scored_s = values[:10]
    *ends, state = values[10:14]
    return PairedStudy(
        study_uid=StudyUID.parse(uid if sent is None else json.loads(sent)),
        first_model=first_model,
        second_model=second_model,
        first=_finding(*values[14 : 14 + _PARTS]),
        second=_finding(*values[14 + _PARTS :]) if state == SecondState.READ else None,
        device=device or "",
        kernel="" if image is None else str(json.loads(image).get("convolution_kernel") or ""),
        order_priority=RequestPriority(priority),
        treatment=Treatment.of_text(treatment),
        ready_s=ready_s,
        scored_s=scored_s,
        left_s=min((each for each in ends if each is not None), default=None),
    )


def _finding(
    urgency: float,
    suspicion: str | None,
    probability: float,
    threshold: float | None,
    grade: int | None,
    scale: str,
    engine: str,
    quality: str,
) -> Finding:
    return Finding(
        urgency=urgency,
        suspicion=None if suspicion is None else Suspicion(DISEASES[suspicion], probability, threshold),
        measurements=(),
        grade=None if grade is None else Grade(grade, scale),
        engine=engine,
        quality=() if quality == "[]" else tuple(QualityFlag(each) for each in json.loads(quality)),
    )


_study, _result, _second = schema.study, schema.result, schema.second_result
_instance = schema.instance
_since = bindparam("since", type_=_result.c.at.type)
_COLUMNS = ("urgency", "suspicion", "probability", "threshold", "grade", "grade_scale", "engine", "quality")
_PARTS = len(_COLUMNS)


def _seconds(at: Any) -> ColumnElement[float]:
    return seconds_since(at, _since)


_DONE = case((_study.c.read_state == ReadState.DONE, _study.c.read_at))
_HEADER = (
    select(_instance.c.image)
    .where(_instance.c.study_id == _study.c.id, _instance.c.series_uid == _result.c.chosen_series_uid)
    .limit(1)
    .scalar_subquery()
)
_of_period = (_result.c.at >= _since, _study.c.result_id == _result.c.id)
_ENDED = (
    select(
        *(_study.c.study_uid, _study.c.study_uid_sent, _result.c.model, _second.c.model.label("second_model")),
        *(_result.c.device, _HEADER.label("image"), _study.c.order_priority, _study.c.treatment),
        _seconds(func.coalesce(_study.c.ready_at, _study.c.first_instance_at)).label("ready_s"),
        _seconds(_result.c.at).label("scored_s"),
        _seconds(OPENED).label("opened_s"),
        _seconds(TAKEN).label("taken_s"),
        _seconds(_DONE).label("done_s"),
        _second.c.state,
        *(_result.c[name] for name in _COLUMNS),
        *(_second.c[name].label(f"second_{name}") for name in _COLUMNS),
    )
    .join(_second, _second.c.result_id == _result.c.id)
    .join(_study, _study.c.id == _result.c.study_id)
    .where(*_of_period, _second.c.state.in_([SecondState.READ, SecondState.FAILED]))
    .order_by(_result.c.id.desc(), _second.c.id)
    .limit(bindparam("most"))
)
_UNREAD = (
    select(_result.c.model, _second.c.name, _second.c.state, func.count())
    .join(_second, _second.c.result_id == _result.c.id)
    .join(_study, _study.c.id == _result.c.study_id)
    .where(*_of_period, _second.c.state.in_([SecondState.WAITING, SecondState.RUNNING, SecondState.DROPPED]))
    .group_by(_result.c.model, _second.c.name, _second.c.state)
)
_FIRST_FAILED = (
    select(_result.c.model, _result.c.device, func.count())
    .join(_study, _study.c.id == _result.c.study_id)
    .where(*_of_period, _result.c.outcome == State.FAILED)
    .group_by(_result.c.model, _result.c.device)
)
