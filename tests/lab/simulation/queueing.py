"""Second implementations and closed forms that the simulation is compared with; none of them uses its loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.findings import finding_of
from triaged.lab.simulation.arrivals import HourlyPoisson, OrderShares
from triaged.lab.simulation.disciplines import all_disciplines
from triaged.lab.simulation.durations import Duration, Minutes
from triaged.lab.simulation.replay import Timeline
from triaged.lab.simulation.site import Case, Readers, Site, Truth
from triaged.lab.simulation.stream import Stream
from triaged.study.assessment import Assessed
from triaged.triage.scheme import Scheme, TriageOptions


@dataclass(frozen=True, slots=True)
class Exponential:
    """The memoryless duration, for which queueing theory has closed forms."""

    mean_min: float

    def draw(self, rng: np.random.Generator, number: int) -> Minutes:
        """Return independent durations."""
        return rng.exponential(self.mean_min, number)


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same duration every time."""

    mean_min: float

    def draw(self, rng: np.random.Generator, number: int) -> Minutes:
        """Return `number` equal durations, drawing nothing."""
        return np.full(number, self.mean_min)


READING_MIN = 10.0
AT_ONCE = Fixed(0.0)
BY_SEVERITY = TriageOptions(scheme=Scheme.SEVERITY)
FIRST_COME, HEAD_START, STRICT, STRICT_CAP, ACCUMULATING = all_disciplines(BY_SEVERITY)
Floats = NDArray[Any]


def scored(severity: float, identification: float = 0.1) -> Assessed:
    """Return an outcome with this share of the worse lung."""
    return Assessed(
        finding_of(
            identification=identification,
            severity=severity,
            severity_right=severity / 2,
            severity_left=severity,
            severity_total=severity * 0.7,
            right_lung_ml=2500.0,
            left_lung_ml=2200.0,
            lungs_ml=4700.0,
            lesion_ml=100.0,
            dense_share=0.2,
            grade=1,
            engine="a test",
            identification_threshold=0.5,
        )
    )


POSITIVE, NEGATIVE = scored(0.9), scored(0.0)


def two_classes(prevalence: float, sensitivity: float, specificity: float) -> tuple[Case, ...]:
    """Return diseased and healthy studies of which a perfect or imperfect reader flags some."""
    healthy = 1 - prevalence
    return (
        Case(Truth.SEVERE, POSITIVE, prevalence * sensitivity),
        Case(Truth.SEVERE, NEGATIVE, prevalence * (1 - sensitivity)),
        Case(Truth.NORMAL, POSITIVE, healthy * (1 - specificity)),
        Case(Truth.NORMAL, NEGATIVE, healthy * specificity),
    )


def steady_site(load: float, cases: tuple[Case, ...], reading: Duration | None = None, stat: float = 0.0) -> Site:
    """Return one reader, arrivals at a constant rate, and outcomes that are known at once."""
    reading = reading or Exponential(READING_MIN)
    per_hour = 60 * load / reading.mean_min
    arrivals = HourlyPoisson((per_hour,) * 24, OrderShares(stat=stat))
    return Site(arrivals, cases, reading, Readers(), AT_ONCE, failing=0.0)


def waits(stream: Stream, timeline: Timeline) -> Floats:
    return np.asarray(timeline.finished_min - stream.arrived_min - stream.reading_min)


def flagged(stream: Stream) -> NDArray[np.bool_]:
    return np.array([outcome is POSITIVE for outcome in stream.outcomes], dtype=bool)


def lindley(arrived_min: Floats, reading_min: Floats) -> Floats:
    """Return waits of one reader, first come first, by Lindley's recursion in closed form."""
    walk = np.cumsum(np.concatenate([[0.0], reading_min[:-1] - np.diff(arrived_min)]))
    return np.asarray(walk - np.minimum.accumulate(walk))


def fifo_wait(load: float, mean_square: float, mean: float = READING_MIN) -> float:
    """Return the mean wait of M/G/1 (Pollaczek and Khinchine)."""
    return load / mean * mean_square / 2 / (1 - load)


def priority_waits(load: float, share: float) -> tuple[float, float]:
    """Return the mean waits of two classes of M/M/1 without interruption (Cobham 1954)."""
    residual, urgent = load * READING_MIN, share * load
    return residual / (1 - urgent), residual / (1 - urgent) / (1 - load)


def interrupting_waits(load: float, share: float) -> tuple[float, float]:
    """Return the mean waits of two classes of M/M/1 where the first interrupts the second, which resumes."""
    urgent = share * load
    first = urgent * READING_MIN / (1 - urgent)
    turnaround = READING_MIN / (1 - urgent) + load * READING_MIN / (1 - urgent) / (1 - load)
    return first, turnaround - READING_MIN


def naive(keys: Sequence[tuple[Any, ...]], stream: Stream, readers: int) -> Floats:
    """Return when each study starts, by looking through all that wait whenever somebody is free; for few studies."""
    free = [0.0] * readers
    started = np.full(len(stream), np.inf)
    left = set(range(len(stream)))
    while left:
        free.sort()
        now = max(free[0], min(float(stream.arrived_min[study]) for study in left))
        study = min((each for each in left if stream.arrived_min[each] <= now), key=lambda each: keys[each])
        left.remove(study)
        started[study] = now
        free[0] = now + float(stream.reading_min[study])
    return started
