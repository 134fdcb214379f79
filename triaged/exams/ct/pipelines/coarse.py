"""Puts a CT on the grid that networks look at, finds the lungs there, and takes what was found back; knows no network.

In plane everything happens on square pixels; slices stay as they are, but thin ones are averaged to slabs. Masks return
to the volume's own grid before anything is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.errors import ModelRefused
from triaged.exams.ct.finding import Acquisition
from triaged.exams.ct.pipelines.airway import central_airway
from triaged.exams.ct.pipelines.classical import aerated_lung
from triaged.exams.ct.pipelines.lungs import fill_holes, keep_lungs
from triaged.exams.ct.pipelines.measure import LUNGS_ML, Lungs, body_ml, demand_lungs
from triaged.exams.ct.pipelines.native import Probability, lesion_on, lungs_on
from triaged.exams.ct.pipelines.slabs import Slabs, slabs_of
from triaged.exams.ct.pipelines.split import Split
from triaged.imaging.geometry import Box, Geometry
from triaged.imaging.regions import bounding_box
from triaged.imaging.resample import resample_in_plane
from triaged.imaging.volume import Mask, Volume
from triaged.study.finding import QualityFlag

MISSED_SHARE: Final = 0.15
"""Share of aerated lung that a lung network may leave out; the rim of one pixel alone is a twentieth to a tenth."""


@dataclass(frozen=True, slots=True, eq=False)
class LungRegion:
    """The lungs on slabs: their voxels, the box around them, and what is to be noted.

    `probability` tells where their border runs between voxels: at 0.5.
    """

    voxels: NDArray[np.bool_]
    box: Box
    probability: Probability
    notes: tuple[QualityFlag, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Coarse:
    """A volume as slabs of square pixels, `hu`; `fine` is their grid before slices were joined, `native` its own."""

    hu: Volume
    slabs: Slabs
    fine: Geometry
    native: Geometry

    @staticmethod
    def of(volume: Volume, pixel_mm: float) -> Coarse:
        """Return a canonical volume on pixels of this size."""
        fine = resample_in_plane(volume, pixel_mm)
        slabs = slabs_of(fine.geometry)
        return Coarse(slabs.average(fine), slabs, fine.geometry, volume.geometry)

    def lungs(self, found: LungRegion, sides: Split) -> Lungs:
        """Return both lungs on the volume's own grid; `sides` names those of the region."""
        count = self.fine.shape[0]
        labels = Split(self.slabs.repeated(sides.labels, count), sides.method)
        return lungs_on(self.native, labels, self.slabs.mixed(found.probability, count), self.fine, found.notes)

    def lesion(self, probability: Probability, box: Box, threshold: float, lungs: Lungs) -> Mask:
        """Return on the volume's own grid where a probability, given in a box of slabs, is lesion in lungs."""
        fine_box = self.slabs.box_of_slices(box)
        values = self.slabs.repeated(probability, fine_box.shape[0])
        return lesion_on(self.native, values, self.fine.crop(fine_box), threshold, lungs)


def pixel_mm(spacing_mm: tuple[float, float]) -> float:
    """Return the side of square pixels; raise ModelRefused where they are not square."""
    row_mm, column_mm = spacing_mm
    if row_mm != column_mm:
        raise ModelRefused(f"spacing_mm: expected square pixels, found {row_mm} x {column_mm} mm")
    return row_mm


def find_lungs(
    hu: Volume, probability: Probability, threshold: float, within: NDArray[np.bool_], acquisition: Acquisition
) -> LungRegion:
    """Return the lungs of slabs by a network's probability, `within` the body.

    Severity refers to all of the lung: where the network leaves out lung that is plainly aerated, air within the body
    completes it.

    Raises:
        UnreadableStudy: as `demand_lungs`.
    """
    probability = probability + np.float32(0.5 - threshold)
    airway = central_airway(hu)
    region = keep_lungs((probability >= 0.5) & ~airway, within)
    notes: tuple[QualityFlag, ...] = ()
    aerated = aerated_lung(hu, airway, within)
    if _misses(region, aerated, hu.geometry.voxel_ml):
        region = keep_lungs(region | aerated, within)
        notes = (QualityFlag.LUNGS_COMPLETED,)
    _, row_mm, column_mm = hu.geometry.spacing_mm
    region = fill_holes(region, row_mm * column_mm)
    demand_lungs(Mask(region, hu.geometry), body_ml(hu), acquisition)
    box = bounding_box(region)
    assert box is not None  # there are lungs
    return LungRegion(region, box, probability, notes)


def joined(found: LungRegion, more: NDArray[np.bool_]) -> LungRegion:
    """Return the lungs with more voxels, which count as wholly lung."""
    if not more.any():
        return found
    voxels = found.voxels | more
    box = bounding_box(voxels)
    assert box is not None  # there are lungs
    return LungRegion(voxels, box, np.where(more, np.float32(1), found.probability), found.notes)


def _misses(region: NDArray[np.bool_], aerated: NDArray[np.bool_], voxel_ml: float) -> bool:
    expected = int(np.count_nonzero(aerated))
    missed = int(np.count_nonzero(aerated & ~region))
    return expected * voxel_ml >= LUNGS_ML[0] and missed > MISSED_SHARE * expected
