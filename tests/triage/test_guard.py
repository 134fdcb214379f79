"""The order is given up when it cannot be trusted, with the reasons, and taken up again only when all is well."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triage.cases import NOON, scored, uid, unread
from triaged.study.assessment import Assessment, ReasonCode
from triaged.study.ranking import RequestPriority
from triaged.triage.guard import GuardOptions, Observed, Trust, observe, under_guard, watch
from triaged.triage.ordering import place
from triaged.triage.scheme import Discipline, Scheme, TriageOptions

GUARD = GuardOptions()
SOON = timedelta(minutes=1)
FINE = Observed(scored=200, put_forward=56, failed=0, lag=SOON)


@pytest.mark.parametrize(
    ("changed", "trust"),
    [
        ({}, Trust.ORDERED),
        ({"put_forward": 28}, Trust.ORDERED),
        ({"put_forward": 27}, Trust.FALLEN_BACK),
        ({"put_forward": 112}, Trust.ORDERED),
        ({"put_forward": 113}, Trust.FALLEN_BACK),
        ({"scored": 180, "put_forward": 50, "failed": 20}, Trust.ORDERED),
        ({"scored": 179, "put_forward": 50, "failed": 21}, Trust.FALLEN_BACK),
        ({"lag": timedelta(minutes=15)}, Trust.ORDERED),
        ({"lag": timedelta(minutes=15, seconds=1)}, Trust.FALLEN_BACK),
        ({"scored": 49, "put_forward": 49}, Trust.ORDERED),
        ({"scored": 4, "put_forward": 1, "failed": 45}, Trust.ORDERED),
        ({"scored": 4, "put_forward": 1, "failed": 46}, Trust.FALLEN_BACK),
    ],
)
def test_the_order_is_given_up_at_the_limits_of_the_specification(changed: dict[str, int], trust: Trust) -> None:
    observed = replace(FINE, **changed)  # type: ignore[arg-type]
    found = watch(observed, 0.28, Trust.ORDERED, GUARD)
    assert found.trust is trust
    assert bool(found.reasons) is (trust is Trust.FALLEN_BACK)


def test_the_banner_says_everything_that_is_wrong() -> None:
    worst = Observed(scored=150, put_forward=6, failed=50, lag=timedelta(minutes=40))
    assert watch(worst, 0.28, Trust.ORDERED, GUARD).reasons == (
        "4 % of the last 150 scored studies are flagged, usually 28 %",
        "50 of the last 200 studies could not be read (25 %; at most 10 %)",
        "the oldest study without a result has waited 40 minutes (at most 15)",
    )


def test_an_unknown_reference_judges_no_share() -> None:
    assert watch(replace(FINE, put_forward=0), None, Trust.ORDERED, GUARD).trust is Trust.ORDERED


@pytest.mark.parametrize(
    "nearly", [{"put_forward": 100}, {"put_forward": 32}, {"lag": timedelta(minutes=13)}, {"scored": 182, "failed": 18}]
)
def test_the_order_is_not_taken_up_again_until_it_is_clearly_better(nearly: dict[str, int]) -> None:
    observed = replace(FINE, **nearly)  # type: ignore[arg-type]
    assert watch(observed, 0.28, Trust.ORDERED, GUARD).trust is Trust.ORDERED
    assert watch(observed, 0.28, Trust.FALLEN_BACK, GUARD).trust is Trust.FALLEN_BACK
    assert watch(FINE, 0.28, Trust.FALLEN_BACK, GUARD).trust is Trust.ORDERED


@given(
    st.builds(Observed, st.integers(0, 200), st.integers(0, 200), st.integers(0, 200), st.just(SOON)).filter(
        lambda each: each.put_forward <= each.scored
    ),
    st.none() | st.floats(0.01, 1),
)
def test_what_gives_the_order_up_never_takes_it_up_again(observed: Observed, reference: float | None) -> None:
    if watch(observed, reference, Trust.ORDERED, GUARD).trust is Trust.FALLEN_BACK:
        assert watch(observed, reference, Trust.FALLEN_BACK, GUARD).trust is Trust.FALLEN_BACK


def test_the_last_studies_are_counted_and_declined_ones_are_not() -> None:
    old: list[Assessment] = [unread(ReasonCode.CORRUPT)] * 7
    new: list[Assessment] = [
        scored(0.6),
        scored(0.0),
        unread(ReasonCode.NO_CT),
        unread(ReasonCode.CORRUPT),
        scored(0.3),
    ]
    observed = observe([*old, *new], SOON, TriageOptions(scheme=Scheme.COMBINED), replace(GUARD, window=4, fewest=1))
    assert observed == Observed(scored=3, put_forward=2, failed=1, lag=SOON)


def test_a_list_that_fell_back_is_read_as_it_came_with_emergencies_first() -> None:
    options = under_guard(TriageOptions(), Trust.FALLEN_BACK)
    assert options.discipline is Discipline.FIFO
    studies = [
        (scored(0.0), RequestPriority.ROUTINE),
        (scored(0.9), RequestPriority.ROUTINE),
        (unread(ReasonCode.CORRUPT), RequestPriority.STAT),
    ]
    placed = [
        place(uid(i), NOON + timedelta(minutes=i), outcome, order, options)
        for i, (outcome, order) in enumerate(studies)
    ]
    assert sorted(placed, key=lambda each: each.sort_key) == [placed[2], placed[0], placed[1]]
    assert under_guard(TriageOptions(), Trust.ORDERED) == TriageOptions()


@pytest.mark.parametrize(
    "wrong", [{"factor": 1.0}, {"fewest": 201}, {"failures": 1.0}, {"hysteresis": 0.5}, {"lag": timedelta(0)}]
)
def test_limits_without_room_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="ordinary day"):
        GuardOptions(**wrong)  # type: ignore[arg-type]
