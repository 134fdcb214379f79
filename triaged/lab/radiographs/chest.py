"""A chest in three dimensions with exact masks, as radiographs are made from it.

Must not know: where the chest comes from, beams, pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Chest:
    """A CT with its truth, shaped (slice, row, column): slices to the head, rows to posterior, columns to patient left.

    Attributes:
        hu: densities in HU.
        right, left: lungs, dense disease and fluid included.
        lesion: viral disease; `solid`: its consolidated part; `other`: any other opacity.
        belly: what lies below the diaphragm within the rib cage.
        spacing_mm: (slice, row, column).
        origin_mm: x (to patient left), y (posterior), z (head) of voxel (0, 0, 0); x = 0 is the patient's middle.
        upright: standing or sitting, else lying on the back.
        lines: named polylines (n, 3) in mm of this patient's anatomy, along which tubes and lines run.
        disease: as in `triaged.lab.phantom.options.Disease`.
        seed: what drew it.
        patient: a pseudonym; pictures that share it must stay on one side of any split.
        source: what made the chest.
    """

    hu: NDArray[np.int16]
    right: Bool
    left: Bool
    lesion: Bool
    solid: Bool
    other: Bool
    belly: Bool
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    upright: bool
    lines: dict[str, NDArray[np.float32]]
    disease: str
    seed: int
    patient: str
    source: str

    @property
    def shares(self) -> tuple[float, float]:
        """Return the share of the (right, left) lung's volume that lesion fills; 0 for a lung that is not there."""
        right, left = (int((self.lesion & lung).sum()) / max(int(lung.sum()), 1) for lung in (self.right, self.left))
        return right, left

    @property
    def extent_mm(self) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
        """Return the first and last voxel centre along x, y and z."""
        ends = []
        for axis, first in zip((2, 1, 0), self.origin_mm, strict=True):
            ends.append((first, first + (self.hu.shape[axis] - 1) * self.spacing_mm[axis]))
        return ends[0], ends[1], ends[2]
