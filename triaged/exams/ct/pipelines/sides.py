"""Checks the lungs by networks that know right from left: are the sides named alike, and is dense lung missing?

Must not know what the networks are; arrays are (slice, row, column) on slabs.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.exams.ct.pipelines.split import LEFT, RIGHT, Labels, Split, SplitMethod
from triaged.imaging.resample import stretched
from triaged.imaging.volume import Volume

MOST_DISAGREEING: Final = 0.03
"""Share of the lungs that may be named otherwise: the border between them is drawn by both with some freedom."""
DENSE_HU: Final = -300.0
LEAST_DEPTH_PX: Final = 2
"""Dense lung that is added survives an opening by so many pixels.

By that, of four real patients whose lungs a network of axial slices found whole, nothing was added; without the opening
50 to 112 mL, the rim of a cube whose voxels are coarse.
"""
PLANE: Final = ndimage.generate_binary_structure(2, 1)[np.newaxis]


def cube_of(hu: Volume, side: int) -> NDArray[np.float32]:
    """Return a volume's HU resized to a cube of so many voxels a side, linear between the middles of voxels."""
    cube = np.asarray(hu.voxels, dtype=np.float32)
    for axis in range(3):
        cube = stretched(cube, side, axis)
    return cube


def named_lungs(classes: NDArray[np.float32], threshold: float, shape: tuple[int, int, int]) -> Labels:
    """Return `RIGHT`, `LEFT` or 0 on a grid of `shape`, from the probabilities (none, right, left) of a cube."""
    right, left = (_resized(classes[index], shape) for index in (RIGHT, LEFT))
    labels: Labels = np.where(left > right, LEFT, RIGHT).astype(np.uint8)
    labels[right + left < threshold] = 0
    return labels


def disagree(sides: Split, named: Labels) -> bool:
    """Tell whether the lungs are named otherwise on more of them than the border between them may take.

    Lungs that were not told apart disagree with two that are.
    """
    both = (sides.labels > 0) & (named > 0)
    count = int(np.count_nonzero(both))
    if count == 0:
        return True
    if sides.method is SplitMethod.SINGLE:
        left = int(np.count_nonzero(named[both] == LEFT))
        other = min(left, count - left)
    else:
        other = int(np.count_nonzero(sides.labels[both] != named[both]))
    return other > MOST_DISAGREEING * count


def dense_lung(hu: Volume, region: NDArray[np.bool_], named: Labels) -> NDArray[np.bool_]:
    """Return dense voxels that are named lung, lie outside the `region` that was found, and are more than its rim."""
    beyond = (named > 0) & ~region & (hu.voxels > DENSE_HU)
    kept: NDArray[np.bool_] = ndimage.binary_opening(beyond, PLANE, iterations=LEAST_DEPTH_PX)
    return kept


def _resized(values: NDArray[np.float32], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    for axis, size in enumerate(shape):
        values = stretched(values, size, axis)
    return values
