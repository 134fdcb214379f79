"""Stored pixel values to Hounsfield units, and whether the result can be any; knows no files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from triaged.errors import UnreadableStudy
from triaged.exams.ct.decoding.frames import Frame
from triaged.study.assessment import ReasonCode

AIR_HU = -1024
"""Everything below is set to this: -2000, -2048 and -3024 mark what lies outside the scanner's field of view, and a
stored padding value means that nothing was measured."""
HIGHEST_HU = 32767
"""The top of int16; only padding and damaged values lie above it."""

_WIDEST = 2**32
_TISSUE_HU = (-1000.0, 3071.0)
_AIR_AT_MOST_HU = -500
_TISSUE_AT_LEAST_HU = -200
_DENSEST_HU = 4095
_DENSEST_SHARE = 0.05


def to_hounsfield(stored: NDArray[np.generic], frame: Frame) -> NDArray[np.int32] | NDArray[np.float32]:
    """Return the Hounsfield units of a frame within [-1024, 32767]; int32 where the rescale has no fractions.

    Computed in 32 bits, since a 16-bit stored value and its intercept can leave 16 bits; a wider one in 64. Slope and
    intercept are bounded (`frames_of`), so that neither can overflow.
    """
    hu: NDArray[np.int32] | NDArray[np.float32]
    if is_integral(frame) and stored.dtype.itemsize <= 2:
        hu = stored.astype(np.int32) * int(frame.slope) + int(frame.intercept)
    elif is_integral(frame):
        wide = stored.astype(np.int64).clip(-_WIDEST, _WIDEST) * int(frame.slope) + int(frame.intercept)
        hu = wide.clip(AIR_HU, HIGHEST_HU).astype(np.int32)
    else:
        hu = stored.astype(np.float32) * np.float32(frame.slope) + np.float32(frame.intercept)
    if frame.padding is not None and not _means_tissue(frame, frame.padding):
        low, high = frame.padding
        values = stored.astype(np.int64)
        hu[(values >= low) & (values <= high)] = AIR_HU
    np.clip(hu, AIR_HU, HIGHEST_HU, out=hu)
    return hu


def is_integral(frame: Frame) -> bool:
    """Tell whether the frame's Hounsfield units are whole numbers."""
    return frame.slope.is_integer() and frame.intercept.is_integer()


class Plausibility:
    """What was seen of a series' Hounsfield units, slice by slice."""

    def __init__(self) -> None:
        self._lowest = float("inf")
        self._highest = float("-inf")
        self._voxels = 0
        self._too_dense = 0

    def see(self, hu: NDArray[np.int32] | NDArray[np.float32]) -> None:
        """Take one slice into account."""
        highest = float(hu.max())
        self._lowest, self._highest = min(self._lowest, float(hu.min())), max(self._highest, highest)
        self._voxels += hu.size
        if highest > _DENSEST_HU:
            self._too_dense += int(np.count_nonzero(hu > _DENSEST_HU))

    def require(self) -> None:
        """Refuse numbers that no CT has: without air, without tissue, or with much that is denser than metal reads.

        Raises:
            UnreadableStudy: the numbers cannot be Hounsfield units.
        """
        if self._lowest > _AIR_AT_MOST_HU:
            raise _refused(f"air below {_AIR_AT_MOST_HU} HU", f"nothing below {self._lowest:.0f}")
        if self._highest < _TISSUE_AT_LEAST_HU:
            raise _refused(f"tissue above {_TISSUE_AT_LEAST_HU} HU", f"nothing above {self._highest:.0f}")
        if self._too_dense > _DENSEST_SHARE * self._voxels:
            raise _refused(f"values up to {_DENSEST_HU} HU", f"{self._too_dense / self._voxels:.0%} of them above it")


def _means_tissue(frame: Frame, padding: tuple[int, int]) -> bool:
    """Tell whether the padding value is one that tissue has.

    Some writers declare 0 as padding where 0 HU is water; to take them at their word would punch holes into the body.
    """
    low, high = sorted(end * frame.slope + frame.intercept for end in padding)
    return high > _TISSUE_HU[0] and low < _TISSUE_HU[1]


def _refused(expected: str, found: str) -> UnreadableStudy:
    return UnreadableStudy(ReasonCode.NON_HU, f"expected {expected}, found {found} in the series")
