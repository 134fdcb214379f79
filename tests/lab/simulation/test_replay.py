"""Readers take studies as queueing theory and slower second implementations say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.lab.simulation.queueing import (
    ACCUMULATING,
    BY_SEVERITY,
    FIRST_COME,
    HEAD_START,
    NEGATIVE,
    POSITIVE,
    READING_MIN,
    STRICT,
    STRICT_CAP,
    Exponential,
    fifo_wait,
    flagged,
    interrupting_waits,
    lindley,
    naive,
    priority_waits,
    steady_site,
    two_classes,
    waits,
)
from triaged.lab.simulation.disciplines import DaemonOrder, ordered
from triaged.lab.simulation.durations import Lognormal
from triaged.lab.simulation.replay import Interruption, replay
from triaged.lab.simulation.site import Readers, Site, Truth, days
from triaged.lab.simulation.stream import Stream, draw_stream
from triaged.lab.simulation.waits import waits_of
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.triage.scheme import Discipline

CASES = two_classes(prevalence=0.2, sensitivity=0.9, specificity=0.9)


def stream_of(site: Site, number: int, seed: int = 1) -> Stream:
    return draw_stream(site, days(number / site.arrivals.per_day), np.random.default_rng(seed))


def listed(arrived: list[float], reading: float, outcomes: str, scored_after: float = 0.0) -> Stream:
    """Return studies of equal length, flagged where the text has a +."""
    at = np.array(arrived)
    return Stream(
        arrived_min=at,
        scored_min=at + scored_after,
        reading_min=np.full(len(at), reading),
        priorities=(RequestPriority.ROUTINE,) * len(at),
        outcomes=tuple(POSITIVE if sign == "+" else NEGATIVE for sign in outcomes),
        truths=(Truth.NORMAL,) * len(at),
    )


def test_first_come_first_equals_lindleys_recursion_study_by_study() -> None:
    site = steady_site(0.9, CASES)
    stream = stream_of(site, 3_000)
    found = waits(stream, replay(stream, FIRST_COME, site.readers))
    np.testing.assert_allclose(found, lindley(stream.arrived_min, stream.reading_min), atol=1e-6)


@pytest.mark.parametrize("readers", [1, 3])
def test_class_by_class_equals_a_search_through_all_that_wait(readers: int) -> None:
    site = steady_site(0.9 * readers, CASES)
    stream = stream_of(site, 600)
    keys = [(0.0 if up else 1.0, at) for up, at in zip(flagged(stream), stream.arrived_min.tolist(), strict=True)]
    found = replay(stream, STRICT, Readers((readers,) * 24))
    np.testing.assert_allclose(found.started_min, naive(keys, stream, readers))


def test_the_daemons_order_equals_a_search_by_effective_arrival() -> None:
    site = steady_site(0.95, CASES)
    stream = stream_of(site, 600)
    keys = [
        (np.floor(at - 240 * up), not up, at)
        for up, at in zip(flagged(stream).tolist(), stream.arrived_min.tolist(), strict=True)
    ]
    found = replay(stream, HEAD_START, site.readers)
    np.testing.assert_allclose(found.started_min, naive(keys, stream, 1))


def test_flagged_studies_that_interrupt_wait_as_if_they_were_alone() -> None:
    site = steady_site(0.9, CASES)
    stream = stream_of(site, 3_000)
    up = flagged(stream)
    found = waits(stream, replay(stream, STRICT, site.readers, Interruption.BY_TIER))
    np.testing.assert_allclose(found[up], lindley(stream.arrived_min[up], stream.reading_min[up]), atol=1e-6)


@pytest.mark.parametrize(
    ("reading", "mean_square"),
    [
        (Exponential(READING_MIN), 2 * READING_MIN**2),
        (Lognormal.with_variation(READING_MIN / np.sqrt(1.36), 0.6), 1.36 * READING_MIN**2),
    ],
)
def test_mean_waits_are_those_of_pollaczek_and_khinchine(reading: Exponential | Lognormal, mean_square: float) -> None:
    site = steady_site(0.5, CASES, reading)
    stream = stream_of(site, 60_000, seed=3)
    found = waits(stream, replay(stream, FIRST_COME, site.readers))
    assert found.mean() == pytest.approx(fifo_wait(0.5, mean_square), rel=0.03)


def test_stat_orders_in_the_daemons_own_order_wait_as_cobham_says() -> None:
    site = steady_site(0.8, (CASES[3],), stat=0.25)
    stream = stream_of(site, 30_000, seed=2)
    found = waits(stream, replay(stream, HEAD_START, site.readers))
    stat = np.array([priority is RequestPriority.STAT for priority in stream.priorities])
    fifo = lindley(stream.arrived_min, stream.reading_min)
    urgent, routine = priority_waits(0.8, 0.25)
    assert found[stat].mean() == pytest.approx(urgent, rel=0.04)
    ratio = routine / fifo_wait(0.8, 2 * READING_MIN**2)
    assert found[~stat].mean() / fifo.mean() == pytest.approx(ratio, rel=0.02)


def test_interrupted_studies_resume_where_they_were_left() -> None:
    site = steady_site(0.8, CASES)
    stream = stream_of(site, 30_000, seed=4)
    up = flagged(stream)
    found = waits(stream, replay(stream, STRICT, site.readers, Interruption.BY_TIER))
    fifo = lindley(stream.arrived_min, stream.reading_min)
    _, routine = interrupting_waits(0.8, float(up.mean()))
    assert found[~up].mean() / fifo.mean() == pytest.approx(routine / 40, rel=0.02)


def test_accumulating_priority_waits_are_those_of_kleinrock() -> None:
    site = steady_site(0.8, CASES)
    stream = stream_of(site, 40_000, seed=5)
    up = flagged(stream)
    rates = dict.fromkeys(TriageClass, 1.0) | {TriageClass.CRITICAL: 4.0}
    found = waits(stream, replay(stream, ordered(Discipline.ACCUMULATING, BY_SEVERITY, rates), site.readers))
    share = float(up.mean())
    routine = 40 / (1 - 0.8 * share * (1 - 1 / 4))
    urgent = 40 - 0.8 * (1 - share) * routine * (1 - 1 / 4)
    fifo = lindley(stream.arrived_min, stream.reading_min).mean()
    assert found[~up].mean() / fifo == pytest.approx(routine / 40, rel=0.02)
    assert found[up].mean() / fifo == pytest.approx(urgent / 40, rel=0.04)


@pytest.mark.parametrize(
    "discipline",
    [
        HEAD_START,
        STRICT,
        STRICT_CAP,
        ACCUMULATING,
    ],
    ids=lambda each: each.name,
)
def test_the_order_of_reading_makes_no_reading_time(discipline: DaemonOrder) -> None:
    """Waits weighted by reading time add up to the same on every path without interruption (Kleinrock)."""
    site = steady_site(0.9, CASES)
    stream = stream_of(site, 2_000)
    found, fifo = (waits(stream, replay(stream, each, site.readers)) for each in (discipline, FIRST_COME))
    assert (found * stream.reading_min).sum() == pytest.approx((fifo * stream.reading_min).sum(), rel=1e-9)
    assert not np.allclose(found, fifo)


def test_nobody_is_overtaken_by_a_study_that_came_later_than_the_longest_head_start() -> None:
    site = steady_site(0.99, CASES)
    stream = stream_of(site, 3_000, seed=6)
    started = replay(stream, HEAD_START, site.readers).started_min
    order = np.argsort(started)
    latest = np.maximum.accumulate(stream.arrived_min[order])
    span = (latest - stream.arrived_min[order]).max()
    assert 60 < span <= 241  # effective arrivals are compared in whole minutes


def test_an_overdue_study_comes_before_flagged_ones_under_the_cap() -> None:
    stream = listed([0, 1, 2, 3, 4], reading=10, outcomes="+-+++")
    capped = replay(stream, ordered(Discipline.STRICT_CAP, replace(BY_SEVERITY, strict_cap_min=15)), Readers())
    strict = replay(stream, STRICT, Readers())
    assert capped.started_min.tolist() == [0, 20, 10, 30, 40]
    assert strict.started_min.tolist() == [0, 40, 10, 20, 30]


def test_a_study_moves_up_only_when_its_result_is_there() -> None:
    stream = listed([0, 1, 2], reading=10, outcomes="--+", scored_after=11)
    found = replay(stream, STRICT, Readers())
    assert found.started_min.tolist() == [0, 10, 20]
    soon = listed([0, 1, 2], reading=10, outcomes="--+", scored_after=7)
    assert replay(soon, STRICT, Readers()).started_min.tolist() == [0, 20, 10]


def test_a_failed_analysis_leaves_a_study_unscored_and_above_those_not_flagged() -> None:
    site = Site(
        steady_site(0.9, CASES).arrivals, (CASES[3],), readers=Readers(), failing=0.3, reading=Exponential(READING_MIN)
    )
    stream = stream_of(site, 2_000)
    failed = np.array([outcome is not NEGATIVE for outcome in stream.outcomes])
    found = waits(stream, replay(stream, HEAD_START, site.readers))
    assert failed.mean() == pytest.approx(0.3, abs=0.04)
    assert found[failed].mean() < found[~failed].mean()


def test_nobody_reads_while_no_reader_is_there_and_a_begun_study_is_finished() -> None:
    readers = Readers((1,) + (0,) * 22 + (2,))
    stream = listed([0, 30, 55, 100, 200], reading=20, outcomes="-----")
    found = replay(stream, FIRST_COME, readers)
    assert found.started_min.tolist() == [0, 30, 55, 23 * 60, 23 * 60]


def test_who_is_begun_before_the_score_is_there_is_read_as_unscored() -> None:
    stream = replace(listed([0, 1, 30], reading=10, outcomes="--+", scored_after=2), unscored_min=np.full(3, 4.0))
    found = replay(stream, FIRST_COME, Readers())
    assert found.started_min.tolist() == [0, 4, 30]
    assert found.finished_min.tolist() == [4, 14, 34]
    assert stream.read_for(found.started_min).tolist() == [4, 10, 4]
    assert waits_of(stream, found).wait_min.tolist() == [0, 3, 0]


def test_the_study_that_was_begun_last_is_interrupted_however_long_it_would_take() -> None:
    stream = replace(listed([0, 1, 2], reading=10, outcomes="--+"), reading_min=np.array([30.0, 10.0, 5.0]))
    found = replay(stream, STRICT, Readers((2,) * 24), Interruption.BY_TIER)
    assert found.finished_min.tolist() == [30, 16, 7]
