"""Places of points and lines in plots: round marks, nothing outside, each pixel once."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.web.plots import HEIGHT, LEFT, WIDTH, Scale, across, dots, joined, signed, upwards


def test_a_scale_marks_round_numbers() -> None:
    assert [tick.words for tick in Scale(0, 100, 0, 200).ticks(" %")] == [f"{number} %" for number in range(0, 101, 20)]
    assert [tick.words for tick in Scale(-1, 1, 0, 8).ticks()] == ["−1", "−0.5", "0", "0.5", "1"]
    assert [tick.at for tick in Scale(0, 100, 0, 200).ticks()] == [0, 40, 80, 120, 160, 200]


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.floats(-1e7, 1e7))
def test_everything_is_drawn_inside(low: float, span: float, value: float) -> None:
    x, y = across(low, low + span), upwards(low, low + span)
    assert LEFT <= x.at(value) <= WIDTH
    assert 0 <= y.at(value) <= HEIGHT
    assert 2 <= len(y.ticks()) <= 9
    assert all(math.isfinite(tick.at) for tick in x.ticks())


def test_values_that_are_all_the_same_have_a_scale() -> None:
    assert across(3, 3).ticks()
    assert 0 <= upwards(3, 3).at(3) <= HEIGHT


def test_points_on_one_pixel_are_one_dot() -> None:
    assert dots([(1.2, 3.1), (1.4, 2.9), (5, 6)]) == "M1 3h0M5 6h0"


def test_a_line_is_interrupted_where_nothing_is() -> None:
    assert joined([(0, 1), (2, 3), None, (4, 5)], "values").path == "M0 1h0L2 3M4 5h0"


@pytest.mark.parametrize(("value", "words"), [(-1.25, "−1.2"), (0.04, "0.0"), (-0.04, "0.0"), (12, "12.0")])
def test_no_zero_has_a_sign(value: float, words: str) -> None:
    assert signed(value) == words
