"""Regions are counted, filled and kept as drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from triaged.imaging.geometry import Box
from triaged.imaging.regions import (
    bounding_box,
    components,
    fill_holes_per_slice,
    largest_components,
    remove_small_components,
)


def three_blocks() -> NDArray[np.bool_]:
    region = np.zeros((6, 12, 14), np.bool_)
    region[0, 0, 0] = True
    region[1:3, 2:5, 2:5] = True
    region[2:5, 6:10, 7:12] = True
    return region


def test_components_come_largest_first_with_sizes_boxes_and_centroids() -> None:
    found = components(three_blocks())
    assert found.sizes == (60, 18, 1)
    assert found.boxes[0] == Box((2, 6, 7), (5, 10, 12))
    assert found.centroids[0] == pytest.approx((3.0, 7.5, 9.0))
    assert found.labels[3, 7, 8] == 1
    assert found.labels[1, 3, 3] == 2
    assert found.labels[5, 11, 13] == 0


def test_corner_neighbours_are_one_component_only_with_26_neighbours() -> None:
    region = np.zeros((2, 2, 2), np.bool_)
    region[0, 0, 0] = region[1, 1, 1] = True
    assert len(components(region, 26)) == 1
    assert len(components(region, 6)) == 2


def test_an_empty_region_has_no_components() -> None:
    empty = np.zeros((3, 4, 5), np.bool_)
    assert len(components(empty)) == 0
    assert not largest_components(empty, 2).any()
    assert not remove_small_components(empty, 2).any()
    assert not fill_holes_per_slice(empty).any()
    assert bounding_box(empty) is None


def test_the_two_largest_are_kept() -> None:
    kept = largest_components(three_blocks(), 2)
    assert kept.sum() == 78
    assert not kept[0, 0, 0]


def test_components_below_the_limit_are_removed_and_those_at_it_stay() -> None:
    assert remove_small_components(three_blocks(), 18).sum() == 78
    assert remove_small_components(three_blocks(), 19).sum() == 60


def test_an_independent_labelling_finds_the_same_components() -> None:
    region = np.random.default_rng(3).random((12, 20, 20)) > 0.8
    labels, count = ndimage.label(region, structure=np.ones((3, 3, 3)))
    sizes = sorted(np.bincount(labels.ravel())[1:].tolist(), reverse=True)
    assert list(components(region).sizes) == sizes
    assert len(components(region)) == count


def test_holes_are_filled_as_an_independent_filler_does() -> None:
    region = np.random.default_rng(5).random((6, 30, 30)) > 0.45
    expected = np.stack([ndimage.binary_fill_holes(plane) for plane in region])
    np.testing.assert_array_equal(fill_holes_per_slice(region), expected)


def test_a_hole_open_in_its_slice_stays_open_though_closed_in_space() -> None:
    region = np.ones((3, 5, 5), np.bool_)
    region[1, 2, 2:] = False
    np.testing.assert_array_equal(fill_holes_per_slice(region), region)


def test_the_input_is_left_alone() -> None:
    region = np.ones((1, 3, 3), np.bool_)
    region[0, 1, 1] = False
    region.setflags(write=False)
    assert fill_holes_per_slice(region)[0, 1, 1]
    assert not region[0, 1, 1]


def test_the_bounding_box_holds_the_region_exactly() -> None:
    region = three_blocks()
    region[0, 0, 0] = False
    assert bounding_box(region) == Box((1, 2, 2), (5, 10, 12))
    upper, lower, nothing = region.copy(), region.copy(), np.zeros_like(region)
    upper[:3], lower[3:] = False, False
    assert bounding_box(upper, lower, nothing) == bounding_box(region)
    assert bounding_box(nothing, upper) == bounding_box(upper) != bounding_box(lower)
    assert bounding_box(nothing, nothing) is None
