"""Reads a chest CT with the networks of a model package (Multitask-Spatial-1 of Goncharov et al.).

Must not know what runs the networks. The lung mask is not multiplied into the image.
"""

from __future__ import annotations

from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.body import within_body
from triaged.exams.ct.pipelines.coarse import Coarse, find_lungs, pixel_mm
from triaged.exams.ct.pipelines.measure import Verdict, measure
from triaged.exams.ct.pipelines.split import split
from triaged.exams.ct.window import to_unit
from triaged.imaging.volume import Mask, Volume
from triaged.inference.kinds.ct_multitask import CtNetworks, LungsAhead


class CtPipeline:
    """The `Pipeline` of a model package.

    Raises:
        ModelRefused: the package works on pixels that are not square.
    """

    def __init__(self, networks: CtNetworks, options: CtOptions) -> None:
        self._pixel_mm = pixel_mm(networks.manifest.settings.spacing_mm)
        self._networks = networks
        self._options = options

    def prepare(self, volume: Volume) -> None:
        """Look for lungs on a part of a volume, as far as slices show them one by one; see `Preparing`."""
        if isinstance(self._networks, LungsAhead):
            hu = Coarse.of(volume, self._pixel_mm).hu
            self._networks.prepare(to_unit(hu.voxels, *self._networks.manifest.settings.window_hu))

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        """Return scores and masks; see `Pipeline`."""
        manifest = self._networks.manifest
        thresholds = manifest.settings.thresholds
        coarse = Coarse.of(volume, self._pixel_mm)
        unit = to_unit(coarse.hu.voxels, *manifest.settings.window_hu)
        probability = self._networks.lung_probability(unit)
        found = find_lungs(coarse.hu, probability, thresholds.lung, within_body(coarse.hu), acquisition)
        maps = self._networks.lesions(unit[found.box.slices])
        identification = self._networks.identification(maps.cells)
        del unit, probability
        lungs = coarse.lungs(found, split(Mask(found.voxels, coarse.hu.geometry)))
        lesion = coarse.lesion(maps.probability, found.box, thresholds.lesion, lungs)
        verdict = Verdict(f"{manifest.name} {manifest.version}", identification, thresholds.identification)
        return measure(volume, lungs, lesion, verdict, acquisition, self._options)
