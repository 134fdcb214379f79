"""Coronal and sagittal planes show the same voxels from another side, and answers come back to where they belong."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.exams.ct.pipelines.planes import answered
from triaged.inference.kinds.ct_lesions import Plane

Block = NDArray[np.float32]
BLOCK = np.random.default_rng(5).random((20, 7, 9), dtype=np.float32)


class Mirror:
    """Answers what it sees, and keeps it."""

    def __init__(self) -> None:
        self.seen = np.empty((0, 0, 0), dtype=np.float32)

    def __call__(self, planes: Block) -> Block:
        self.seen = planes
        return planes


@pytest.mark.parametrize(
    ("plane", "shape"), [(Plane.AXIAL, (20, 7, 9)), (Plane.CORONAL, (7, 20, 9)), (Plane.SAGITTAL, (9, 20, 7))]
)
def test_planes_are_cut_with_slices_as_their_rows(plane: Plane, shape: tuple[int, int, int]) -> None:
    mirror = Mirror()
    found = answered(mirror, plane, BLOCK, 2.0, 2.0)
    assert mirror.seen.shape == shape
    np.testing.assert_array_equal(found, BLOCK)


def test_rows_of_a_plane_rise_to_the_head_and_its_columns_to_left_or_back() -> None:
    coronal, sagittal = Mirror(), Mirror()
    answered(coronal, Plane.CORONAL, BLOCK, 2.0, 2.0)
    answered(sagittal, Plane.SAGITTAL, BLOCK, 2.0, 2.0)
    assert coronal.seen[3, 11, 5] == BLOCK[11, 3, 5]
    assert sagittal.seen[5, 11, 3] == BLOCK[11, 3, 5]


@pytest.mark.parametrize(("slice_mm", "rows"), [(1.25, 12), (5.0, 50)])
def test_slices_of_another_thickness_are_resampled_and_a_ramp_comes_back_as_it_was(slice_mm: float, rows: int) -> None:
    ramp = np.broadcast_to(np.arange(20, dtype=np.float32)[:, None, None], (20, 4, 6))
    mirror = Mirror()
    found = answered(mirror, Plane.CORONAL, ramp, slice_mm, 2.0)
    assert mirror.seen.shape == (4, rows, 6)
    np.testing.assert_allclose(found[2:-2], ramp[2:-2], atol=0.02)


def test_axial_slices_stay_as_thick_as_they_are() -> None:
    assert answered(Mirror(), Plane.AXIAL, BLOCK, 7.0, 2.0) is BLOCK
