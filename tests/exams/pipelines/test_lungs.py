from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.pipelines.lungs import fill_holes, keep_lungs

PIXEL_MM2 = 4.0
EVERYWHERE = np.ones((40, 60, 90), dtype=np.bool_)


def block(*boxes: tuple[slice, slice, slice]) -> NDArray[np.bool_]:
    region = np.zeros((40, 60, 90), dtype=np.bool_)
    for box in boxes:
        region[box] = True
    return region


RIGHT = (slice(5, 38), slice(10, 50), slice(5, 35))
LEFT = (slice(5, 38), slice(10, 50), slice(50, 80))


def test_fragments_beside_two_lungs_go() -> None:
    lungs = block(RIGHT, LEFT)
    fragments = block((slice(20, 24), slice(2, 6), slice(84, 88)), (slice(30, 31), slice(55, 58), slice(3, 6)))
    np.testing.assert_array_equal(keep_lungs(lungs | fragments, EVERYWHERE), lungs)


def test_a_third_piece_stays_if_it_is_large_enough_to_be_a_lobe() -> None:
    lobes = block((slice(5, 15), *RIGHT[1:]), (slice(20, 38), *RIGHT[1:]), LEFT)
    np.testing.assert_array_equal(keep_lungs(lobes, EVERYWHERE), lobes)


def test_gas_below_lungs_that_hang_together_is_no_lung() -> None:
    lungs = block(RIGHT, LEFT, (slice(20, 22), slice(20, 22), slice(35, 50)))
    stomach = block((slice(2, 9), slice(52, 58), slice(50, 80)))
    np.testing.assert_array_equal(keep_lungs(lungs | stomach, EVERYWHERE), lungs)


def test_a_small_second_lung_above_the_base_stays() -> None:
    lungs = block(RIGHT, (slice(18, 32), slice(20, 30), slice(60, 75)))
    np.testing.assert_array_equal(keep_lungs(lungs, EVERYWHERE), lungs)


def test_what_lies_outside_the_body_is_no_lung_however_large() -> None:
    table = block((slice(0, 40), slice(52, 60), slice(0, 90)))
    body = EVERYWHERE & ~block((slice(0, 40), slice(51, 60), slice(0, 90)))
    np.testing.assert_array_equal(keep_lungs(block(RIGHT, LEFT) | table, body), block(RIGHT, LEFT))


def test_nothing_kept_of_nothing() -> None:
    assert not keep_lungs(block(), EVERYWHERE).any()
    assert not fill_holes(block(), PIXEL_MM2).any()


def test_a_vessel_is_filled() -> None:
    lung = block(RIGHT)
    vessel = block((slice(5, 38), slice(20, 24), slice(20, 24)))
    np.testing.assert_array_equal(fill_holes(lung & ~vessel, PIXEL_MM2), lung)


def test_a_large_lesion_enclosed_by_lung_is_filled() -> None:
    lung = block(RIGHT)
    lesion = block((slice(12, 30), slice(15, 45), slice(10, 30)))
    np.testing.assert_array_equal(fill_holes(lung & ~lesion, PIXEL_MM2), lung)


def test_the_dome_of_the_liver_is_not_filled() -> None:
    lung = block(RIGHT)
    liver = block((slice(0, 15), slice(15, 45), slice(10, 30)))
    np.testing.assert_array_equal(fill_holes(lung & ~liver, PIXEL_MM2), lung & ~liver)
