"""Grey levels of a region, in bins of one width, as all texture features take them; knows nothing of images' origin.

Image Biomarker Standardisation Initiative (IBSI), reference manual, section 2.7: fixed bin size.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

BIN_WIDTH: Final = 25.0
"""HU of one grey level; of sub-bands too (Bao et al.)."""
Direction: TypeAlias = tuple[int, int, int]
DIRECTIONS: Final[tuple[Direction, ...]] = tuple(
    (z, y, x) for z, y, x in product((-1, 0, 1), repeat=3) if (z, y, x) > (0, 0, 0)
)
"""The 13 steps (slice, row, column) to a neighbour; the other 13 are their opposites."""


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Grey levels of a region: `codes` is (slice, row, column), from 1 on, 0 outside, with a border of zeros.

    `inside` are the region's places in the flattened codes, in rising order; thanks to the border a step from any of
    them leads to another place of the array.
    """

    codes: NDArray[np.uint16]
    inside: NDArray[np.int32]

    @property
    def flat(self) -> NDArray[np.uint16]:
        """The codes, flattened."""
        return self.codes.reshape(-1)

    @property
    def present(self) -> NDArray[np.int64]:
        """The levels that occur, rising."""
        return np.flatnonzero(np.bincount(self.flat[self.inside]))

    def stride(self, direction: Direction) -> int:
        """Return how far one step leads in the flattened codes."""
        rows, columns = int(self.codes.shape[1]), int(self.codes.shape[2])
        return (direction[0] * rows + direction[1]) * columns + direction[2]


def levels(values: NDArray[np.floating], inside: NDArray[np.bool_], width: float = BIN_WIDTH) -> Levels:
    """Return the levels of what is `inside`; level 1 begins at the multiple of `width` at or below the least value."""
    found = values[inside].astype(np.float64)
    if not found.size:
        raise ValueError("levels: expected a region, found none")
    first = np.floor(found.min() / width)
    codes = np.zeros([count + 2 for count in values.shape], dtype=np.uint16)
    codes[1:-1, 1:-1, 1:-1][inside] = np.floor(found / width) - first + 1
    return Levels(codes, np.flatnonzero(codes).astype(np.int32))
