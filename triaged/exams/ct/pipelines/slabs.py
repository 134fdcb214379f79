"""Averages thin slices to slabs before anything looks at them, and brings what was found back; knows nothing of models.

Arrays are (slice, row, column). A slab holds the same number of neighbouring slices everywhere, the last one perhaps
fewer; where slices are thick enough, a slab is a slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from triaged.imaging.geometry import Box, Geometry
from triaged.imaging.volume import Volume

THICKEST_MM: Final = 2.0
"""Slices are joined as long as the slab is not thicker than this, the networks' size of pixels: below it, a network
that sees one slice at a time is shown more noise and hardly more anatomy."""

Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Slabs:
    """Which slices of a volume make one slab: `each` of them, of `slices` in all."""

    each: int
    slices: int

    def average(self, hu: Volume) -> Volume:
        """Return the slabs of a float32 volume; noise falls by the root of their slices, anatomy by next to nothing."""
        if self.each == 1:
            return hu
        starts = np.arange(0, self.slices, self.each)
        voxels = np.empty((starts.size, *hu.voxels.shape[1:]), dtype=np.float32)
        for slab, start in zip(voxels, starts, strict=True):
            np.mean(hu.voxels[start : start + self.each], axis=0, dtype=np.float32, out=slab)
        affine = hu.geometry.affine.copy()
        affine[:3, 0] *= self.each
        affine[:3, 3] = hu.geometry.position_mm(((self.each - 1) / 2, 0.0, 0.0))
        return Volume(voxels, Geometry(affine, voxels.shape, hu.geometry.frame_of_reference_uid))

    def box_of_slices(self, box: Box) -> Box:
        """Return the block of slices that a block of slabs covers."""
        start, stop = box.start[0] * self.each, min(box.stop[0] * self.each, self.slices)
        return Box((start, *box.start[1:]), (stop, *box.stop[1:]))

    def repeated(self, values: NDArray[Value], count: int) -> NDArray[Value]:
        """Return `count` slices, each with the values of its slab.

        A region by a threshold other than one half keeps its size so; mixed, it would grow or shrink at its ends.
        """
        return values if self.each == 1 else values.repeat(self.each, axis=0)[:count]

    def mixed(self, values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """Return `count` slices of values that run linearly from the middle of one slab to that of the next."""
        if self.each == 1:
            return values
        at = np.clip((np.arange(count) - (self.each - 1) / 2) / self.each, 0, len(values) - 1)
        result = np.empty((count, *values.shape[1:]), dtype=np.float32)
        for slice_, where in zip(result, at, strict=True):
            below = min(int(where), max(len(values) - 2, 0))
            share = np.float32(where - below)
            np.multiply(values[below], 1 - share, out=slice_)
            if share:
                slice_ += share * values[below + 1]
        return result


def slabs_of(geometry: Geometry) -> Slabs:
    """Return how the slices of a grid are joined."""
    return Slabs(max(1, int(THICKEST_MM / geometry.spacing_mm[0] + 1e-6)), geometry.shape[0])
