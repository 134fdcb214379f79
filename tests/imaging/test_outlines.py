"""Outlines of regions whose edges are known: squares, discs, holes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.imaging.outlines import MOST_POINTS, area, outline, outlines, simplified


def square(top: int = 10, left: int = 30, side: int = 10) -> NDArray[np.bool_]:
    region = np.zeros((60, 80), bool)
    region[top : top + side, left : left + side] = True
    return region


def test_the_outline_of_a_square_runs_along_the_outer_edges_of_its_pixels() -> None:
    (found,) = outlines(square())
    np.testing.assert_array_equal(found.min(axis=0), [30, 10])
    np.testing.assert_array_equal(found.max(axis=0), [40, 20])
    assert abs(area(found)) == pytest.approx(100, abs=1)
    np.testing.assert_array_equal(found[0], found[-1])


def test_a_region_at_the_border_of_the_picture_is_closed_there() -> None:
    (found,) = outlines(square(top=0, left=0))
    np.testing.assert_array_equal([found.min(axis=0), found.max(axis=0)], [[0, 0], [10, 10]])


def test_a_hole_has_an_outline_and_is_not_the_region() -> None:
    region = square()
    region[13:17, 33:37] = False
    assert len(outlines(region)) == 2
    whole = outline(region)
    assert whole is not None
    assert abs(area(whole)) == pytest.approx(100, abs=1)


def test_specks_are_left_out_and_so_is_all_but_the_longest() -> None:
    region = square() | square(top=40, left=5, side=2) | square(top=40, left=50, side=6)
    assert len(outlines(region)) == 3
    assert len(outlines(region, smallest=10)) == 2
    (longest,) = outlines(region, most=1)
    np.testing.assert_array_equal(longest.min(axis=0), [30, 10])


def test_nothing_has_no_outline() -> None:
    assert outlines(np.zeros((5, 5), bool)) == ()
    assert outline(np.zeros((5, 5), bool)) is None


def test_a_smooth_outline_has_few_points_and_keeps_its_area() -> None:
    rows, columns = np.indices((400, 400))
    disc = (rows - 200) ** 2 + (columns - 200) ** 2 < 150**2
    (found,) = outlines(disc)
    assert len(found) < 150, "of nearly 1200 edges of pixels"
    assert abs(area(found)) == pytest.approx(np.pi * 150**2, rel=0.01)


def test_a_ragged_outline_keeps_to_the_limit() -> None:
    angle = np.linspace(0, 2 * np.pi, 2000)
    radius = 100 + 20 * np.sin(400 * angle)
    ragged = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    assert len(simplified(ragged)) <= MOST_POINTS
