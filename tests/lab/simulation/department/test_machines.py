"""Machines score as a search through all that wait says, and as queueing theory does; the smallest number is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.lab.simulation.department.wards import OPTIONS, question, said, ward
from triaged.lab.simulation.closed_forms import erlang_c
from triaged.lab.simulation.department.drawing import draw
from triaged.lab.simulation.department.forecast import machines_needed
from triaged.lab.simulation.department.machines import Work, late_share, ranks, scored_at
from triaged.study.ranking import RequestPriority
from triaged.triage.scheme import Discipline


def work(number: int, seed: int, finishing: float = 0.5) -> Work:
    rng = np.random.default_rng(seed)
    ready = np.cumsum(rng.exponential(1.0, number))
    return Work(
        ready, ready - rng.choice([0.0, 20.0], number), rng.exponential(1.5, number), np.full(number, finishing)
    )


@pytest.mark.parametrize("machines", [1, 3])
def test_machines_equal_a_search_through_all_that_wait(machines: int) -> None:
    given = work(300, 2)
    free, left, expected = [0.0] * machines, set(range(300)), np.zeros(300)
    while left:
        free.sort()
        now = max(free[0], min(float(given.ready_min[each]) for each in left))
        study = min((each for each in left if given.ready_min[each] <= now), key=lambda each: given.rank[each])
        left.remove(study)
        expected[study] = now + given.scoring_min[study]
        free[0] = expected[study] + given.finishing_min[study]
    np.testing.assert_allclose(scored_at(given, machines), expected)


def test_waits_for_a_machine_are_those_of_erlang() -> None:
    given = replace(work(200_000, 3, finishing=0.0))
    waits = scored_at(given, 2) - given.ready_min - given.scoring_min
    assert waits.mean() == pytest.approx(erlang_c(2, 1.5) * 1.5 / 2 / (1 - 0.75), rel=0.05)


def test_machines_take_stat_requests_first_and_high_ones_by_their_head_start() -> None:
    ready = np.array([0.0, 1.0, 2.0, 3.0])
    stat, high, routine = RequestPriority.STAT, RequestPriority.HIGH, RequestPriority.ROUTINE
    given = Work(ready, ranks(ready, (routine, routine, high, stat), OPTIONS), np.full(4, 10.0), np.full(4, 1.0))
    assert scored_at(given, 1).tolist() == [10, 43, 32, 21]
    by_arrival = replace(OPTIONS, discipline=Discipline.FIFO)
    plain = replace(given, rank=ranks(ready, (routine, routine, high, stat), by_arrival))
    assert scored_at(plain, 1).tolist() == [10, 32, 43, 21]


def test_the_time_in_which_some_study_is_late_counts_once() -> None:
    arrived, scored = np.array([0.0, 5.0, 50.0, 60.0]), np.array([30.0, 40.0, 52.0, 200.0])
    assert late_share(arrived, scored, 10.0, (0.0, 100.0)) == pytest.approx((40 - 10 + 100 - 70) / 100)
    assert late_share(arrived, scored, 10.0, (20.0, 30.0)) == 1.0
    assert late_share(arrived, arrived, 10.0, (0.0, 100.0)) == 0.0


def test_the_smallest_number_of_machines_that_keeps_the_limit_is_found() -> None:
    department = ward(said("a,per_hour=60", scoring=("exponential:100",), finishing="fixed:20", settle_s=0))
    asked = question(4, 1, 0.5, within_min=5.5)
    span = asked.plan.warm_up_min, asked.plan.warm_up_min + asked.plan.measured_min
    runs = [draw(department, OPTIONS, span[1], np.random.default_rng(number)) for number in range(4)]
    tried, needed = machines_needed(runs, asked, span)
    assert [each.machines for each in tried] == [3, 4][: len(tried)]  # two are busy on average, which is too few
    assert needed == tried[-1].machines
    assert tried[-1].p95_min.high <= 5.5
    assert all(each.p95_min.high > 5.5 for each in tried[:-1])
    inside = runs[0].stream.arrived_min >= span[0]
    waits = (scored_at(runs[0].work, needed) - runs[0].stream.arrived_min)[
        inside & (runs[0].stream.arrived_min < span[1])
    ]
    assert np.percentile(waits, 95) < 5.5
    assert tried[0].load.value == pytest.approx(2 / 3, rel=0.1)


def test_no_number_of_machines_makes_scoring_shorter() -> None:
    department = ward(said("a,per_hour=30", scoring=("fixed:90",), settle_s=0))
    asked = question(2, 0.5, 0.5, within_min=1.0)
    span = asked.plan.warm_up_min, asked.plan.warm_up_min + asked.plan.measured_min
    runs = [draw(department, OPTIONS, span[1], np.random.default_rng(number)) for number in range(2)]
    tried, needed = machines_needed(runs, asked, span)
    assert needed is None
    assert tried[-1].mean_min.value == pytest.approx(1.5)
