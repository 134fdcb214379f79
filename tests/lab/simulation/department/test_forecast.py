"""A forecast tells groups apart, keeps reading groups apart, and lets no score count before it is there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.lab.simulation.department.wards import OPTIONS, at_once, question, said, ward
from triaged.lab.simulation.department.drawing import draw
from triaged.lab.simulation.department.forecast import Forecast, Question, forecast
from triaged.lab.simulation.department.measuring import ALL, DISEASED, HEALTHY, MISSED, STAT, offered_min
from triaged.lab.simulation.department.model import Department
from triaged.lab.simulation.department.orders import chosen_orders
from triaged.lab.simulation.site import Readers, days
from triaged.study.modalities import Stratum

MIXED = said("a,per_hour=5,xrays=0.5", reading=("ct=lognormal:12:7", "x-ray=lognormal:4:2"), failing=0.05)


def found(department: Department, orders: list[str], asked: Question | None = None) -> Forecast:
    return forecast(department, chosen_orders(orders, OPTIONS), asked or question())


def test_the_same_seed_gives_the_same_figures_and_another_does_not() -> None:
    asked = question(2, 1, 0.5)
    once, again = (repr(found(ward(MIXED), [], asked)) for _ in range(2))
    assert once == again
    assert repr(found(ward(MIXED), [], question(2, 1, 0.5, seed=2))) != once


def test_the_drawn_studies_have_the_shares_asked_for() -> None:
    drawn = draw(ward(MIXED, stat=0.2, prevalence=0.3, sensitivity=0.8, specificity=0.7), OPTIONS, days(100), _rng())
    scored = drawn.is_flagged | drawn.is_missed | ~drawn.has_disease
    assert len(drawn.stream) / 100 == pytest.approx(120, rel=0.03)
    for share, expected in (
        (drawn.is_xray, 0.5),
        (drawn.is_stat, 0.2),
        (drawn.has_disease, 0.3),
        (drawn.is_flagged[drawn.has_disease & scored], 0.8),
        (drawn.is_flagged[~drawn.has_disease], 0.3 * 0.95),
        (drawn.is_missed, 0.3 * 0.2 * 0.95),
    ):
        assert share.mean() == pytest.approx(expected, abs=0.02)
    assert drawn.stream.reading_min[drawn.is_xray].mean() == pytest.approx(4, rel=0.05)
    assert drawn.stream.reading_min[~drawn.is_xray].mean() == pytest.approx(12, rel=0.05)


def test_groups_are_told_apart_and_no_study_is_in_none() -> None:
    forecast_ = found(ward(MIXED, stat=0.2), ["flag"])
    waits = forecast_.orders["flag"].waits
    assert waits[ALL].studies == sum(waits[name].studies for name in (STAT, DISEASED, HEALTHY))
    assert waits[ALL].studies == waits["all, CTs"].studies + waits["all, X-rays"].studies
    assert 0 < waits[MISSED].studies < waits[DISEASED].studies
    assert waits[DISEASED].change_min.value < 0 < waits[HEALTHY].change_min.value
    assert waits[STAT].mean_min.value < waits[DISEASED].mean_min.value
    assert waits[ALL].max_min >= waits[ALL].p95_min.value > waits[ALL].mean_min.value
    assert forecast_.orders["fifo"].waits[ALL].change_min.value == 0
    assert not any("read by" in name or "from" in name for name in waits)


def test_reading_groups_have_lists_of_their_own_and_share_the_machines() -> None:
    both = said("a,per_hour=4", "b,per_hour=8,group=two", groups=("one=1", "two=3"), reading=("exponential:10",))
    waits = found(ward(both), ["head_start"], question(4, 8)).orders["head_start"]
    names = {"all, from a", "all, from b", "all, read by one", "all, read by two", "with disease, read by one"}
    assert names < set(waits.waits)
    assert waits.waits["all, from a"] == waits.waits["all, read by one"]
    assert waits.loads["one"].value == pytest.approx(4 / 6, rel=0.15)
    assert waits.loads["two"].value == pytest.approx(8 / 18, rel=0.15)


def test_a_study_that_is_begun_without_its_score_is_read_as_one() -> None:
    slow = said(
        "a,per_hour=1",
        groups=("r=30",),
        reading=("fixed:7", "ct/unscored=fixed:3"),
        scoring=("fixed:600",),
        failing=0.0,
    )
    orders = found(ward(slow), []).orders
    for each in orders.values():
        assert each.unscored.value == 1.0
        assert each.loads["r"].value == pytest.approx(3 / 60 / 30, rel=0.3)
        assert each.waits[ALL].max_min == 0
    quick = found(ward(replace(slow, scoring=("fixed:0",), finishing="fixed:0", settle_s=0.0)), []).orders
    assert quick["flag"].unscored.value == 0.0
    assert quick["flag"].loads["r"].value == pytest.approx(7 / 60 / 30, rel=0.3)


def test_scores_that_come_late_move_nobody() -> None:
    texts = said("a,per_hour=5", reading=("exponential:10",), scoring=("fixed:36000",), failing=0.0)
    late = found(ward(texts), ["flag"], question(within_min=1e6))
    assert late.orders["flag"].waits[DISEASED].change_min.value == pytest.approx(0, abs=1.5)
    soon = found(ward(replace(texts, scoring=("fixed:1",))), ["flag"])
    assert soon.orders["flag"].waits[DISEASED].change_min.value < -5


def test_too_few_machines_undo_the_order_and_the_guard_would_say_so() -> None:
    texts = said("a,per_hour=5", reading=("exponential:10",), scoring=("exponential:660",), failing=0.0)
    one, three = (found(ward(texts), ["flag"], question(4, 4, machines=number, within_min=60)) for number in (1, 3))
    gained = [each.orders["flag"].waits[DISEASED].change_min.value for each in (one, three)]
    assert gained[1] < gained[0]
    late = {each.machines: each.late.value for each in one.scoring}
    assert late[1] > 0.5
    assert (one.machines, three.machines) == (1, 3)
    assert late[1] > next(each.late.value for each in three.scoring if each.machines == 3)


def test_an_ageing_guard_shortens_the_longest_wait() -> None:
    busy = at_once("a,per_hour=5.5", reading=("exponential:10",))
    options = replace(OPTIONS, strict_cap_min=90)
    asked = question(6, 10, 2)
    orders = forecast(
        ward(busy, prevalence=0.3), chosen_orders(["flag,flag_cap,strict,strict_cap"], options), asked
    ).orders
    longest = {name: each.waits[HEALTHY].max_min for name, each in orders.items()}
    assert longest["flag_cap"] < longest["flag"]
    assert longest["strict_cap"] < longest["strict"]


def test_readers_offer_the_minutes_of_the_hours_in_a_span() -> None:
    readers = Readers((0,) * 8 + (2,) * 10 + (1,) * 6)
    assert offered_min(readers, (0.0, days(1))) == readers.minutes_per_day
    assert offered_min(readers, (days(1) + 450, days(1) + 510)) == 2 * 30
    assert offered_min(readers, (days(0.5), days(2.5))) == 2 * readers.minutes_per_day


def test_nobody_is_told_of_a_group_that_is_empty() -> None:
    waits = found(ward(at_once("a,per_hour=2")), []).orders["fifo"].waits
    assert (waits[STAT].studies, waits[STAT].max_min) == (0, 0.0)
    assert np.isnan(waits[STAT].mean_min.value)
    assert {case.stratum for case in ward(MIXED).places[0].cases} == set(Stratum)


def _rng() -> np.random.Generator:
    return np.random.default_rng(5)
