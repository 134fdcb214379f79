"""A second scan shows the same patient, and the change of the lesions is known exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from triaged.lab.phantom.follow_up import Pair, draw_follow_up
from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import Bool, FollowUp, Phantom, PhantomOptions

FIRST = PhantomOptions(seed=23, severity=(0.20, 0.08), matrix=90, pixel_mm=4.0, slice_mm=1.5, increment_mm=8.0)


@pytest.fixture(scope="module")
def first() -> Phantom:
    return generate(FIRST)


def later(first: Phantom, change: FollowUp) -> Pair:
    return Pair(first, generate(replace(FIRST, follow_up=change)))


def share(lesion: Bool, lung: Bool) -> float:
    return np.count_nonzero(lesion & lung) / np.count_nonzero(lung)


def test_a_scan_without_change_differs_by_its_noise_only(first: Phantom) -> None:
    pair = later(first, FollowUp(visit=1))
    np.testing.assert_array_equal(pair.after.lesion, first.lesion)
    np.testing.assert_array_equal(pair.after.right_lung, first.right_lung)
    assert pair.change == (0, 0, 0)
    difference = pair.after.voxels_hu.astype(float) - first.voxels_hu
    assert 5 < difference.std() < 60
    assert abs(difference.mean()) < 1


def test_the_change_is_the_difference_of_two_voxel_counts(first: Phantom) -> None:
    pair = later(first, FollowUp(visit=1, grow_mm=4, rise_mm=12))
    after = pair.after
    expected = [
        share(after.lesion, getattr(after, side)) - share(first.lesion, getattr(first, side))
        for side in ("right_lung", "left_lung")
    ]
    assert pair.change[:2] == pytest.approx(expected, abs=1e-12)
    assert pair.change[0] > 0.02


def test_lesions_that_grow_contain_the_old_ones_and_lesions_that_shrink_lie_within(first: Phantom) -> None:
    worse, better = (later(first, FollowUp(visit=1, grow_mm=mm)).after for mm in (5.0, -3.0))
    assert not (first.lesion & ~worse.lesion).any()
    assert not (better.lesion & ~first.lesion).any()
    assert better.lesion.sum() < 0.9 * first.lesion.sum() < 0.9 * worse.lesion.sum()


def test_new_patches_lie_where_no_lesion_was(first: Phantom) -> None:
    after = later(first, FollowUp(visit=1, new_patches=3)).after
    gained = after.lesion & ~first.lesion
    assert not (first.lesion & ~after.lesion).any()
    _, count = ndimage.label(gained)
    assert count >= 2
    assert gained.sum() > 20


def test_old_patches_keep_their_density_when_new_ones_appear(first: Phantom) -> None:
    after = later(first, FollowUp(visit=1, new_patches=2)).after
    inside = ndimage.binary_erosion(first.lesion & ~ndimage.binary_dilation(after.lesion & ~first.lesion, iterations=2))
    assert abs(np.mean(after.voxels_hu[inside].astype(float) - first.voxels_hu[inside])) < 8


def test_a_denser_lesion_is_denser_by_what_was_asked_for(first: Phantom) -> None:
    after = later(first, FollowUp(visit=1, density_hu=-60)).after
    inside = ndimage.binary_erosion(first.lesion) & (first.voxels_hu < -300) & (first.voxels_hu > -600)
    assert np.mean(after.voxels_hu[inside].astype(float) - first.voxels_hu[inside]) == pytest.approx(-60, abs=25)


def test_shallower_breath_lifts_the_diaphragm_and_leaves_the_ribs(first: Phantom) -> None:
    after = later(first, FollowUp(visit=1, rise_mm=16)).after
    volumes = [p.truth.volume_right_ml + p.truth.volume_left_ml for p in (first, after)]
    assert volumes[1] < 0.95 * volumes[0]
    rows = slice(36, 54)
    centre = [np.flatnonzero(p.right_lung[:, rows, 22:30].any(axis=(1, 2)))[0] for p in (first, after)]
    assert 1 <= centre[1] - centre[0] <= 3
    bones = [p.voxels_hu[:, 70:, :].astype(float).mean() for p in (first, after)]
    assert bones[0] == pytest.approx(bones[1], abs=3)


def test_a_pair_is_drawn_from_its_options_alone() -> None:
    change = draw_follow_up(5, "worse")
    assert change == draw_follow_up(5, "worse") != draw_follow_up(6, "worse")
    assert 1 <= change.grow_mm <= 10
    coarse = replace(FIRST, matrix=64, pixel_mm=5.6, increment_mm=14.0)
    assert Pair(generate(coarse), generate(replace(coarse, follow_up=change))).change[2] > 0
