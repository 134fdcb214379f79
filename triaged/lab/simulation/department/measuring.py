"""Measures one run of a department under one order of reading: waits by group, load of readers, scores that came late.

Must not know chance or orders. STAT requests are a group of their own and in no other but those of all studies: they
come first whatever is on the images. What is not flagged includes what has no score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.lab.simulation.arrivals import HOUR_MIN
from triaged.lab.simulation.department.drawing import Drawn, Flags, part_of
from triaged.lab.simulation.department.model import Department
from triaged.lab.simulation.disciplines import ReadingOrder
from triaged.lab.simulation.durations import Minutes
from triaged.lab.simulation.ranking import SOUGHT
from triaged.lab.simulation.replay import Interruption, Timeline, replay
from triaged.lab.simulation.site import Readers
from triaged.lab.simulation.stream import Stream

ALL: Final = "all"
STAT: Final = "STAT"
DISEASED: Final = "with disease"
SEVERE: Final = "severe and worse"
MISSED: Final = "missed"
HEALTHY: Final = "without disease"
FLAGGED: Final = "flagged"
NOT_FLAGGED: Final = "not flagged"


@dataclass(frozen=True, slots=True)
class Figures:
    """Waits of one group in one run, minutes; NaN where the group is empty. `above` is the share beyond a limit."""

    studies: int
    mean_min: float
    p95_min: float
    max_min: float
    above: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One run under one order: waits by group, load by reading group, and the share begun without a score."""

    waits: Mapping[str, Figures]
    loads: Mapping[str, float]
    unscored: float


def groups_of(department: Department, drawn: Drawn) -> dict[str, Flags]:
    """Return which studies belong to each group, by its name; sites, groups and modalities where there are several."""
    others = ~drawn.is_stat
    severe = np.array([truth in SOUGHT for truth in drawn.stream.truths], dtype=bool)
    found = {
        ALL: np.ones(len(others), dtype=bool),
        STAT: drawn.is_stat,
        DISEASED: drawn.has_disease & others,
        SEVERE: severe,
        MISSED: drawn.is_missed & others,
        HEALTHY: ~drawn.has_disease & others,
        FLAGGED: drawn.is_flagged & others,
        NOT_FLAGGED: ~drawn.is_flagged & others,
    }
    if department.is_mixed:
        found |= {f"{ALL}, CTs": ~drawn.is_xray, f"{ALL}, X-rays": drawn.is_xray}
    if len(department.places) > 1:
        found |= {f"{ALL}, from {each.name}": drawn.place == at for at, each in enumerate(department.places)}
    if len(department.groups) > 1:
        for at, each in enumerate(department.groups):
            own = drawn.group == at
            found |= {f"{name}, read by {each.name}": found[name] & own for name in (ALL, DISEASED)}
    return found


def timeline_of(
    department: Department, drawn: Drawn, stream: Stream, order: ReadingOrder, interruption: Interruption
) -> Timeline:
    """Return when each study is read; each reading group has a list of its own."""
    started, finished = np.empty(len(stream)), np.empty(len(stream))
    for number, group in enumerate(department.groups):
        own = np.flatnonzero(drawn.group == number)
        part = stream if len(own) == len(stream) else part_of(stream, own)
        read = replay(part, order, group.readers, interruption)
        started[own], finished[own] = read.started_min, read.finished_min
    return Timeline(started, finished)


def measure(
    department: Department,
    drawn: Drawn,
    stream: Stream,
    timeline: Timeline,
    span: tuple[float, float],
    limit_min: float,
) -> Measured:
    """Return the figures of the studies that come within a span of minutes; `stream` has the minutes of the scores."""
    inside = (stream.arrived_min >= span[0]) & (stream.arrived_min < span[1])
    reading = stream.read_for(timeline.started_min)
    wait = timeline.finished_min - stream.arrived_min - reading
    offered = {each.name: offered_min(each.readers, span) for each in department.groups}
    loads = {
        each.name: float(reading[inside & (drawn.group == number)].sum()) / offered[each.name]
        for number, each in enumerate(department.groups)
    }
    unscored = timeline.started_min < stream.scored_min
    return Measured(
        {name: _figures(wait[inside & own], limit_min) for name, own in groups_of(department, drawn).items()},
        loads,
        float(unscored[inside].mean()) if inside.any() else math.nan,
    )


def offered_min(readers: Readers, span: tuple[float, float]) -> float:
    """Return the minutes of reading that readers offer within a span."""
    hours = np.arange(math.floor(span[0] / HOUR_MIN), math.ceil(span[1] / HOUR_MIN))
    begins, ends = np.maximum(hours * HOUR_MIN, span[0]), np.minimum((hours + 1) * HOUR_MIN, span[1])
    by_hour: NDArray[np.float64] = np.array(readers.by_hour, dtype=np.float64)[hours % 24]
    return float(((ends - begins) * by_hour).sum())


def _figures(wait: Minutes, limit_min: float) -> Figures:
    if not len(wait):
        return Figures(0, *[math.nan] * 4)
    wait = np.maximum(wait, 0.0)  # what sums of minutes round to
    return Figures(
        studies=len(wait),
        mean_min=float(wait.mean()),
        p95_min=float(np.percentile(wait, 95)),
        max_min=float(wait.max()),
        above=float((wait > limit_min).mean()),
    )
