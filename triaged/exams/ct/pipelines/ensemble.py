"""Reads a chest CT with an ensemble: lungs and probability from one package, lesion by the vote of all members.

Must not know what runs the networks, nor how votes are counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.body import within_body
from triaged.exams.ct.pipelines.coarse import Coarse, LungRegion, find_lungs, joined, pixel_mm
from triaged.exams.ct.pipelines.measure import Verdict, measure
from triaged.exams.ct.pipelines.native import Probability
from triaged.exams.ct.pipelines.planes import Block, answered
from triaged.exams.ct.pipelines.sides import cube_of, dense_lung, disagree, named_lungs
from triaged.exams.ct.pipelines.split import Split, split
from triaged.exams.ct.window import to_unit
from triaged.imaging.volume import Mask, Volume
from triaged.inference.kinds.ct_ensemble import CtEnsemble
from triaged.inference.kinds.ct_lungs import CUBE
from triaged.inference.kinds.reader import READER
from triaged.inference.vote import disputed, elected
from triaged.study.finding import QualityFlag


class EnsemblePipeline:
    """The `Pipeline` of an ensemble.

    Raises:
        ModelRefused: the reader works on pixels that are not square.
    """

    def __init__(self, networks: CtEnsemble, options: CtOptions) -> None:
        self._pixel_mm = pixel_mm(networks.reader.manifest.settings.spacing_mm)
        self._networks = networks
        self._options = options

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        """Return scores and masks; see `Pipeline`."""
        manifest, settings = self._networks.manifest, self._networks.reader.manifest.settings
        coarse = Coarse.of(volume, self._pixel_mm)
        unit = to_unit(coarse.hu.voxels, *settings.window_hu)
        probability = self._networks.reader.lung_probability(unit)
        found = find_lungs(coarse.hu, probability, settings.thresholds.lung, within_body(coarse.hu), acquisition)
        found, sides = self._checked(found, coarse.hu)
        seen = unit[found.box.slices]
        del unit, probability
        maps, identification = self._maps(seen, coarse.hu.geometry.spacing_mm[0])
        lungs = coarse.lungs(found, sides)
        regions = elected(manifest.settings.vote, maps), disputed(self._networks.thresholds, maps)
        lesion, unsure = (coarse.lesion(one.astype(np.float32), found.box, 0.5, lungs) for one in regions)
        verdict = Verdict(f"{manifest.name} {manifest.version}", identification, settings.thresholds.identification)
        return measure(volume, lungs, lesion, verdict, acquisition, self._options, unsure)

    def _checked(self, found: LungRegion, hu: Volume) -> tuple[LungRegion, Split]:
        """Return lungs and sides; with networks that know right from left, dense lung joins, and sides are compared."""
        networks = self._networks.lungs
        if networks is None:
            return found, split(Mask(found.voxels, hu.geometry))
        settings = networks.manifest.settings
        classes = networks.classes(to_unit(cube_of(hu, CUBE), *settings.window_hu))
        named = named_lungs(classes, settings.lung, hu.geometry.shape)
        found = joined(found, dense_lung(hu, found.voxels, named))
        sides = split(Mask(found.voxels, hu.geometry))
        if disagree(sides, named):
            found = replace(found, notes=(*found.notes, QualityFlag.SIDES_DISAGREE))
        return found, sides

    def _maps(self, seen: Block, slice_mm: float) -> tuple[Mapping[str, Probability], float]:
        """Return the lesion maps of all who vote, by name, and the probability of disease."""
        of_reader = self._networks.reader.lesions(seen)
        identification = self._networks.reader.identification(of_reader.cells)
        maps: dict[str, Probability] = {READER: of_reader.probability}
        for name, member in self._networks.members.items():
            plane = member.manifest.settings.plane
            maps[name] = answered(member.probability, plane, seen, slice_mm, self._pixel_mm)
        return {name: maps[name] for name in self._networks.manifest.settings.members}, identification
