"""Which way up a stored picture is: Patient Orientation to a turn, and arrays there and back; knows no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)
_OPPOSITE: Final = {"L": "R", "R": "L", "H": "F", "F": "H"}
_UPRIGHT: Final = ("L", "F")


@dataclass(frozen=True, slots=True)
class Turn:
    """How to turn a stored picture upright: by quarters, counter-clockwise, and then as in a mirror, left for right."""

    quarters: int = 0
    mirrored: bool = False


AS_STORED: Final = Turn()


def turn_of(patient_orientation: Sequence[str]) -> Turn | None:
    """Return the turn after which the head is up and the patient's right is on the left of the picture.

    Patient Orientation (0020,0020) names where rows and columns run to, the main direction first. None where it is
    absent or damaged, or speaks of no frontal image.
    """
    if len(patient_orientation) != 2:
        return None
    along_row, along_column = (value.strip().upper()[:1] for value in patient_orientation)
    edges = _edges(along_row, along_column)
    if edges is None:
        return None
    turns = (Turn(quarters, mirrored) for mirrored, quarters in product((False, True), range(4)))
    return next(turn for turn in turns if _runs(turned(edges, turn)) == _UPRIGHT)


def turned(array: NDArray[_Scalar], turn: Turn) -> NDArray[_Scalar]:
    """Return a stored picture upright, as a view; rows and columns are the last two axes."""
    upright = np.rot90(array, turn.quarters, (-2, -1))
    return upright[..., ::-1] if turn.mirrored else upright


def turned_back(array: NDArray[_Scalar], turn: Turn) -> NDArray[_Scalar]:
    """Return an upright picture as it was stored, as a view: the inverse of `turned`."""
    unmirrored = array[..., ::-1] if turn.mirrored else array
    return np.rot90(unmirrored, -turn.quarters, (-2, -1))


def _edges(along_row: str, along_column: str) -> NDArray[np.str_] | None:
    """Return a picture of 3 x 3 whose edges say where in the patient they are; None where that is no frontal image."""
    if along_row not in _OPPOSITE or along_column not in _OPPOSITE:
        return None
    if along_column in (along_row, _OPPOSITE[along_row]):
        return None
    picture = np.full((3, 3), "", dtype="<U1")
    picture[1] = (_OPPOSITE[along_row], "", along_row)
    picture[0, 1], picture[2, 1] = _OPPOSITE[along_column], along_column
    return picture


def _runs(edges: NDArray[np.str_]) -> tuple[str, str]:
    """Return where rows and columns of such a picture run to."""
    return str(edges[1, 2]), str(edges[2, 1])
