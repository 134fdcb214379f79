"""Reads a chest CT with the networks of a model package (Multitask-Spatial-1 of Goncharov et al.).

Must not know what runs the networks. In plane everything happens at the package's spacing; slices stay as they are, but
thin ones are averaged to slabs; the lung mask is not multiplied into the image; masks return to the volume's own grid
before anything is counted.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.errors import ModelRefused
from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.airway import central_airway
from triaged.exams.ct.pipelines.body import within_body
from triaged.exams.ct.pipelines.classical import aerated_lung
from triaged.exams.ct.pipelines.lungs import fill_holes, keep_lungs
from triaged.exams.ct.pipelines.measure import LUNGS_ML, Verdict, body_ml, demand_lungs, measure
from triaged.exams.ct.pipelines.native import Probability, lesion_on, lungs_on
from triaged.exams.ct.pipelines.slabs import slabs_of
from triaged.exams.ct.pipelines.split import Split, split
from triaged.exams.ct.window import to_unit
from triaged.imaging.regions import bounding_box
from triaged.imaging.resample import resample_in_plane
from triaged.imaging.volume import Mask, Volume
from triaged.inference.kinds.ct_multitask import CtNetworks
from triaged.study.finding import QualityFlag

MISSED_SHARE: Final = 0.15
"""Share of aerated lung that a lung network may leave out; the rim of one pixel alone is a twentieth to a tenth."""


class CtPipeline:
    """The `Pipeline` of a model package.

    Raises:
        ModelRefused: the package works on pixels that are not square.
    """

    def __init__(self, networks: CtNetworks, options: CtOptions) -> None:
        row_mm, column_mm = networks.manifest.settings.spacing_mm
        if row_mm != column_mm:
            raise ModelRefused(f"spacing_mm: expected square pixels, found {row_mm} x {column_mm} mm")
        self._networks = networks
        self._options = options

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        """Return scores and masks; see `Pipeline`."""
        manifest = self._networks.manifest
        settings = manifest.settings
        fine = resample_in_plane(volume, settings.spacing_mm[0])
        slabs = slabs_of(fine.geometry)
        grid, hu = fine.geometry, slabs.average(fine)
        del fine
        unit = to_unit(hu.voxels, *settings.window_hu)
        region, probability, notes = self._lungs(hu, unit)
        demand_lungs(Mask(region, hu.geometry), body_ml(hu), acquisition)
        box = bounding_box(region)
        assert box is not None  # there are lungs
        maps = self._networks.lesions(unit[box.slices])
        identification = self._networks.identification(maps.cells)
        del unit
        sides = split(Mask(region, hu.geometry))
        sides = Split(slabs.repeated(sides.labels, grid.shape[0]), sides.method)
        lungs = lungs_on(volume.geometry, sides, slabs.mixed(probability, grid.shape[0]), grid, notes)
        fine_box = slabs.box_of_slices(box)
        lesions = slabs.repeated(maps.probability, fine_box.shape[0])
        lesion = lesion_on(volume.geometry, lesions, grid.crop(fine_box), settings.thresholds.lesion, lungs)
        verdict = Verdict(f"{manifest.name} {manifest.version}", identification, settings.thresholds.identification)
        return measure(volume, lungs, lesion, verdict, acquisition, self._options)

    def _lungs(
        self, hu: Volume, unit: NDArray[np.float32]
    ) -> tuple[NDArray[np.bool_], Probability, tuple[QualityFlag, ...]]:
        """Return the lung region, the probability that tells where its border runs (at 0.5), and what is to be noted.

        Severity refers to all of the lung: where the network leaves out lung that is plainly aerated, air within the
        body completes it.
        """
        threshold = self._networks.manifest.settings.thresholds.lung
        probability = self._networks.lung_probability(unit) + np.float32(0.5 - threshold)
        airway, within = central_airway(hu), within_body(hu)
        region = keep_lungs((probability >= 0.5) & ~airway, within)
        notes: tuple[QualityFlag, ...] = ()
        aerated = aerated_lung(hu, airway, within)
        if _misses(region, aerated, hu.geometry.voxel_ml):
            region = keep_lungs(region | aerated, within)
            notes = (QualityFlag.LUNGS_COMPLETED,)
        _, row_mm, column_mm = hu.geometry.spacing_mm
        return fill_holes(region, row_mm * column_mm), probability, notes


def _misses(region: NDArray[np.bool_], aerated: NDArray[np.bool_], voxel_ml: float) -> bool:
    expected = int(np.count_nonzero(aerated))
    missed = int(np.count_nonzero(aerated & ~region))
    return expected * voxel_ml >= LUNGS_ML[0] and missed > MISSED_SHARE * expected
