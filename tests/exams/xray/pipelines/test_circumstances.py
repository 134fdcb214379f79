"""What outlines and greys say of posture, breath and exposure; on rectangles, every share by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.exams.xray.pipelines.circumstances import (
    MOST_BLACK,
    MOST_WHITE,
    black_share,
    circumstances,
    height,
    unevenness,
    white_share,
)
from triaged.exams.xray.pipelines.lungs import Lungs
from triaged.study.finding import QualityFlag

SHAPE = (200, 200)
Place = tuple[slice, slice]
RIGHT: Place = slice(30, 170), slice(20, 80)
LEFT: Place = slice(30, 170), slice(120, 180)


def mask(*places: Place) -> NDArray[np.bool_]:
    found = np.zeros(SHAPE, np.bool_)
    for place in places:
        found[place] = True
    return found


def grey(lungs: Lungs, lung: float = 0.4, around: float = 0.8) -> NDArray[np.float32]:
    return np.where(lungs.right | lungs.left, lung, around).astype(np.float32)


SOUND = Lungs(mask(RIGHT), mask(LEFT))


def test_two_lungs_of_one_size_in_usual_greys_need_no_remark() -> None:
    assert circumstances(grey(SOUND), SOUND) == ()
    assert (unevenness(SOUND), height(SOUND)) == (0.0, 140 / 160)


@pytest.mark.parametrize(("edge", "is_remarked"), [(72, False), (64, True)])
def test_lungs_of_different_widths_are_uneven(edge: int, is_remarked: bool) -> None:
    right = 20, edge
    for lungs in (
        Lungs(mask((RIGHT[0], slice(*right))), mask(LEFT)),
        Lungs(mask(LEFT), mask((RIGHT[0], slice(*right)))),
    ):
        share = (edge - 20 - 60) / (edge - 20 + 60)
        assert abs(unevenness(lungs)) == pytest.approx(abs(share))
        assert (QualityFlag.LUNGS_UNEVEN in circumstances(grey(lungs), lungs)) == is_remarked


def test_lungs_one_above_the_other_are_uneven() -> None:
    lungs = Lungs(mask((slice(0, 90), slice(20, 180))), mask((slice(100, 190), slice(20, 180))))
    assert QualityFlag.LUNGS_UNEVEN in circumstances(grey(lungs), lungs)


@pytest.mark.parametrize(("lower", "is_remarked"), [(30 + 97, False), (30 + 95, True)])
def test_lungs_that_are_low_for_their_width_are_a_shallow_breath(lower: int, is_remarked: bool) -> None:
    lungs = Lungs(mask((slice(30, lower), RIGHT[1])), mask((slice(30, lower), LEFT[1])))
    assert (QualityFlag.SHALLOW_BREATH in circumstances(grey(lungs), lungs)) == is_remarked


@pytest.mark.parametrize(("size", "is_remarked"), [(20, False), (22, True)])
def test_a_lung_in_several_parts_is_said_and_a_speck_is_not(size: int, is_remarked: bool) -> None:
    """8400 pixels, of which 5 % with the part itself are 442."""
    lungs = Lungs(mask(RIGHT), mask(LEFT, (slice(2, 2 + size), slice(0, size))))
    assert (QualityFlag.LUNG_IN_PARTS in circumstances(grey(lungs), lungs)) == is_remarked


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_lungs_that_are_black_and_a_heart_that_is_white_are_said(is_mirrored: bool) -> None:
    lungs = Lungs(SOUND.left, SOUND.right) if is_mirrored else SOUND
    picture = grey(lungs)
    rows = 30 + round(140 * (MOST_BLACK + 0.02))
    picture[30:rows, 20:80] = picture[30:rows, 120:180] = 0.0
    assert black_share(picture, lungs) == pytest.approx((rows - 30) / 140)
    assert circumstances(picture, lungs) == (QualityFlag.OVER_PENETRATED,)
    picture = grey(lungs)
    columns = round(40 * (MOST_WHITE + 0.1))
    picture[:, 80 : 80 + columns] = 1.0
    picture[:, 180:] = 1.0
    assert white_share(picture, lungs) == pytest.approx(columns / 40)
    assert circumstances(picture, lungs) == (QualityFlag.UNDER_PENETRATED,)


def test_lungs_that_touch_have_nothing_white_between_them() -> None:
    lungs = Lungs(mask((RIGHT[0], slice(20, 100))), mask((LEFT[0], slice(100, 180))))
    assert white_share(grey(lungs, around=1.0), lungs) == 0.0
