"""Checks the lungs by networks that know right from left: are the sides named alike, and is dense lung missing?

Must not know what the networks are; arrays are (slice, row, column) on slabs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.pipelines.split import LEFT, RIGHT, Labels, Split, SplitMethod
from triaged.imaging.resample import stretched
from triaged.imaging.volume import Volume

MOST_DISAGREEING: Final = 0.03
"""Share of the lungs that may be named otherwise: the border between them is drawn by both with some freedom."""
AIR_HU: Final = -950.0


@dataclass(frozen=True, slots=True, eq=False)
class NamedLungs:
    """What three projections say of every voxel: 0, `RIGHT` or `LEFT`."""

    labels: Labels


def cube_of(hu: Volume, side: int) -> NDArray[np.float32]:
    """Return a volume's HU resized to a cube of so many voxels a side, linear between the middles of voxels."""
    cube = np.asarray(hu.voxels, dtype=np.float32)
    for axis in range(3):
        cube = stretched(cube, side, axis)
    return cube


def named_lungs(classes: NDArray[np.float32], threshold: float, shape: tuple[int, int, int]) -> NamedLungs:
    """Return the lungs on a grid of `shape` from the probabilities (none, right, left) of the cube."""
    right, left = (_resized(classes[index], shape) for index in (RIGHT, LEFT))
    labels = np.where(left > right, LEFT, RIGHT).astype(np.uint8)
    labels[right + left < threshold] = 0
    return NamedLungs(labels)


def disagree(sides: Split, named: NamedLungs) -> bool:
    """Tell whether the lungs are named otherwise on more of them than the border between them may take.

    Lungs that were not told apart disagree with two that are.
    """
    both = (sides.labels > 0) & (named.labels > 0)
    count = int(np.count_nonzero(both))
    if count == 0:
        return True
    if sides.method is SplitMethod.SINGLE:
        left = int(np.count_nonzero(named.labels[both] == LEFT))
        other = min(left, count - left)
    else:
        other = int(np.count_nonzero(sides.labels[both] != named.labels[both]))
    return other > MOST_DISAGREEING * count


def _resized(values: NDArray[np.float32], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    for axis, size in enumerate(shape):
        values = stretched(values, size, axis)
    return values
