"""Tells lungs from air beside the body, which is as dark and which the first stage takes for lung; knows no network.

Two things tell them apart: air is joined with the border of what was exposed, and lies lateral of a lung or above it.
A lung that is cut off by the border is dark up to there too; it is kept, since its darkness ends at its own outline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.exams.xray.squares import Picture
from triaged.imaging.regions import Components, components

Mask = NDArray[np.bool_]
BLACK: Final = 0.08
"""Grey below which air is; the exposed field fills [0, 1]."""
LEAST_BEYOND: Final = 0.3
"""Of a dark region; the share outside both outlines that air has at least."""
MOSTLY: Final = 0.5
"""Of a part; with more of it dark up to the border, it is air where another part of that side is not."""
NEAR_BORDER: Final = 0.1
"""Of the picture's side, from the border of the field."""


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """What lies around the body on one picture, (row, column).

    `dark` is what is dark up to the border of the field, `regions` the numbers of what hangs together in it, 0
    elsewhere; `edge` is what lies near the border.
    """

    dark: Mask
    regions: NDArray[np.uint32]
    edge: Mask

    @staticmethod
    def of(picture: Picture, field: Mask) -> Beside:
        """Return what lies around the body; the exposed `field` of the picture fills [0, 1]."""
        found = components((picture < BLACK)[np.newaxis] & field[np.newaxis]).labels[0]
        touching = np.zeros(int(found.max()) + 1, np.bool_)
        touching[found[_within(field, 1)]] = True
        touching[0] = False
        regions = np.where(touching[found], found, 0).astype(np.uint32)
        return Beside(regions > 0, regions, _within(field, round(NEAR_BORDER * len(field))))

    def air(self, outlined: Mask) -> Mask:
        """Return the dark regions that reach far beyond what the first stage outlined as lungs."""
        sizes = np.bincount(self.regions.ravel())
        inside = np.bincount(self.regions[outlined], minlength=sizes.size)
        is_air = inside <= (1 - LEAST_BEYOND) * sizes
        is_air[0] = False
        return np.asarray(is_air[self.regions])

    def without_outside(self, lung: Mask, *, is_left: bool) -> Mask:
        """Return a lung without the parts that lie outside the body.

        These are dark up to the border, where another part is not; or they lie near the border, and their middle
        lateral of the largest part that is left, or above it. `is_left`: lateral is to the right of the picture.
        """
        found = components(lung[np.newaxis])
        if len(found) < 2:
            return lung
        numbers = [number for number in range(1, len(found) + 1) if not self._is_dark(found, number)]
        if not numbers:
            return lung
        largest = found.labels[0] == numbers[0]
        kept = numbers[:1] + [each for each in numbers[1:] if not self._is_beside(found, each, largest, is_left)]
        return np.asarray(np.isin(found.labels[0], kept))

    def _is_dark(self, found: Components, number: int) -> bool:
        dark = int(np.count_nonzero(self.dark[found.labels[0] == number]))
        return dark > MOSTLY * found.sizes[number - 1]

    def _is_beside(self, found: Components, number: int, largest: Mask, is_left: bool) -> bool:
        if not self.edge[found.labels[0] == number].any():
            return False
        _, row, column = found.centroids[number - 1]
        rows, columns = (np.flatnonzero(largest.any(axis=axis)) for axis in (1, 0))
        return bool(row < rows[0] or (column > columns[-1] if is_left else column < columns[0]))


def _within(field: Mask, pixels: int) -> Mask:
    """Return what of the field lies within so many pixels of its border, or of the picture's."""
    inner = ndimage.minimum_filter(field, 2 * pixels + 1, mode="constant", cval=0)
    return np.asarray(field & ~inner)
