from __future__ import annotations

import numpy as np
import pytest

from tests.exams.pipelines.bodies import LUNG_ML, Chest, ellipsoid, grid
from triaged.exams.ct.pipelines.native import lesion_on, lungs_on
from triaged.exams.ct.pipelines.split import LEFT, RIGHT, Split, SplitMethod
from triaged.imaging.resample import in_plane_grid

NATIVE = grid((3.0, 0.8, 0.8))
COARSE = in_plane_grid(NATIVE, 2.0)
LUNGS_MM = Chest().lungs


def coarse_split() -> Split:
    right, left = (ellipsoid(COARSE, *lung) for lung in LUNGS_MM)
    labels = np.where(right, RIGHT, np.where(left, LEFT, 0)).astype(np.uint8)
    return Split(labels, SplitMethod.COMPONENTS)


def test_lungs_keep_their_place_and_volume_on_the_native_grid() -> None:
    split = coarse_split()
    lungs = lungs_on(NATIVE, split, (split.labels > 0).astype(np.float32), COARSE)
    for found, lung in zip((lungs.right, lungs.left), LUNGS_MM, strict=True):
        truth = ellipsoid(NATIVE, *lung)
        assert found.volume_ml == pytest.approx(LUNG_ML, rel=0.01)
        assert np.count_nonzero(found.voxels ^ truth) < 0.03 * np.count_nonzero(truth)


def test_the_border_runs_where_the_probability_says() -> None:
    """A probability that falls off linearly over 12 mm puts the border between coarse pixels."""
    split = coarse_split()
    z, y, x = np.ogrid[tuple(slice(0, n) for n in COARSE.shape)]
    position = [COARSE.affine[2, 0] * z + COARSE.affine[2, 3], COARSE.affine[1, 1] * y + COARSE.affine[1, 3]]
    position.append(COARSE.affine[0, 2] * x + COARSE.affine[0, 3])
    outwards = np.sqrt(((position[2] + 72) / 58) ** 2 + (position[1] / 85) ** 2 + (position[0] / 128) ** 2)
    soft = np.clip(0.5 + (1 - outwards) * 58 / 12, 0, 1).astype(np.float32)
    lungs = lungs_on(NATIVE, split, soft, COARSE)
    assert lungs.right.volume_ml == pytest.approx(LUNG_ML, rel=0.003)


def test_no_voxel_belongs_to_both_lungs_and_none_is_lost_between_them() -> None:
    labels = np.zeros(COARSE.shape, dtype=np.uint8)
    labels[20:60, 40:80, 40:90] = RIGHT
    labels[20:60, 40:80, 90:140] = LEFT
    lungs = lungs_on(NATIVE, Split(labels, SplitMethod.CLUSTERING), (labels > 0).astype(np.float32), COARSE)
    assert not (lungs.right.voxels & lungs.left.voxels).any()
    both = lungs.right.voxels | lungs.left.voxels
    inner = np.flatnonzero(both[40, 120])
    assert both[40, 120, inner[0] : inner[-1] + 1].all()


def test_what_was_filled_counts_and_what_was_dropped_does_not() -> None:
    split = coarse_split()
    soft = (split.labels > 0).astype(np.float32)
    hole = ellipsoid(COARSE, (-72, 0, 0), (20, 20, 20))
    fragment = ellipsoid(COARSE, (0, 90, -120), (15, 10, 15))
    soft[hole] = 0.1
    soft[fragment] = 0.9
    lungs = lungs_on(NATIVE, split, soft, COARSE)
    assert lungs.right.voxels[ellipsoid(NATIVE, (-72, 0, 0), (20, 20, 20))].all()
    assert not lungs.right.voxels[ellipsoid(NATIVE, (0, 90, -120), (15, 10, 15))].any()
    assert not lungs.left.voxels[ellipsoid(NATIVE, (0, 90, -120), (15, 10, 15))].any()


def test_lesion_outside_the_lungs_does_not_count() -> None:
    split = coarse_split()
    lungs = lungs_on(NATIVE, split, (split.labels > 0).astype(np.float32), COARSE)
    everywhere = np.ones(COARSE.shape, dtype=np.float32)
    lesion = lesion_on(NATIVE, everywhere, COARSE, 0.2, lungs)
    np.testing.assert_array_equal(lesion.voxels, lungs.right.voxels | lungs.left.voxels)


def test_no_lungs_stay_no_lungs() -> None:
    nothing = Split(np.zeros(COARSE.shape, dtype=np.uint8), SplitMethod.SINGLE)
    lungs = lungs_on(NATIVE, nothing, np.ones(COARSE.shape, dtype=np.float32), COARSE)
    assert not lungs.right.voxels.any()
    assert not lungs.left.voxels.any()
