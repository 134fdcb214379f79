"""Resampling moves nothing: shapes with known centres and volumes keep both."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.imaging.shapes import centre_of_mass_mm, distance_mm, grid, positions_mm
from triaged.imaging.geometry import Box, Geometry
from triaged.imaging.resample import in_plane_grid, reached_on, resample_in_plane
from triaged.imaging.volume import Mask, Volume

CENTRE_MM = (1.3, -6.1, 128.4)
RADIUS_MM = 22.0
SPHERE_ML = 4.0 / 3.0 * math.pi * RADIUS_MM**3 / 1000.0
NATIVE = grid((30, 101, 93), (2.0, 0.71, 0.69))


def soft_sphere(geometry: Geometry) -> NDArray[np.float32]:
    """1 inside, 0 outside, with a rim of a pixel, so that sampling does not alias."""
    return np.clip((RADIUS_MM - distance_mm(geometry, CENTRE_MM)) / 2.0 + 0.5, 0.0, 1.0).astype(np.float32)


def test_the_grid_has_square_pixels_of_exactly_two_millimetres() -> None:
    assert in_plane_grid(NATIVE).spacing_mm == pytest.approx((2.0, 2.0, 2.0))


def test_the_grid_is_centred_on_the_field_of_view_and_covers_it_to_half_a_pixel() -> None:
    new = in_plane_grid(NATIVE)
    for axis in (1, 2):
        middle, new_middle = ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0])
        middle[axis], new_middle[axis] = (NATIVE.shape[axis] - 1) / 2, (new.shape[axis] - 1) / 2
        old_mm = NATIVE.position_mm((middle[0], middle[1], middle[2]))
        new_mm = new.position_mm((new_middle[0], new_middle[1], new_middle[2]))
        assert old_mm[3 - axis - 1] == pytest.approx(new_mm[3 - axis - 1])
        extent = NATIVE.shape[axis] * NATIVE.spacing_mm[axis]
        assert abs(new.shape[axis] * 2.0 - extent) <= 1.0


def test_slices_are_left_where_they_are() -> None:
    new = in_plane_grid(NATIVE)
    assert new.shape[0] == NATIVE.shape[0]
    assert new.position_mm((0, 0, 0))[2] == pytest.approx(NATIVE.position_mm((0, 0, 0))[2])
    assert new.position_mm((29, 0, 0))[2] == pytest.approx(NATIVE.position_mm((29, 0, 0))[2])


def test_a_sphere_keeps_centre_and_volume_to_half_a_voxel() -> None:
    coarse = resample_in_plane(Volume(soft_sphere(NATIVE), NATIVE))
    assert centre_of_mass_mm(coarse.voxels, coarse.geometry) == pytest.approx(CENTRE_MM, abs=0.3)
    volume_ml = float(coarse.voxels.sum()) * coarse.geometry.voxel_ml
    radius_mm = (volume_ml * 1000.0 * 3.0 / 4.0 / math.pi) ** (1 / 3)
    assert radius_mm == pytest.approx(RADIUS_MM, abs=0.5)


def test_a_linear_field_is_reproduced_exactly_at_the_new_voxels() -> None:
    def field(geometry: Geometry) -> NDArray[np.float32]:
        values: NDArray[np.float64] = positions_mm(geometry) @ np.array([3.0, -2.0, 0.5]) + 7.0
        return values.astype(np.float32)

    whole, box = resample_in_plane(Volume(field(NATIVE), NATIVE)), Box((0, 1, 1), (30, 34, 30))
    np.testing.assert_allclose(whole.voxels[box.slices], field(whole.geometry.crop(box)), atol=1e-3)


def test_an_independent_resampler_agrees() -> None:
    hu = np.random.default_rng(7).integers(-1000, 400, NATIVE.shape).astype(np.int16)
    coarse = resample_in_plane(Volume(hu, NATIVE))
    sitk: Any = pytest.importorskip("SimpleITK")
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing(NATIVE.spacing_mm[::-1])
    image.SetOrigin([float(v) for v in NATIVE.affine[:3, 3]])
    reference = sitk.Image(coarse.geometry.shape[::-1], sitk.sitkInt16)
    reference.SetSpacing(coarse.geometry.spacing_mm[::-1])
    reference.SetOrigin([float(v) for v in coarse.geometry.affine[:3, 3]])
    expected = sitk.Resample(image, reference, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    inner = np.s_[:, 1:-1, 1:-1]
    np.testing.assert_allclose(coarse.voxels[inner], sitk.GetArrayFromImage(expected)[inner], atol=0.01)


def test_a_probability_comes_back_to_the_native_grid_with_centre_and_volume() -> None:
    coarse = in_plane_grid(NATIVE)
    mask = Mask(reached_on(soft_sphere(coarse), coarse, NATIVE, 0.5), NATIVE)
    assert centre_of_mass_mm(mask.voxels, NATIVE) == pytest.approx(CENTRE_MM, abs=0.35)
    radius_mm = (mask.volume_ml * 1000.0 * 3.0 / 4.0 / math.pi) ** (1 / 3)
    assert radius_mm == pytest.approx(RADIUS_MM, abs=0.35)


def test_a_cropped_box_gives_the_same_mask_as_the_whole_grid() -> None:
    coarse = in_plane_grid(NATIVE)
    whole = soft_sphere(coarse)
    box = Box((2, 3, 2), (28, 33, 31))
    assert not np.delete(whole, range(2, 28), axis=0).any()
    part = reached_on(whole[box.slices], coarse.crop(box), NATIVE, 0.5)
    np.testing.assert_array_equal(part, reached_on(whole, coarse, NATIVE, 0.5))


def test_nothing_is_marked_beyond_the_edges_of_a_cropped_box() -> None:
    coarse = in_plane_grid(NATIVE)
    box = Box((4, 10, 8), (6, 12, 11))
    mask = Mask(reached_on(np.ones(box.shape, np.float32), coarse.crop(box), NATIVE, 0.5), NATIVE)
    where = np.argwhere(mask.voxels)
    assert where[:, 0].min() == 4
    assert where[:, 0].max() == 5
    edge_mm = coarse.crop(box).position_mm((0, -0.5, -0.5))
    first_mm = NATIVE.position_mm((int(where[0, 0]), int(where[:, 1].min()), int(where[:, 2].min())))
    assert 0.0 <= first_mm[0] - edge_mm[0] < 0.69
    assert 0.0 <= first_mm[1] - edge_mm[1] < 0.71
    assert mask.volume_ml == pytest.approx(2 * 2 * 3 * 8.0 / 1000.0, rel=0.2)


def test_a_probability_at_the_threshold_counts() -> None:
    coarse = in_plane_grid(NATIVE)
    assert reached_on(np.full(coarse.shape, 0.2, np.float32), coarse, NATIVE, 0.2)[:, 1:-1, 1:-1].all()


def test_a_grid_with_other_slices_is_refused() -> None:
    coarse = in_plane_grid(grid((30, 101, 93), (2.5, 0.71, 0.69)))
    with pytest.raises(ValueError, match="slices that lie on the target"):
        reached_on(np.zeros(coarse.shape, np.float32), coarse, NATIVE, 0.5)


def test_a_probability_without_the_grids_shape_is_refused() -> None:
    coarse = in_plane_grid(NATIVE)
    with pytest.raises(ValueError, match="expected the grid's shape"):
        reached_on(np.zeros((3, 3, 3), np.float32), coarse, NATIVE, 0.5)
