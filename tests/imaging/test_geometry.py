"""Voxels keep their place in the patient, whichever way the axes run."""

from __future__ import annotations

import numpy as np
import pytest

from tests.imaging.shapes import grid, turned_grids
from triaged.imaging.geometry import Box, Geometry, canonical_reorientation
from triaged.imaging.volume import Volume

MARK = (1, 2, 4)


@pytest.mark.parametrize("source", turned_grids((4, 5, 6), (1.0, 2.0, 3.0)))
def test_a_marked_voxel_keeps_its_position_through_every_orientation(source: Geometry) -> None:
    voxels = np.zeros(source.shape, np.int16)
    voxels[MARK] = 1
    turn = canonical_reorientation(source)
    canonical = turn.geometry(source)
    (found,) = np.argwhere(turn.apply(voxels))
    assert canonical.position_mm(tuple(found)) == pytest.approx(source.position_mm(MARK))


@pytest.mark.parametrize("source", turned_grids((4, 5, 6), (1.0, 2.0, 3.0)))
def test_a_canonical_grid_rises_to_the_head_the_back_and_the_left(source: Geometry) -> None:
    canonical = canonical_reorientation(source).geometry(source)
    directions = canonical.affine[:3, :3] / np.asarray(canonical.spacing_mm)
    np.testing.assert_allclose(directions, [[0, 0, 1], [0, 1, 0], [1, 0, 0]], atol=1e-12)


@pytest.mark.parametrize("source", turned_grids((4, 5, 6), (1.0, 2.0, 3.0)))
def test_undoing_a_reorientation_restores_the_voxels(source: Geometry) -> None:
    voxels = np.arange(120, dtype=np.int16).reshape(source.shape)
    turn = canonical_reorientation(source)
    np.testing.assert_array_equal(turn.undo(turn.apply(voxels)), voxels)


def test_an_index_comes_back_from_its_position() -> None:
    geometry = grid((10, 20, 30))
    x, y, z = geometry.position_mm((3.25, 7, 11))
    assert geometry.index_of((float(x), float(y), float(z))) == pytest.approx((3.25, 7, 11))


def test_a_cropped_volume_keeps_its_place() -> None:
    geometry = grid((10, 20, 30))
    voxels = np.zeros(geometry.shape, np.int16)
    voxels[4, 9, 12] = 5
    box = Box((3, 8, 10), (6, 12, 20))
    part = Volume(voxels[box.slices], geometry.crop(box))
    assert part.voxels[1, 1, 2] == 5
    assert part.geometry.position_mm((1, 1, 2)) == pytest.approx(geometry.position_mm((4, 9, 12)))


def test_a_box_beyond_the_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="within"):
        grid((4, 4, 4)).crop(Box((0, 0, 0), (4, 4, 5)))


def test_an_empty_box_cannot_exist() -> None:
    with pytest.raises(ValueError, match="start < stop"):
        Box((0, 3, 0), (1, 3, 1))


def test_a_box_grows_only_as_far_as_the_grid_reaches() -> None:
    assert Box((1, 5, 8), (3, 6, 10)).grown((2, 2, 2), (10, 10, 10)) == Box((0, 3, 6), (5, 8, 10))
