"""Overlap figures of boxes and balls are those that counting by hand gives."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.exams.pipelines.bodies import ellipsoid, grid
from triaged.lab.evaluation.overlap import dice, lesion_count, surface_dice

GRID = grid((2.0, 1.0, 1.0), (40.0, 40.0, 40.0))


def box(*ranges: tuple[int, int]) -> NDArray[np.bool_]:
    region = np.zeros(GRID.shape, dtype=np.bool_)
    region[tuple(slice(*ends) for ends in ranges)] = True
    return region


EMPTY = box((0, 0), (0, 0), (0, 0))


def test_dice_is_twice_the_overlap_over_the_sum() -> None:
    first, second = box((0, 4), (0, 4), (0, 4)), box((2, 4), (0, 4), (0, 8))
    assert dice(first, second) == pytest.approx(2 * 32 / (64 + 64))


def test_dice_of_nothing_is_one_and_of_one_without_the_other_zero() -> None:
    some = box((0, 1), (0, 1), (0, 1))
    assert (dice(EMPTY, EMPTY), dice(some, EMPTY)) == (1.0, 0.0)
    assert surface_dice(EMPTY, EMPTY, GRID) == 1.0
    assert surface_dice(some, EMPTY, GRID) == 0.0


@pytest.mark.parametrize(("shift", "expected"), [(0, 1.0), (2, 1.0), (12, 0.0)])
def test_surfaces_count_as_equal_up_to_two_millimetres(shift: int, expected: float) -> None:
    first = box((8, 9), (5, 6), (5, 6))
    second = box((8, 9), (5, 6), (5 + shift, 6 + shift))
    assert surface_dice(first, second, GRID) == expected


def test_balls_whose_radii_differ_by_less_than_the_tolerance_have_one_surface() -> None:
    small, large, huge = (ellipsoid(GRID, (0, 0, 0), (radius,) * 3) for radius in (10.0, 11.5, 16.0))
    assert surface_dice(small, large, GRID) > 0.95
    assert surface_dice(small, huge, GRID) < 0.05


def test_lesions_are_counted_one_by_one() -> None:
    reference = box((0, 4), (0, 8), (0, 8)) | box((10, 14), (20, 28), (20, 28))
    found = box((3, 5), (4, 8), (4, 8)) | box((0, 4), (30, 38), (0, 8)) | box((19, 20), (0, 1), (0, 1))
    count = lesion_count(found, reference, voxel_ml=0.002)
    assert (count.reference, count.hit, count.false) == (2, 1, 1)
    assert count.recall == 0.5
    assert lesion_count(found, EMPTY, 0.002).recall is None
