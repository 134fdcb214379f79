"""Lung and lesion slice by slice: which slices are affected, and by how much (Qiblawey et al., section 2).

Must not know what found the masks, nor pictures. The share of a volume told here is the mean of its slices: small end
slices weigh as much as large ones, so it stands beside the share of lung volume and nothing is ordered by it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.imaging.volume import Mask

Areas = NDArray[np.float64]


class Involvement(StrEnum):
    """The class of a volume by the mean share of its slices (Qiblawey et al.)."""

    NONE = "CT-0"
    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"
    CRITICAL = "critical"


CUT_OFFS: Final = (0.25, 0.50, 0.75)
"""Mean shares from which a volume is moderate, severe and critical; mild is all below that is not nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class SliceAreas:
    """Areas of lung, and of the lesion within it, in each slice of the canonical volume, from foot to head."""

    lung_mm2: Areas
    lesion_mm2: Areas

    @property
    def shares(self) -> Areas:
        """The affected share of each slice, in [0, 1]; 0 where a slice has no lung."""
        return np.divide(self.lesion_mm2, self.lung_mm2, out=np.zeros(self.lung_mm2.shape), where=self.lung_mm2 > 0)

    @property
    def mean_share(self) -> float:
        """The mean share of the slices with lung: the "percentage of infection" of a volume; 0 without lung."""
        with_lung = self.lung_mm2 > 0
        return float(self.shares[with_lung].mean()) if with_lung.any() else 0.0

    @property
    def involvement(self) -> Involvement:
        """The class of `mean_share`; CT-0 only where there is no lesion at all."""
        if self.mean_share == 0:
            return Involvement.NONE
        return list(Involvement)[1 + bisect_right(CUT_OFFS, self.mean_share)]

    def positive(self, slice_mm2: float = 0.0) -> NDArray[np.bool_]:
        """Tell which slices have a lesion of at least `slice_mm2`; with 0, of one pixel."""
        return (self.lesion_mm2 > 0) & (self.lesion_mm2 >= slice_mm2)


def slice_areas(lesion: Mask, *lungs: Mask) -> SliceAreas:
    """Return the areas in each slice, of lungs that do not overlap; lesion outside them does not count."""
    lung, affected = np.zeros((2, lesion.geometry.shape[0]))
    for each in lungs:
        for index, (inside, sick) in enumerate(zip(each.voxels, lesion.voxels, strict=True)):
            if inside.any():
                lung[index] += np.count_nonzero(inside)
                affected[index] += np.count_nonzero(inside & sick)
    _, row_mm, column_mm = lesion.geometry.spacing_mm
    return SliceAreas(lung * row_mm * column_mm, affected * row_mm * column_mm)
