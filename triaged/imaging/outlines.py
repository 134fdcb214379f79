"""Outlines of regions of a picture as polygons of few points; knows no pictures, no patient and no file.

Points are (column, row) in pixels as DICOM counts them within an image: 0, 0 is the upper left corner of the first
pixel, so that its centre is .5, .5 (PS3.3 C.10.5.1.2 and C.18.6.1.1).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from skimage.measure import approximate_polygon, find_contours

Points = NDArray[np.float64]
"""The corners of a line or a polygon: (point, [column, row])."""

MOST_POINTS: Final = 200
"""Of one outline: what viewers draw quickly."""
_FINEST = 0.4
"""How far, in pixels, an outline may be off: the steps of the pixels themselves are lost, and nothing else."""


def outlines(region: NDArray[np.bool_], smallest: int = 1, most: int | None = None) -> tuple[Points, ...]:
    """Return the outlines of a region (row, column), the longest first, those of holes among them.

    Each is closed: its last point is its first one. Those around fewer than `smallest` pixels are left out, and all
    but the `most` longest.
    """
    enclosing = [each for each in _traced(region) if abs(area(each)) >= smallest]
    longest = sorted(enclosing, key=len, reverse=True)[:most]
    return tuple(simplified(each) for each in longest)


def outline(region: NDArray[np.bool_]) -> Points | None:
    """Return the outline of the largest part of a region; None where it is empty."""
    largest = max(_traced(region), key=lambda each: abs(area(each)), default=None)
    return None if largest is None else simplified(largest)


def simplified(line: Points) -> Points:
    """Return a line with as few points as tell its shape (Douglas and Peucker), 200 at most."""
    tolerance = _FINEST
    while len(fewer := _approximated(line, tolerance)) > MOST_POINTS:
        tolerance *= 1.5
    return fewer


def area(polygon: Points) -> float:
    """Return the area that a closed line encloses, negative where it runs the other way round."""
    x, y = polygon[:, 0], polygon[:, 1]
    return float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2.0


def _traced(region: NDArray[np.bool_]) -> list[Points]:
    """Return every line between the pixels of a region and others, closed, also along the border of the picture."""
    found: list[Points] = find_contours(np.pad(region, 1).astype(np.float32), 0.5)  # type: ignore[no-untyped-call]
    return [each[:, ::-1] - 0.5 for each in found]


def _approximated(line: Points, tolerance: float) -> Points:
    return np.asarray(approximate_polygon(line, tolerance), dtype=np.float64)  # type: ignore[no-untyped-call]
