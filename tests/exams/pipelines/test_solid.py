"""Two boxes of lung beside a heart, and what stands in them that is no lung."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.exams.ct.pipelines.solid import Solid, solid_in
from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Mask, Volume

AIR, MUSCLE, FAT, BONE = -850, 40, -110, 400
SHAPE = (60, 60, 100)
GRID = Geometry(np.diag([3.0, 3.0, 3.0, 1.0])[:, (2, 1, 0, 3)], SHAPE, "1.2")


@dataclass(frozen=True, eq=False)
class Chest:
    """Muscle with two lungs of air, 38 columns each, 18 columns of heart between them."""

    hu: NDArray[np.int16]
    right: NDArray[np.bool_]
    left: NDArray[np.bool_]

    def found(self, lesion: NDArray[np.bool_] | None = None) -> Solid | None:
        nothing = np.zeros(SHAPE, np.bool_)
        masks = (Mask(each, GRID) for each in (self.right, self.left, nothing if lesion is None else lesion))
        return solid_in(Volume(self.hu, GRID), *masks)


@pytest.fixture
def chest() -> Chest:
    right, left = np.zeros((2, *SHAPE), np.bool_)
    right[5:55, 5:55, 3:41] = True
    left[5:55, 5:55, 59:97] = True
    return Chest(np.where(right | left, AIR, MUSCLE).astype(np.int16), right, left)


def ball(slice_: int, row: int, column: int, radius_mm: float) -> NDArray[np.bool_]:
    at = np.ogrid[tuple(slice(0, size) for size in SHAPE)]
    squared = sum((3.0 * (axis - centre)) ** 2 for axis, centre in zip(at, (slice_, row, column), strict=True))
    return np.asarray(squared <= radius_mm**2)


def ml(region: NDArray[np.bool_]) -> float:
    return float(region.sum()) * GRID.voxel_ml


def test_lungs_of_air_hold_nothing_solid(chest: Chest) -> None:
    assert chest.found() is None
    assert Chest(chest.hu, chest.right & False, chest.left & False).found() is None


@pytest.mark.parametrize("is_in_the_mask", [True, False])
@pytest.mark.parametrize("column", [22, 8, 78, 92], ids=["right", "right wall", "left", "left wall"])
def test_a_mass_is_found_whether_the_network_called_it_lung_or_not(
    chest: Chest, column: int, is_in_the_mask: bool
) -> None:
    mass = ball(30, 30, column, 20) & (chest.right | chest.left)
    chest.hu[mass] = MUSCLE
    if not is_in_the_mask:
        chest.right[mass], chest.left[mass] = False, False
    found = chest.found()
    assert found is not None
    assert found.ml == pytest.approx(ml(mass), rel=0.15)
    assert found.share == pytest.approx(ml(mass) / ml(chest.right | chest.left | mass), rel=0.15)


def test_fluid_that_the_network_called_lung_is_found(chest: Chest) -> None:
    fluid = chest.right.copy()
    fluid[:, :45] = False
    chest.hu[fluid] = 10
    found = chest.found()
    assert found is not None
    assert found.ml == pytest.approx(ml(fluid), rel=0.1)


def test_heart_diaphragm_vessels_and_small_nodules_are_none(chest: Chest) -> None:
    dome = ball(5, 30, 22, 45)  # the liver below the right lung, reaching into its box
    vessel = np.zeros(SHAPE, np.bool_)
    vessel[:, 28:31, 70:73] = True  # 9 mm thick
    nodule = ball(40, 15, 80, 9)
    for body in (dome, vessel, nodule):
        chest.hu[body] = MUSCLE
        chest.right[body], chest.left[body] = False, False
    assert chest.found() is None


def test_consolidation_that_is_told_as_lesion_is_not_told_again(chest: Chest) -> None:
    body = ball(30, 30, 22, 25)
    chest.hu[body] = MUSCLE
    assert chest.found(body) is None
    assert chest.found(ball(30, 30, 22, 12)) is not None


def with_back(chest: Chest, front: int, *, first: int = 5, last: int = 30) -> NDArray[np.bool_]:
    """Put ribs behind both lungs, one slice in four, and take the right lung away behind row `front` on some slices."""
    chest.hu[::4, 55:57] = BONE
    gone = chest.right.copy()
    gone[:first], gone[last:], gone[:, :front] = False, False, False
    chest.right[gone] = False
    chest.hu[gone] = MUSCLE
    return gone


def test_fluid_behind_a_lung_is_found_where_its_mask_ends_before_it(chest: Chest) -> None:
    fluid = with_back(chest, 35)
    found = chest.found()
    assert found is not None
    lateral = fluid & (np.arange(SHAPE[2]) < 50 - 40 / 3)  # nearer to the middle it is not looked for
    assert found.ml == pytest.approx(ml(lateral), rel=0.1)
    assert found.share == pytest.approx(ml(lateral) / ml(chest.right | chest.left | lateral), rel=0.1)


def test_lungs_that_reach_the_ribs_have_nothing_behind_them(chest: Chest) -> None:
    with_back(chest, 55)
    assert chest.found() is None


def test_muscle_behind_which_no_rib_lies_is_no_fluid(chest: Chest) -> None:
    with_back(chest, 35)
    chest.hu[:, 55:57] = MUSCLE
    assert chest.found() is None


def test_muscle_behind_fat_is_no_fluid(chest: Chest) -> None:
    with_back(chest, 35)
    chest.hu[:, 37:39, 3:41] = FAT
    assert chest.found() is None


def test_shoulders_behind_the_apex_and_the_mediastinum_behind_a_lung_in_front_of_it_are_none(chest: Chest) -> None:
    with_back(chest, 30, first=45, last=55)
    chest.right[5:55, 5:12, 41:52] = True
    chest.hu[5:55, 5:12, 41:52] = AIR
    assert chest.found() is None
