"""Masks and outlines of the picture that was read come back to the stored pixels, however the image is stored."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from triaged.exams.xray.decoding.radiograph import Radiograph
from triaged.exams.xray.decoding.turning import Turn, turned
from triaged.exams.xray.views import Position, View
from triaged.exams.xray.working import stored_mask, stored_points
from triaged.imaging.outlines import outlines

TURNS = [Turn(quarters, mirrored) for quarters, mirrored in product(range(4), (False, True))]


def stored_square() -> NDArray[np.bool_]:
    """Rows 60 to 99 and columns 20 to 59 of an image of 240 rows and 200 columns: off its middle in both."""
    region = np.zeros((240, 200), bool)
    region[60:100, 20:60] = True
    return region


def radiograph(turn: Turn) -> Radiograph:
    grey = np.zeros((240, 200), np.float32)
    return Radiograph(grey, grey == 0, None, View.PA, Position.UNKNOWN, turn, (), Dataset())


@pytest.mark.parametrize("smaller", [1, 2, 4])
@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_a_square_that_was_read_upright_and_smaller_lies_where_it_was(turn: Turn, smaller: int) -> None:
    region = stored_square()
    read = np.ascontiguousarray(turned(region, turn)[::smaller, ::smaller])
    shown = radiograph(turn)
    differing = np.count_nonzero(stored_mask(read, shown) != region)
    assert differing <= 4 * (smaller - 1), "corners of large pixels are rounded"
    (line,) = outlines(read)
    points = stored_points(line, read.shape, shown)
    np.testing.assert_allclose(points.min(axis=0), (20, 60))
    np.testing.assert_allclose(points.max(axis=0), (60, 100))
