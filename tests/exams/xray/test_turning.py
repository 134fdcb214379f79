"""Pictures upright and back: what Patient Orientation says, by hand, and that nothing is lost on the way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.exams.xray.decoding.turning import Turn, turn_of, turned, turned_back

UPRIGHT = np.array([["right apex", "left apex"], ["right base", "left base"]])
"""As a reader hangs a chest: the patient's right on the left of the picture."""

STORED = {
    ("L", "F"): [["right apex", "left apex"], ["right base", "left base"]],
    ("R", "F"): [["left apex", "right apex"], ["left base", "right base"]],
    ("R", "H"): [["left base", "right base"], ["left apex", "right apex"]],
    ("L", "H"): [["right base", "left base"], ["right apex", "left apex"]],
    ("F", "L"): [["right apex", "right base"], ["left apex", "left base"]],
    ("F", "R"): [["left apex", "left base"], ["right apex", "right base"]],
    ("H", "L"): [["right base", "right apex"], ["left base", "left apex"]],
    ("H", "R"): [["left base", "left apex"], ["right base", "right apex"]],
}
"""What lies where, by where rows and columns run to."""
turns = st.builds(Turn, st.integers(0, 3), st.booleans())


@pytest.mark.parametrize("orientation", STORED)
def test_every_frontal_orientation_comes_upright(orientation: tuple[str, str]) -> None:
    turn = turn_of(orientation)
    assert turn is not None
    assert turned(np.array(STORED[orientation]), turn).tolist() == UPRIGHT.tolist()
    assert turned_back(UPRIGHT, turn).tolist() == STORED[orientation]


@pytest.mark.parametrize("orientation", [("L", "F"), ("R", "H"), ("F", "R"), ("H", "L")])
def test_a_picture_that_is_only_turned_is_not_mirrored(orientation: tuple[str, str]) -> None:
    turn = turn_of(orientation)
    assert turn is not None
    assert not turn.mirrored


def test_the_main_direction_counts_where_several_are_said() -> None:
    assert turn_of((" l", "FP")) == Turn(0, mirrored=False)


@pytest.mark.parametrize(
    "orientation", [(), ("L",), ("A", "F"), ("L", "P"), ("L", "R"), ("F", "F"), ("", ""), ("X", "F")]
)
def test_what_is_no_frontal_orientation_says_nothing(orientation: tuple[str, ...]) -> None:
    assert turn_of(orientation) is None


@given(turn=turns, rows=st.integers(1, 5), columns=st.integers(1, 5), layers=st.integers(0, 2))
def test_turning_and_turning_back_are_exact_inverses(turn: Turn, rows: int, columns: int, layers: int) -> None:
    shape = (rows, columns) if layers == 0 else (layers, rows, columns)
    picture = np.arange(np.prod(shape)).reshape(shape)
    np.testing.assert_array_equal(turned_back(turned(picture, turn), turn), picture)
    np.testing.assert_array_equal(turned(turned_back(picture, turn), turn), picture)
