"""Thin slices become slabs of at most 2 mm, and what is found in a slab returns to its slices."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.exams.pipelines.bodies import grid
from triaged.exams.ct.pipelines.slabs import Slabs, slabs_of
from triaged.imaging.geometry import Box
from triaged.imaging.volume import Volume


def rising(slices: int, slice_mm: float = 0.5) -> Volume:
    """A volume whose HU are the number of the slice."""
    geometry = grid((slice_mm, 10.0, 10.0), (slices * slice_mm, 40.0, 50.0))
    voxels = np.broadcast_to(np.arange(slices, dtype=np.float32)[:, None, None], geometry.shape).copy()
    return Volume(voxels, geometry)


def first_of_each(values: NDArray[np.generic]) -> list[float]:
    return [float(one) for one in values[:, 0, 0]]


@pytest.mark.parametrize(
    ("slice_mm", "each"), [(0.4, 5), (0.5, 4), (0.625, 3), (0.8, 2), (1.0, 2), (1.25, 1), (2.0, 1), (8.0, 1)]
)
def test_slices_are_joined_up_to_two_millimetres(slice_mm: float, each: int) -> None:
    assert slabs_of(grid((slice_mm, 10.0, 10.0))).each == each


def test_a_slab_is_the_mean_of_its_slices_and_lies_in_their_middle() -> None:
    volume = rising(10)
    slabs = slabs_of(volume.geometry)
    joined = slabs.average(volume)
    assert first_of_each(joined.voxels) == [1.5, 5.5, 8.5]  # the last slab has two slices
    assert joined.geometry.spacing_mm[0] == pytest.approx(2.0)
    for slab, middle in enumerate((1.5, 5.5)):
        where = joined.geometry.position_mm((slab, 2, 3))
        assert where == pytest.approx(volume.geometry.position_mm((middle, 2, 3)))


def test_thick_slices_are_left_alone() -> None:
    volume = rising(5, slice_mm=2.0)
    assert slabs_of(volume.geometry).average(volume) is volume


def test_noise_falls_by_the_root_of_the_slices() -> None:
    geometry = grid((0.5, 1.0, 1.0), (20.0, 60.0, 60.0))
    noisy = np.random.default_rng(4).normal(0, 40, geometry.shape).astype(np.float32)
    joined = slabs_of(geometry).average(Volume(noisy, geometry))
    assert joined.voxels.std() == pytest.approx(20, rel=0.03)


def test_what_runs_evenly_returns_unchanged_between_the_middles_of_slabs() -> None:
    volume = rising(12)
    slabs = slabs_of(volume.geometry)
    back = slabs.mixed(np.asarray(slabs.average(volume).voxels, dtype=np.float32), 12)
    assert first_of_each(back[2:10]) == pytest.approx(list(range(2, 10)))
    assert first_of_each(back[:2]) == [1.5, 1.5]
    assert first_of_each(back[10:]) == [9.5, 9.5]


def test_one_slab_alone_is_the_same_in_all_its_slices() -> None:
    assert first_of_each(Slabs(4, 3).mixed(np.full((1, 2, 2), 0.7, dtype=np.float32), 3)) == pytest.approx([0.7] * 3)


def test_every_slice_has_the_labels_of_its_slab() -> None:
    labels = np.array([3, 7, 9], dtype=np.uint8)[:, None, None]
    assert first_of_each(Slabs(4, 10).repeated(labels, 10)) == [3, 3, 3, 3, 7, 7, 7, 7, 9, 9]


def test_a_block_of_slabs_covers_its_slices_and_no_more_than_there_are() -> None:
    slabs = Slabs(4, 10)
    assert slabs.box_of_slices(Box((1, 5, 6), (2, 8, 9))) == Box((4, 5, 6), (8, 8, 9))
    assert slabs.box_of_slices(Box((1, 5, 6), (3, 8, 9))) == Box((4, 5, 6), (10, 8, 9))
