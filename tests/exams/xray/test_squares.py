"""Windows of pictures: what is cut out lies where it is put back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.exams.xray.squares import Square, normalised, resampled


def ramp(rows: int, columns: int) -> np.ndarray:
    return np.add.outer(np.linspace(0, 1, rows), np.linspace(0, 1, columns)).astype(np.float32) / 2


def test_a_square_around_a_box_has_its_middle_and_its_longer_side() -> None:
    assert Square.around((10, 20, 30, 60)) == Square(0, 20, 40)


def test_a_margin_widens_it_on_every_side() -> None:
    assert Square.around((100, 100, 150, 200), margin=0.1) == Square(65, 90, 120)


def test_what_lies_outside_the_picture_is_black() -> None:
    cut = Square(-10, 0, 20).cut(np.ones((20, 20), np.float32), 20)
    assert not cut[:10].any()
    assert (cut[10:] == 1).all()


def test_a_square_that_misses_the_picture_is_black_and_leaves_no_trace() -> None:
    far = Square(500, 500, 8)
    assert not far.cut(np.ones((20, 20), np.float32), 8).any()
    assert not far.put(np.ones((8, 8), np.float32), (20, 20)).any()


@given(
    rows=st.integers(20, 90),
    columns=st.integers(20, 90),
    row=st.integers(0, 60),
    column=st.integers(0, 60),
    side=st.integers(8, 60),
)
def test_a_smooth_picture_comes_back_from_a_square_of_its_own_size(
    rows: int, columns: int, row: int, column: int, side: int
) -> None:
    picture, square = ramp(rows, columns), Square(row, column, side)
    back = square.put(square.cut(picture, side), picture.shape)
    inside = np.zeros(picture.shape, bool)
    inside[row : row + side, column : column + side] = True
    assert np.array_equal(back[inside], picture[inside])
    assert not back[~inside].any()


def test_the_middle_of_a_disc_stays_when_it_is_cut_small_and_put_back() -> None:
    rows, columns = np.mgrid[:300, :400]
    disc = ((rows - 140) ** 2 + (columns - 250) ** 2 < 60**2).astype(np.float32)
    square = Square.of(disc.shape)
    back = square.put(square.cut(disc, 128), disc.shape) >= 0.5
    assert (abs(np.argwhere(back).mean(axis=0) - (140, 250)) < 0.5).all()
    assert back.sum() == pytest.approx(np.pi * 60**2, rel=0.02)


def test_shrinking_averages() -> None:
    checks = np.indices((64, 64)).sum(axis=0) % 2
    assert resampled(checks.astype(np.float32), (8, 8)) == pytest.approx(0.5, abs=0.06)


def test_markers_and_what_was_not_exposed_do_not_set_the_greys() -> None:
    grey = np.full((100, 100), 0.2, np.float32)
    grey[:, 50:] = 0.6
    grey[:2, :2] = 1.0  # a letter of lead: 4 of 10,000 pixels
    field = np.ones_like(grey, dtype=bool)
    field[-10:] = False
    grey[-10:] = 0.0
    shown = normalised(grey, field)
    assert (shown[5, 10], shown[5, 90], shown[0, 0], shown[95, 90]) == (0.0, 1.0, 1.0, 0.0)


@pytest.mark.parametrize("field", [np.ones((8, 8), bool), np.zeros((8, 8), bool)])
def test_a_picture_of_one_grey_is_black(field: np.ndarray) -> None:
    assert not normalised(np.full((8, 8), 0.7, np.float32), field).any()
