"""The list is judged as it looked, and what nothing put forward is counted by itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.lab.simulation.queueing import HEAD_START, STRICT, scored
from triaged.lab.simulation.comparison import Plan, compare
from triaged.lab.simulation.ranking import RankQuality, ranking_of
from triaged.lab.simulation.replay import Timeline
from triaged.lab.simulation.site import Case, Truth, busy_site, days
from triaged.lab.simulation.stream import FAILED, Stream
from triaged.lab.simulation.waits import ALL, MISSED, SEVERE_AND_WORSE, missed
from triaged.study.assessment import Assessment
from triaged.study.ranking import RequestPriority
from triaged.triage.scheme import Scheme, TriageOptions

SICK, WELL, STAT = Truth.SEVERE, Truth.NORMAL, Truth.EMERGENCY


def waiting(truths: list[Truth], outcomes: list[Assessment] | None = None) -> Stream:
    """Return studies that all come in the first minute and take a minute to read."""
    number = len(truths)
    return Stream(
        arrived_min=np.linspace(0, 1, number),
        scored_min=np.linspace(0, 1, number),
        reading_min=np.ones(number),
        priorities=(RequestPriority.ROUTINE,) * number,
        outcomes=tuple(outcomes or [scored(0.0)] * number),
        truths=tuple(truths),
    )


def ranked(truths: list[Truth], until_min: float = 61.0) -> RankQuality:
    """Return the ranking of a list on which studies are read in the order given, from the hundredth minute on."""
    started = 100 + np.arange(len(truths), dtype=float)
    return ranking_of(waiting(truths), Timeline(started, started + 1), 60, until_min)


@pytest.mark.parametrize(
    ("truths", "recall", "area"),
    [
        ([SICK, SICK, WELL, WELL, WELL, WELL, WELL], 1.0, 1.0),
        ([WELL] * 5 + [SICK] * 2, 0.0, 0.0),
        ([WELL, SICK, WELL, WELL, SICK, WELL, SICK], 2 / 3, (3 + 1 + 0) / 12),
        ([STAT, STAT, SICK, WELL, WELL, WELL, WELL], 1.0, 1.0),
    ],
)
def test_an_order_is_ideal_where_all_severe_studies_are_on_top(truths: list[Truth], recall: float, area: float) -> None:
    found = ranked(truths)
    assert [found.recall, found.area] == pytest.approx([recall, area])


def test_the_list_is_looked_at_every_hour_and_only_those_who_wait_are_on_it() -> None:
    truths = [SICK, *[WELL] * 60, SICK, WELL]
    found = ranked(truths, until_min=121.0)
    # at 60 both severe studies wait, first and second last; at 120 the second one, behind 40 others and before one
    assert found.recall == pytest.approx((1 + 0) / 3)
    assert found.area == pytest.approx((61 + 1 + 1) / (2 * 61 + 41))


def test_a_list_without_severe_studies_has_no_quality() -> None:
    found = ranked([WELL, WELL])
    assert math.isnan(found.recall)
    assert math.isnan(found.area)


def test_missed_are_those_with_the_disease_that_were_scored_and_not_flagged() -> None:
    truths = [Truth.MILD, Truth.MILD, Truth.MILD, Truth.MILD, WELL, Truth.CRITICAL]
    outcomes: list[Assessment] = [scored(0.0), scored(0.1, 0.9), scored(0.1, 0.1), FAILED, scored(0.0), scored(0.9)]
    stream = waiting(truths, outcomes)
    assert missed(stream, TriageOptions(scheme=Scheme.COMBINED)).tolist() == [True, False, True, False, False, False]
    assert missed(stream, TriageOptions(scheme=Scheme.SEVERITY)).tolist() == [True] + [False] * 5


def test_missed_studies_pay_for_those_that_were_found() -> None:
    cases = (
        Case(Truth.SEVERE, scored(0.6), 0.1),
        Case(Truth.SEVERE, scored(0.0), 0.1),
        Case(Truth.NORMAL, scored(0.0), 0.8),
    )
    plan = Plan(replications=4, warm_up_min=days(0.5), measured_min=days(2), seed=3)
    found = compare(busy_site(cases, 0.85), [HEAD_START, STRICT], plan)
    fifo, ordered = found.waits["fifo"], found.waits["head_start"]
    assert 0 < ordered[MISSED].studies < ordered[SEVERE_AND_WORSE].studies < ordered[ALL].studies
    assert ordered[MISSED].change_min.value > 0
    assert fifo[MISSED].change_min.value == 0
    assert found.rankings["head_start"].area.value > found.rankings["fifo"].area.value
    assert found.rankings["head_start"].recall.value > found.rankings["fifo"].recall.value
