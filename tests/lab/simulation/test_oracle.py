"""Orders compared give the waits of the ordering specification, section 2.2.2: three classes, load 0.8, one reader.

First come first on the same studies serves as the control variate: its true mean is 40 minutes. Strict and accumulating
rows follow from closed forms as well (section 2.2.1); the others were simulated once, elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.lab.simulation.queueing import BY_SEVERITY, lindley, scored, steady_site, waits
from triaged.lab.simulation.disciplines import ordered
from triaged.lab.simulation.replay import replay
from triaged.lab.simulation.site import Case, Readers, Truth, days
from triaged.lab.simulation.stream import Stream, draw_stream
from triaged.study.ranking import TriageClass
from triaged.triage.scheme import Discipline, HeadStarts

CREDIT = HeadStarts(
    critical=240,
    severe=60,
    suspected_moderate=60,
    suspected_mild_identification=0,
    suspected_mild_combined=0,
    suspected_mild_severity=0,
    unscored=0,
    opacity_not_flagged=0,
)
OPTIONS = replace(BY_SEVERITY, head_starts=CREDIT)
RATES = dict.fromkeys(TriageClass, 1.0) | {TriageClass.CRITICAL: 4.0, TriageClass.SUSPECTED_MODERATE: 2.0}
OUTCOMES = (scored(0.9), scored(0.3), scored(0.0))
SHARES = (0.25, 0.375, 0.375)
LOAD, FIFO_MIN = 0.8, 40.0


@cache
def drawn() -> tuple[Stream, float]:
    """Return studies, and what turns the path's waits into expected ones."""
    cases = tuple(Case(Truth.NORMAL, outcome, share) for outcome, share in zip(OUTCOMES, SHARES, strict=True))
    site = steady_site(LOAD, cases)
    stream = draw_stream(site, days(40_000 / site.arrivals.per_day), np.random.default_rng(0))
    return stream, FIFO_MIN / float(lindley(stream.arrived_min, stream.reading_min).mean())


def strict_waits() -> list[float]:
    """Return the waits of Cobham (1954)."""
    residual, edges = LOAD * 10, [LOAD * sum(SHARES[:k]) for k in range(4)]
    return [residual / (1 - edges[k]) / (1 - edges[k + 1]) for k in range(3)]


def accumulating_waits(rates: tuple[float, float, float]) -> list[float]:
    """Return the waits of Kleinrock (1964), solved from the lowest class up."""
    loads, found = [LOAD * share for share in SHARES], [0.0] * 3
    for k in (2, 1, 0):
        below = sum(loads[i] * found[i] * (1 - rates[i] / rates[k]) for i in range(k + 1, 3))
        above = sum(loads[i] * (1 - rates[k] / rates[i]) for i in range(k))
        found[k] = (LOAD * 10 / (1 - LOAD) - below) / (1 - above)
    return found


@pytest.mark.parametrize(
    ("discipline", "expected"),
    [
        (Discipline.HEAD_START, [10.9, 37, 62]),
        (Discipline.FIFO, [40, 40, 40]),
        (Discipline.STRICT, [10, 20, 80]),
        (Discipline.STRICT_CAP, [12.5, 27, 71]),
        (Discipline.ACCUMULATING, [22, 35, 57]),
    ],
)
def test_mean_waits_are_those_of_the_table(discipline: Discipline, expected: list[float]) -> None:
    stream, scale = drawn()
    found = waits(stream, replay(stream, ordered(discipline, OPTIONS, RATES), Readers())) * scale
    groups = [np.array([outcome is each for outcome in stream.outcomes]) for each in OUTCOMES]
    assert [found[group].mean() for group in groups] == pytest.approx(expected, rel=0.05)
    assert sum(found[group].sum() for group in groups) / len(stream) == pytest.approx(FIFO_MIN, rel=0.01)


def test_the_table_s_rows_are_those_of_the_closed_forms() -> None:
    assert strict_waits() == pytest.approx([10, 20, 80])
    assert accumulating_waits((4, 2, 1)) == pytest.approx([22, 35, 57], abs=0.5)
