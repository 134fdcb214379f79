"""Bodies whose lungs are known by construction: what was drawn on the patient's right must be called right."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.exams.pipelines.bodies import axes_mm, ellipsoid, grid, mask_of
from triaged.exams.ct.pipelines.split import LEFT, RIGHT, Split, SplitMethod, split
from triaged.imaging.geometry import Geometry

LENGTH_MM = 260.0
TOY_SIZE_MM = (LENGTH_MM, 180.0, 270.0)
SEMI_MM = (52.0, 85.0, LENGTH_MM)
SLIM_SIZE_MM = (LENGTH_MM, 70.0, 270.0)
SLIM_MM = (52.0, 33.0, LENGTH_MM)
"""Flat from front to back, where only length and width matter, to have fewer voxels where these are small."""


def half_ellipsoid(
    geometry: Geometry, x_mm: float, y_mm: float = 0.0, semi_mm: tuple[float, float, float] = SEMI_MM
) -> NDArray[np.bool_]:
    """Return a dome whose flat base is the lowest slice."""
    return ellipsoid(geometry, (x_mm, y_mm, -LENGTH_MM / 2), semi_mm)


def share_right(found: Split, region: NDArray[np.bool_]) -> float:
    return float(np.mean(found.labels[region] == RIGHT))


@pytest.mark.parametrize(("pixel_mm", "slice_mm"), [(0.7, 0.5), (0.8, 0.5), (0.95, 0.625), (0.7, 0.8), (0.7, 5.0)])
def test_two_long_lungs_are_told_apart_at_any_slice_spacing(pixel_mm: float, slice_mm: float) -> None:
    geometry = grid((slice_mm, pixel_mm, pixel_mm), SLIM_SIZE_MM)
    right, left = (half_ellipsoid(geometry, x_mm, semi_mm=SLIM_MM) for x_mm in (-70, 70))
    found = split(mask_of(right | left, geometry))
    assert found.method is SplitMethod.COMPONENTS
    assert np.array_equal(found.labels, right * np.uint8(RIGHT) + left * np.uint8(LEFT))


@pytest.mark.parametrize(("pixel_mm", "slice_mm"), [(0.95, 0.625), (0.7, 5.0)])
def test_lungs_that_touch_are_told_apart_at_any_slice_spacing(pixel_mm: float, slice_mm: float) -> None:
    geometry = grid((slice_mm, pixel_mm, pixel_mm), TOY_SIZE_MM)
    x = axes_mm(geometry)[2]
    both = half_ellipsoid(geometry, -50) | half_ellipsoid(geometry, 50)
    found = split(mask_of(both, geometry))
    assert found.method is SplitMethod.CLUSTERING
    assert share_right(found, both & (x < -3)) > 0.999
    assert share_right(found, both & (x > 3)) < 0.001


def test_the_border_between_touching_lungs_follows_their_waist() -> None:
    """Lungs of unequal width meet 20 mm off the middle of their centres."""
    geometry = grid((2.0, 2.0, 2.0), TOY_SIZE_MM)
    both = half_ellipsoid(geometry, -60, semi_mm=(72, 85, LENGTH_MM)) | half_ellipsoid(
        geometry, 50, semi_mm=(42, 85, LENGTH_MM)
    )
    x = axes_mm(geometry)[2]
    found = split(mask_of(both, geometry))
    assert share_right(found, both & (x < 6)) > 0.98
    assert share_right(found, both & (x > 14)) < 0.02


@pytest.mark.parametrize("bridge_mm", [3.0, 12.0])
def test_a_bridge_between_the_lungs_does_not_join_them(bridge_mm: float) -> None:
    geometry = grid((2.0, 1.0, 1.0), SLIM_SIZE_MM)
    z, y, x = axes_mm(geometry)
    right, left = (half_ellipsoid(geometry, x_mm, semi_mm=SLIM_MM) for x_mm in (-65, 65))
    bridge = (np.abs(y) < bridge_mm / 2) & (np.abs(z) < 40) & (np.abs(x) < 40) & ~right & ~left
    found = split(mask_of(right | left | bridge, geometry))
    assert share_right(found, right) > 0.999
    assert share_right(found, left) < 0.001


def test_a_patient_lying_obliquely_with_touching_lungs_is_split_from_deeper_seeds() -> None:
    geometry = grid((3.0, 2.0, 2.0), (LENGTH_MM, 330.0, 330.0))
    lung = (51.0, 51.0, LENGTH_MM)
    right, left = half_ellipsoid(geometry, -32, -36, lung), half_ellipsoid(geometry, 32, 36, lung)
    found = split(mask_of(right | left, geometry))
    assert found.method is SplitMethod.WATERSHED
    assert share_right(found, right & ~left) > 0.97
    assert share_right(found, left & ~right) < 0.03


def test_one_lung_alone_is_not_cut() -> None:
    geometry = grid((3.0, 3.0, 3.0), TOY_SIZE_MM)
    for x_mm in (-60.0, 60.0):
        lung = half_ellipsoid(geometry, x_mm, semi_mm=(68, 90, LENGTH_MM))
        found = split(mask_of(lung, geometry))
        assert found.method is SplitMethod.SINGLE
        assert np.array_equal(found.labels, lung * np.uint8(RIGHT))


def test_a_collapsed_lung_is_too_small_to_be_scored_by_itself() -> None:
    geometry = grid((3.0, 3.0, 3.0), TOY_SIZE_MM)
    right, left = (
        half_ellipsoid(geometry, -65, semi_mm=(60, 85, LENGTH_MM)),
        half_ellipsoid(geometry, 90, semi_mm=(20, 40, 150)),
    )
    found = split(mask_of(right | left, geometry))
    assert found.method is SplitMethod.SINGLE
    assert np.array_equal(found.labels > 0, right | left)


def test_a_small_lung_is_still_a_lung() -> None:
    geometry = grid((3.0, 3.0, 3.0), TOY_SIZE_MM)
    right, left = half_ellipsoid(geometry, -70), half_ellipsoid(geometry, 80, semi_mm=(35, 50, 200))
    found = split(mask_of(right | left, geometry))
    assert found.method is SplitMethod.COMPONENTS
    assert share_right(found, right) == 1
    assert share_right(found, left) == 0


def test_a_lung_cut_in_two_by_disease_stays_on_its_side() -> None:
    geometry = grid((3.0, 3.0, 3.0), TOY_SIZE_MM)
    z = axes_mm(geometry)[0]
    right, left = half_ellipsoid(geometry, -70), half_ellipsoid(geometry, 70)
    right &= np.abs(z) > 15
    found = split(mask_of(right | left, geometry))
    assert np.array_equal(found.labels, right * np.uint8(RIGHT) + left * np.uint8(LEFT))


def test_sides_follow_the_patient_and_not_the_columns() -> None:
    geometry = grid((3.0, 3.0, 3.0), TOY_SIZE_MM, left=-1.0)
    right, left = half_ellipsoid(geometry, -70), half_ellipsoid(geometry, 70)
    found = split(mask_of(right | left, geometry))
    assert share_right(found, right) == 1
    assert share_right(found, left) == 0


def test_nothing_is_split_into_nothing() -> None:
    geometry = grid((10.0, 10.0, 10.0))
    found = split(mask_of(np.zeros(geometry.shape, dtype=np.bool_), geometry))
    assert not found.labels.any()
