"""Orders of reading are compared on the same studies, and gates speak only where the figures do."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import stats

from tests.lab.simulation.queueing import BY_SEVERITY, FIRST_COME, HEAD_START, scored
from triaged.errors import ConfigError
from triaged.lab.simulation.arrivals import Arrived, Trace
from triaged.lab.simulation.comparison import Comparison, Plan, compare, plan_over
from triaged.lab.simulation.disciplines import all_disciplines
from triaged.lab.simulation.gates import gates
from triaged.lab.simulation.replay import Timeline
from triaged.lab.simulation.replicated import Replicated, mean_of, ratio_of
from triaged.lab.simulation.site import Case, Site, Truth, busy_site, days
from triaged.lab.simulation.stream import Stream
from triaged.lab.simulation.verdict import Verdict, at_least, at_most, between
from triaged.lab.simulation.waits import ALL, SEVERE_AND_WORSE, waits_of
from triaged.study.ranking import RequestPriority

BRIEF = Plan(replications=4, warm_up_min=days(0.5), measured_min=days(2), seed=3)


def mixture(each: int) -> tuple[Case, ...]:
    """Return severe and healthy cases that are scored as they are, one in ten severe."""
    severe, normal = Case(Truth.SEVERE, scored(0.6), 1.0), Case(Truth.NORMAL, scored(0.0), 9.0)
    return (severe,) * each + (normal,) * each


def site(load: float = 0.85, each: int = 10) -> Site:
    return busy_site(mixture(each), load)


@cache
def compared() -> Comparison:
    return compare(site(), all_disciplines(BY_SEVERITY), BRIEF)


def verdict_of(asked: str, comparison: Comparison, cases: tuple[Case, ...]) -> Verdict:
    (found,) = [criterion for criterion in gates(comparison, "head_start", cases) if asked in criterion.asked]
    return found.verdict


def test_severe_studies_wait_less_and_all_studies_together_as_long_as_before() -> None:
    waits = compared().waits["head_start"]
    assert waits[SEVERE_AND_WORSE].change_min.value < 0
    assert waits[Truth.NORMAL].change_min.value > 0
    assert waits[ALL].mean_ratio.value == pytest.approx(1.0, abs=0.03)


def test_first_come_first_differs_in_nothing_from_itself() -> None:
    fifo = compared().waits["fifo"]
    for group in (SEVERE_AND_WORSE, ALL):
        assert fifo[group].change_min == Replicated(0, 0, 0)
        assert fifo[group].mean_ratio == Replicated(1, 1, 1)
    assert 0 < fifo[Truth.NORMAL].overtaken.value < 1  # by STAT orders only


def test_nobody_is_overtaken_over_more_than_the_longest_head_start() -> None:
    assert compared().waits["head_start"][ALL].overtaken_span_min <= 241


def test_strict_classes_help_most_and_harm_most() -> None:
    severe = {name: table[SEVERE_AND_WORSE].mean_min.value for name, table in compared().waits.items()}
    assert severe["strict"] == min(severe.values())
    assert severe["fifo"] == max(severe.values())


def test_the_same_seed_gives_the_same_figures_and_another_does_not() -> None:
    small = replace(BRIEF, replications=2, measured_min=days(0.5))
    again = [compare(site(), [HEAD_START], small) for _ in range(2)]
    assert repr(again[0]) == repr(again[1])
    assert repr(compare(site(), [HEAD_START], replace(small, seed=9))) != repr(again[0])


def test_gates_pass_an_order_that_serves_severe_studies() -> None:
    cases = mixture(10)
    assert verdict_of("severe and critical: mean wait", compared(), cases) is Verdict.MEETS
    assert verdict_of("normal: 95th percentile", compared(), cases) is Verdict.MEETS


def test_gates_do_not_pass_an_order_that_does_nothing() -> None:
    renamed = Comparison(compared().load, BRIEF, {"head_start": compared().waits["fifo"]})
    assert verdict_of("severe and critical: mean wait", renamed, mixture(10)) is Verdict.DOES_NOT_MEET


def test_gates_that_rest_on_few_cases_say_nothing_however_much_was_simulated() -> None:
    assert verdict_of("severe and critical: mean wait", compared(), mixture(9)) is Verdict.TOO_FEW


def test_a_list_that_is_not_busy_is_not_asked_for_half_the_wait() -> None:
    idle = Comparison(0.5, BRIEF, compared().waits)
    assert not [each for each in gates(idle, "head_start", mixture(10)) if "severe and critical" in each.asked]


def test_an_overloaded_list_starves() -> None:
    comparison = compare(site(load=1.6), [HEAD_START], replace(BRIEF, replications=2, longest_min=240.0))
    assert verdict_of("nobody waits longer", comparison, mixture(10)) is Verdict.DOES_NOT_MEET


def test_a_trace_is_measured_after_its_warm_up_and_must_be_longer() -> None:
    times = np.arange(0.0, days(3), 12.0)
    trace = Trace(Arrived(times, (RequestPriority.ROUTINE,) * len(times)))
    plan = plan_over(trace, BRIEF)
    assert (plan.measured_min, plan.cool_down_min) == (trace.minutes - days(0.5), 0.0)
    comparison = compare(replace(site(), arrivals=trace), [], replace(plan, replications=2))
    assert comparison.waits["fifo"][ALL].studies == 2 * int((times >= days(0.5)).sum())
    with pytest.raises(ConfigError, match="longer than its warm-up"):
        plan_over(trace, replace(BRIEF, warm_up_min=days(4)))


def test_overtaking_is_counted_by_pairs() -> None:
    rng = np.random.default_rng(7)
    arrived, started = np.sort(rng.uniform(0, 50, 40)), rng.uniform(60, 100, 40)
    stream = Stream(
        arrived, arrived, np.ones(40), (RequestPriority.ROUTINE,) * 40, (scored(0.0),) * 40, (Truth.NORMAL,) * 40
    )
    found = waits_of(stream, Timeline(started, started + 1))
    pairs = [[j for j in range(i + 1, 40) if started[j] < started[i]] for i in range(40)]
    assert found.overtaken.tolist() == [len(each) for each in pairs]
    spans = [max((arrived[j] - arrived[i] for j in each), default=0.0) for i, each in enumerate(pairs)]
    np.testing.assert_allclose(found.overtaken_span_min, spans)


def test_intervals_are_students() -> None:
    values = np.array([3.0, 5.0, 4.0, 8.0])
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    found = mean_of(values)
    assert [found.value, found.low, found.high] == pytest.approx([5.0, expected.low, expected.high])
    assert mean_of(np.array([np.nan, 2.0])) == Replicated(2.0, -math.inf, math.inf)
    assert math.isnan(mean_of(np.array([np.nan])).value)


def test_a_ratio_of_proportional_figures_has_no_width() -> None:
    values = np.array([3.0, 5.0, 4.0])
    assert ratio_of(2 * values, values) == Replicated(2.0, 2.0, 2.0)
    assert math.isnan(ratio_of(values, 0 * values).value)


@pytest.mark.parametrize(
    ("low", "high", "most", "least", "inside"),
    [
        (0.2, 0.4, Verdict.MEETS, Verdict.DOES_NOT_MEET, Verdict.DOES_NOT_MEET),
        (0.4, 0.6, Verdict.TOO_FEW, Verdict.TOO_FEW, Verdict.TOO_FEW),
        (0.6, 0.8, Verdict.DOES_NOT_MEET, Verdict.MEETS, Verdict.MEETS),
        (math.nan, math.nan, Verdict.TOO_FEW, Verdict.TOO_FEW, Verdict.TOO_FEW),
    ],
)
def test_only_an_interval_on_one_side_of_the_limit_says_something(
    low: float, high: float, most: Verdict, least: Verdict, inside: Verdict
) -> None:
    found = Replicated((low + high) / 2, low, high)
    assert (at_most(0.5, found), at_least(0.5, found), between(0.5, 1.0, found)) == (most, least, inside)


def test_all_orders_come_with_first_come_first_once() -> None:
    assert list(compare(site(), [FIRST_COME, HEAD_START], replace(BRIEF, replications=2)).waits) == [
        "fifo",
        "head_start",
    ]
