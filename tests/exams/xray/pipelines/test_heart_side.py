"""A chest whose heart lies on the patient's right is flagged; on drawn chests whose differences are known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.exams.xray.pipelines.heart_side import Differences, differences, evidence, is_mirrored
from triaged.exams.xray.pipelines.lungs import Lungs

SIDE = 512
ROWS = slice(100, 400)
RIGHT, LEFT = slice(60, 220), slice(292, 452)


def lungs() -> Lungs:
    right, left = (np.zeros((SIDE, SIDE), bool) for _ in range(2))
    right[ROWS, RIGHT], left[ROWS, LEFT] = True, True
    return Lungs(right, left)


def chest() -> NDArray[np.float32]:
    """Return lungs of .3, a heart of .7 in the medial 40 % of the left one, an aorta of .8, liver and stomach below."""
    picture = np.full((SIDE, SIDE), 0.6, np.float32)
    picture[ROWS, RIGHT] = picture[ROWS, LEFT] = 0.3
    picture[250:400, 292 : 292 + 64] = 0.7
    picture[:250, 256:292] = 0.8
    picture[400:, RIGHT], picture[400:, LEFT] = 0.9, 0.5
    return picture


def test_the_differences_of_a_drawn_chest_are_those_that_were_drawn() -> None:
    found = differences(chest(), lungs())
    assert found.medial == pytest.approx(0.4, abs=0.01)
    # columns 30 % to 60 % of the left lung: a third of them is heart
    assert found.central == pytest.approx(0.4 / 3, abs=0.02)
    assert found.aorta == pytest.approx(0.2, abs=0.01)
    assert found.below == pytest.approx(0.4, abs=0.01)


def test_its_mirror_image_has_the_opposite_ones_and_is_flagged() -> None:
    picture = chest()
    plain, mirrored = (differences(each, lungs()) for each in (picture, np.ascontiguousarray(picture[:, ::-1])))
    for name in ("medial", "central", "aorta", "below"):
        assert getattr(mirrored, name) == pytest.approx(-getattr(plain, name), abs=0.01)
    assert not is_mirrored(picture, lungs())
    assert is_mirrored(picture[:, ::-1], lungs())


def test_a_chest_whose_sides_are_alike_says_nothing() -> None:
    picture = np.full((SIDE, SIDE), 0.5, np.float32)
    assert evidence(differences(picture, lungs())) == pytest.approx(0.0, abs=1e-6)
    assert not is_mirrored(picture, lungs())


def test_lungs_without_common_rows_say_nothing() -> None:
    found = lungs()
    above, below = found.right.copy(), found.left.copy()
    above[250:], below[:240] = False, False
    assert differences(chest(), Lungs(above, below)) == Differences()


def test_lungs_at_the_border_of_the_picture_are_measured() -> None:
    right: NDArray[np.bool_] = np.zeros((SIDE, SIDE), bool)
    right[ROWS, :3], left = True, np.zeros((SIDE, SIDE), bool)
    left[ROWS, 4:7] = True
    assert np.isfinite(evidence(differences(chest(), Lungs(right, left))))
