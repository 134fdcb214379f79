"""Brings masks and outlines from the picture that was read back to the stored pixels; knows no lung and no network.

The picture that is read is the stored one turned upright and made smaller; results lie on the stored one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from triaged.exams.xray.decoding.radiograph import Radiograph
from triaged.exams.xray.decoding.turning import Turn, turned, turned_back
from triaged.exams.xray.squares import resampled
from triaged.imaging.outlines import Points

Mask = NDArray[np.bool_]


def stored_mask(mask: Mask, radiograph: Radiograph) -> Mask:
    """Return a mask (row, column) of the picture that was read, on the stored pixels."""
    rows, columns = turned(radiograph.grey, radiograph.upright).shape
    finer = resampled(mask.astype(np.float32), (rows, columns)) >= 0.5
    return np.ascontiguousarray(turned_back(finer, radiograph.upright))


def stored_points(points: Points, shape: tuple[int, ...], radiograph: Radiograph) -> Points:
    """Return points (point, [column, row]) of a picture of `shape` that was read, on the stored pixels.

    0, 0 is the upper left corner of the first pixel, there and here.
    """
    rows, columns = turned(radiograph.grey, radiograph.upright).shape
    finer = points * (columns / shape[1], rows / shape[0])
    return turned_points(finer, (rows, columns), radiograph.upright)


def turned_points(points: Points, shape: tuple[int, int], turn: Turn) -> Points:
    """Return points of an upright picture of `shape`, full-size, where they lie on the stored one."""
    (rows, columns), (x, y) = shape, points.T
    if turn.mirrored:
        x = columns - x
    for _ in range(turn.quarters % 4):  # an upright picture was turned counter-clockwise: back, clockwise
        x, y = rows - y, x
        rows, columns = columns, rows
    return np.column_stack((x, y))
