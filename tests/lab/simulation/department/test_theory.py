"""The simulation converges to the closed forms of queueing theory, for one reader and several, interrupted and not.

Each figure lies within four standard errors of its closed form, and the errors are small enough to tell orders apart.
"""

from __future__ import annotations

import math

import pytest
from scipy import stats

from tests.lab.simulation.department.wards import OPTIONS, at_once, question, said, ward
from triaged.lab.simulation.closed_forms import Demand, Saving, preemptive_resume_waits
from triaged.lab.simulation.department.forecast import forecast
from triaged.lab.simulation.department.measuring import DISEASED, FLAGGED, HEALTHY, NOT_FLAGGED, STAT
from triaged.lab.simulation.department.model import Department
from triaged.lab.simulation.department.orders import chosen_orders
from triaged.lab.simulation.department.theory import Silence, flag_rates, theory_of
from triaged.lab.simulation.replay import Interruption
from triaged.lab.simulation.replicated import Replicated

RUNS = 20
NEVER, TIERS = Interruption.NEVER, Interruption.BY_TIER
ONE = ward(at_once("a,per_hour=4.8", reading=("exponential:10",)))
THREE = ward(at_once("a,per_hour=9", "b,per_hour=5.4", groups=("r=3",), reading=("exponential:10",)), specificity=0.7)
WITH_STAT = ward(at_once("a,per_hour=4.8", reading=("exponential:10", "/stat=exponential:5")), stat=0.2)
WITH_STAT_TWO = ward(at_once("a,per_hour=9.6", groups=("r=2",), reading=("exponential:10",)), stat=0.2)
ANY_LENGTH = ward(
    at_once("a,per_hour=4.8,xrays=0.4", reading=("lognormal:12:7", "x-ray=fixed:4", "ct/flagged=fixed:15"))
)


def standard_error(found: Replicated) -> float:
    return (found.high - found.value) / float(stats.t.ppf(0.975, RUNS - 1))


def agrees(found: Replicated, expected: float, precision: float = 0.06) -> None:
    error = standard_error(found)
    assert found.value == pytest.approx(expected, abs=4 * error)
    assert error < precision * abs(expected)


@pytest.mark.parametrize(
    ("department", "interruption", "days"),
    [
        pytest.param(ONE, NEVER, 40, id="M/M/1"),
        pytest.param(ONE, TIERS, 40, id="M/M/1 interrupting"),
        pytest.param(THREE, NEVER, 14, id="M/M/3"),
        pytest.param(THREE, TIERS, 14, id="M/M/3 interrupting"),
        pytest.param(WITH_STAT, NEVER, 30, id="three classes"),
        pytest.param(WITH_STAT, TIERS, 30, id="three classes interrupting"),
        pytest.param(WITH_STAT_TWO, TIERS, 14, id="three classes, two readers, interrupting"),
        pytest.param(ANY_LENGTH, NEVER, 30, id="M/G/1"),
        pytest.param(ANY_LENGTH, TIERS, 30, id="M/G/1 interrupting"),
    ],
)
def test_simulated_waits_are_those_of_the_closed_forms(
    department: Department, interruption: Interruption, days: float
) -> None:
    expected = theory_of(department, OPTIONS, interruption)
    assert isinstance(expected, Saving)
    asked = question(RUNS, days, 2.0, interruption=interruption, seed=7)
    orders = forecast(department, chosen_orders(["flag"], OPTIONS), asked).orders
    flag = orders["flag"].waits
    agrees(orders["fifo"].waits[HEALTHY].mean_min, expected.without_flag_min)
    agrees(flag[FLAGGED].mean_min, expected.flagged_min)
    agrees(flag[NOT_FLAGGED].mean_min, expected.not_flagged_min)
    agrees(flag[DISEASED].mean_min, expected.diseased_min)
    agrees(flag[HEALTHY].mean_min, expected.healthy_min)
    agrees(flag[DISEASED].change_min, -expected.saved_min)
    agrees(flag[HEALTHY].change_min, expected.added_min, 0.1)


def test_stat_requests_that_interrupt_wait_as_if_they_were_alone() -> None:
    asked = question(RUNS, 30, 2.0, interruption=TIERS, seed=7)
    found = forecast(WITH_STAT, chosen_orders(["flag"], OPTIONS), asked).orders["flag"].waits[STAT].mean_min
    (alone,) = preemptive_resume_waits((Demand.exponential(4.8 / 60 * 0.2, 5.0),))
    assert found.value == pytest.approx(alone, abs=4 * standard_error(found))


def test_what_the_policy_flags_is_what_was_asked_for_whatever_it_orders_by() -> None:
    rates = flag_rates(ANY_LENGTH, OPTIONS)
    assert (rates.prevalence, rates.sensitivity, rates.specificity) == pytest.approx((0.1, 0.9, 0.9))
    assert rates.flagged == pytest.approx(0.18)
    assert 60 * (rates.diseased_per_min + rates.healthy_per_min) == pytest.approx(4.8)
    assert math.isnan(flag_rates(ward(at_once("a,per_hour=1"), prevalence=0.0), OPTIONS).sensitivity)


@pytest.mark.parametrize(
    ("department", "interruption", "reason"),
    [
        (ward(at_once("a,per_hour=1,group=b", groups=("r=1", "b=1"))), NEVER, "several lists"),
        (ward(at_once("a,per_hour=1,profile=day")), NEVER, "arrivals change"),
        (ward(at_once("a,per_hour=1", groups=("r=1" + ",1" * 22 + ",2",))), NEVER, "number of readers changes"),
        (ward(said("a,per_hour=1")), NEVER, "scores come later"),
        (ward(at_once("a,per_hour=1"), stat=0.1), Interruption.BY_EMERGENCIES, "only STAT"),
        (ward(at_once("a,per_hour=9")), NEVER, "a load below 1"),
        (ward(at_once("a,per_hour=4", groups=("r=2",))), NEVER, "one exponential length"),
        (ward(at_once("a,per_hour=1"), sensitivity=0.0, specificity=1.0), NEVER, "none is"),
    ],
)
def test_where_no_closed_form_holds_the_reason_is_told(
    department: Department, interruption: Interruption, reason: str
) -> None:
    found = theory_of(department, OPTIONS, interruption)
    assert isinstance(found, Silence)
    assert reason in "; ".join(found.reasons)
