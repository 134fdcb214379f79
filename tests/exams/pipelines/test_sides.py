"""Lungs named by three projections: brought back from the cube, compared with the split, and dense lung joined."""

from __future__ import annotations

import numpy as np
import pytest

from tests.exams.pipelines.bodies import AIR, Ball, Chest, draw, ellipsoid, grid
from triaged.exams.ct.pipelines.sides import cube_of, dense_lung, disagree, named_lungs
from triaged.exams.ct.pipelines.split import LEFT, RIGHT, Labels, Split, SplitMethod

GRID = grid((4.0, 2.0, 2.0))
SHAPE = GRID.shape


def sides(border: int, method: SplitMethod = SplitMethod.COMPONENTS) -> Split:
    """Return two lungs in the columns 20 to 80, the right one up to `border`."""
    labels: Labels = np.zeros((4, 10, 100), dtype=np.uint8)
    labels[..., 20:border], labels[..., border:80] = RIGHT, LEFT
    return Split(labels, method)


def test_the_cube_holds_the_whole_volume_and_its_answer_comes_back_to_the_voxels() -> None:
    cube = cube_of(draw(Chest(trachea=()), GRID), 128)
    assert cube.shape == (128, 128, 128)
    lung = (cube > AIR + 50) & (cube < -500)
    first_half = np.arange(128) < 64
    classes = np.stack([~lung, lung & first_half, lung & ~first_half]).astype(np.float32)
    named = named_lungs(classes, 0.5, SHAPE)
    for side, x_mm in ((RIGHT, -72.0), (LEFT, 72.0)):
        drawn = ellipsoid(GRID, (x_mm, 0.0, 0.0), (58.0, 85.0, 128.0))
        found = named == side
        dice = 2 * np.count_nonzero(found & drawn) / (np.count_nonzero(found) + np.count_nonzero(drawn))
        assert dice > 0.96


@pytest.mark.parametrize(("border", "expected"), [(50, False), (51, False), (53, True), (20, True), (80, True)])
def test_sides_disagree_where_more_than_a_few_hundredths_of_the_lungs_have_another_name(
    border: int, expected: bool
) -> None:
    """A column is one sixtieth of the lungs."""
    assert disagree(sides(50), sides(border).labels) is expected


def test_swapped_sides_disagree() -> None:
    labels = sides(50).labels
    swapped = np.where(labels > 0, RIGHT + LEFT - labels, 0).astype(np.uint8)
    assert disagree(sides(50), swapped)


def test_lungs_that_were_not_told_apart_disagree_with_two_but_not_with_one_of_either_name() -> None:
    single = sides(80, SplitMethod.SINGLE)
    assert disagree(single, sides(50).labels)
    assert not disagree(single, sides(20).labels)
    assert not disagree(single, sides(80).labels)


def test_lungs_that_nobody_else_sees_disagree() -> None:
    assert disagree(sides(50), np.zeros((4, 10, 100), dtype=np.uint8))


def test_dense_lung_at_the_wall_joins_where_it_is_more_than_a_rim() -> None:
    """A consolidation of 30 mm at the wall, which the region left out; and everywhere a rim of one pixel."""
    ball = Ball((72, 70, 0), 30, hu=30)
    volume = draw(Chest(balls=[ball], trachea=()), GRID)
    whole = ellipsoid(GRID, (72, 0, 0), (60, 87, 130)) | ellipsoid(GRID, (-72, 0, 0), (60, 87, 130))
    aerated = volume.voxels == -860
    found = dense_lung(volume, aerated, whole.astype(np.uint8))
    drawn = ellipsoid(GRID, ball.centre_mm, (30, 30, 30)) & whole
    assert np.count_nonzero(found & drawn) > 0.9 * np.count_nonzero(drawn)
    assert np.count_nonzero(found & ~drawn) < 0.1 * np.count_nonzero(drawn)  # the caps of the rim
    assert not dense_lung(volume, aerated, aerated.astype(np.uint8)).any()
