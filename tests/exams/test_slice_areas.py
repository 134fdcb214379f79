"""Areas and shares of slices, counted by hand on small masks."""

import numpy as np
import pytest

from triaged.exams.ct.slices import Involvement, SliceAreas, slice_areas
from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Mask


def areas(lung_mm2: list[float], lesion_mm2: list[float]) -> SliceAreas:
    return SliceAreas(np.array(lung_mm2, np.float64), np.array(lesion_mm2, np.float64))


def test_areas_are_counted_within_the_lungs_and_in_square_millimetres() -> None:
    grid = Geometry(np.array([[0, 0, 0.5, 0], [0, 2.0, 0, 0], [5.0, 0, 0, 0], [0, 0, 0, 1]]), (3, 4, 6), "1.2")
    right, left, lesion = np.zeros((3, *grid.shape), dtype=np.bool_)
    right[1, :2, :2] = left[1, :2, 4:] = left[2, 0, 5] = True
    lesion[1, 0] = lesion[2, 3] = True
    found = slice_areas(*(Mask(voxels, grid) for voxels in (lesion, right, left)))
    assert found.lung_mm2.tolist() == [0.0, 8.0, 1.0]
    assert found.lesion_mm2.tolist() == [0.0, 4.0, 0.0]
    assert found.shares.tolist() == [0.0, 0.5, 0.0]


def test_a_small_end_slice_weighs_as_much_as_a_large_one_and_a_slice_without_lung_nothing() -> None:
    assert areas([0, 100, 10_000], [0, 100, 0]).mean_share == 0.5
    assert areas([0, 0], [0, 0]).mean_share == 0.0


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, Involvement.NONE),
        (0.0001, Involvement.MILD),
        (0.249, Involvement.MILD),
        (0.25, Involvement.MODERATE),
        (0.50, Involvement.SEVERE),
        (0.75, Involvement.CRITICAL),
        (1.0, Involvement.CRITICAL),
    ],
)
def test_classes_begin_at_their_cut_off(share: float, expected: Involvement) -> None:
    assert areas([10_000], [share * 10_000]).involvement is expected


def test_a_slice_is_positive_from_its_area_on_or_with_one_pixel() -> None:
    found = areas([900, 900, 900, 900], [0, 1, 199, 200])
    assert found.positive().tolist() == [False, True, True, True]
    assert found.positive(200.0).tolist() == [False, False, False, True]
