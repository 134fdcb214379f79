"""Means with their intervals and percentiles, against a table of Student's t and sums done by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.triage.intervals import mean_of, t_quantile, times_of


@pytest.mark.parametrize(("freedom", "t"), [(1, 12.706), (4, 2.776), (9, 2.262), (30, 2.042), (1000, 1.962)])
def test_bounds_are_students(freedom: int, t: float) -> None:
    assert t_quantile(freedom) == pytest.approx(t, abs=5e-4)


def test_a_mean_has_the_interval_of_the_text_book() -> None:
    """Of 1 to 5 the mean is 3, the standard deviation the root of 2.5: 2.776 x 1.581 / 2.236 = 1.963 on either side."""
    mean = mean_of([1, 2, 3, 4, 5])
    assert (mean.value, mean.low, mean.high) == pytest.approx((3, 1.0367, 4.9633), abs=1e-4)


def test_one_value_has_no_interval_and_nothing_has_no_times() -> None:
    assert (mean_of([7]).value, mean_of([7]).low) == (7, None)
    assert times_of([]) is None
    assert times_of([-1.0]) is None


def test_times_are_counted_without_those_below_zero() -> None:
    times = times_of([*range(1, 102), -5])
    assert times is not None
    assert (times.n, times.median_s, times.p95_s, times.max_s, times.mean.value) == (101, 51, 96, 101, 51)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30), st.floats(0.1, 100))
def test_an_interval_is_around_its_mean_and_grows_with_its_unit(values: list[float], factor: float) -> None:
    one, scaled = mean_of(values), mean_of([factor * each for each in values])
    assert one.low is not None
    assert one.high is not None
    assert one.low <= one.value <= one.high
    assert scaled.high is not None
    assert math.isclose(scaled.high, factor * one.high, rel_tol=1e-6, abs_tol=1e-6)
