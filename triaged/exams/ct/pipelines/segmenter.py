"""Reads a chest CT with a network that only segments: lungs from one package, lesion from another (U-Nets).

Must not know what runs the networks. There is no probability of disease: such results are ranked by severity.
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
from triaged.inference.kinds.ct_segmenter import CtSegmenter


class SegmenterPipeline:
    """The `Pipeline` of a network that only segments.

    Raises:
        ModelRefused: the reader works on pixels that are not square.
    """

    def __init__(self, networks: CtSegmenter, options: CtOptions) -> None:
        self._pixel_mm = pixel_mm(networks.manifest.settings.spacing_mm)
        self._networks = networks
        self._options = options

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        """Return severity and masks; see `Pipeline`."""
        manifest, reader = self._networks.manifest, self._networks.reader
        coarse = Coarse.of(volume, self._pixel_mm)
        unit = to_unit(coarse.hu.voxels, *manifest.settings.window_hu)
        threshold = reader.manifest.settings.thresholds.lung
        probability = reader.lung_probability(unit)
        found = find_lungs(coarse.hu, probability, threshold, within_body(coarse.hu), acquisition)
        del probability
        lesions = self._networks.lesion_probability(unit[found.box.slices])
        del unit
        lungs = coarse.lungs(found, split(Mask(found.voxels, coarse.hu.geometry)))
        lesion = coarse.lesion(lesions, found.box, manifest.settings.lesion, lungs)
        verdict = Verdict(f"{manifest.name} {manifest.version}", None, None)
        return measure(volume, lungs, lesion, verdict, acquisition, self._options)
