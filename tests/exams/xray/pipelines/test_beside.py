"""Air beside the body is left out of lungs, and no lung is; on rectangles whose places are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.exams.xray.pipelines.beside import Beside
from triaged.exams.xray.pipelines.lungs import Lungs, lungs_of

SIDE = 200
LUNG = slice(60, 170), slice(30, 85)
OTHER = slice(60, 170), slice(115, 170)
ABOVE = slice(0, 40), slice(0, 60)
Place = tuple[slice, slice]


def found(right: tuple[Place, ...], black: tuple[Place, ...], field: Place | None = None) -> Lungs:
    """Return the lungs where the first stage outlined `right` and the left lung, and `black` is as dark as air."""
    probability = np.zeros((2, SIDE, SIDE), np.float32)
    for place in right:
        probability[0][place] = 1
    probability[1][OTHER] = 1
    picture = np.full((SIDE, SIDE), 0.5, np.float32)
    for place in black:
        picture[place] = 0.02
    exposed: NDArray[np.bool_] = np.zeros((SIDE, SIDE), bool)
    exposed[field or (slice(None), slice(None))] = True
    beside = Beside.of(picture, exposed)
    lungs = lungs_of(probability, 0.5, is_frontal=True, beside=beside)
    assert (lungs.left == lungs_of(probability, 0.5, is_frontal=True).left).all()
    return lungs


@pytest.mark.parametrize("black", [(ABOVE,), ()], ids=["black", "grey"])
def test_a_part_above_the_lung_at_the_border_is_air(black: tuple[Place, ...]) -> None:
    lungs = found((LUNG, ABOVE), black)
    assert not lungs.right[ABOVE].any()
    assert lungs.right[LUNG].mean() > 0.99


def test_a_part_lateral_of_the_lung_is_air_and_one_medial_of_it_is_not() -> None:
    lung, beside = (slice(20, 190), slice(50, 90)), (slice(60, 140), slice(0, 30))
    assert not found((lung, beside), ()).right[beside].any()
    towards_the_middle = slice(160, 199), slice(60, 110)
    assert found((LUNG, towards_the_middle), ()).right[towards_the_middle].any()


def test_air_may_be_larger_than_the_lung_that_it_was_taken_for() -> None:
    lung, air = (slice(110, 170), slice(40, 80)), (slice(0, 60), slice(0, 90))
    lungs = found((lung, air), (air,))
    assert not lungs.right[air].any()
    assert lungs.right[lung].mean() > 0.98


def test_air_that_is_joined_with_the_lung_is_cut_off() -> None:
    arm = slice(100, 150), slice(0, 30)
    lungs = found((LUNG, arm), ((slice(0, SIDE), slice(0, 26)),))
    assert not lungs.right[:, :26].any()
    assert lungs.right[LUNG].mean() > 0.99


def test_what_was_not_exposed_is_no_air_and_its_border_counts_as_one() -> None:
    field, air = (slice(30, 200), slice(0, 200)), (slice(31, 58), slice(0, 90))
    lungs = found(((slice(75, 170), slice(30, 85)), air), (air,), field)
    assert not lungs.right[air].any()


def test_a_black_lung_that_the_border_cuts_off_is_a_lung() -> None:
    cut = slice(60, 170), slice(0, 60)
    stomach = slice(172, 199), slice(20, 85)
    assert found((cut,), (cut,)).right[cut].mean() > 0.98
    assert found((cut, stomach), (cut,)).right.any()


def test_a_lung_in_two_parts_keeps_both_where_neither_lies_outside() -> None:
    upper, lower = (slice(20, 90), slice(30, 85)), (slice(110, 180), slice(0, 80))
    lungs = found((upper, lower), ())
    assert lungs.right[upper].any()
    assert lungs.right[lower].any()


def test_a_side_that_is_air_alone_keeps_its_outline() -> None:
    """It is not said to be no lung, but flagged: a lung that is missing would make the study suspected."""
    air = slice(0, 120), slice(0, 60)
    assert found((air,), (air,)).right[air].mean() > 0.98
