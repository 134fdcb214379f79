"""Reads a chest CT with a reader, and asks the heads of a multi-task network about the lungs that it found.

Must not know what runs the networks. Severity is the reader's: the share of the lungs that is affected; what the head
of severity says are probabilities beside it. A head that the package does not have says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import structlog

from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.lung_box import Sight, lungs_in_box
from triaged.exams.ct.pipelines.networks import CtPipeline
from triaged.exams.ct.radiomics.features import Features, NoFeatures, features_of_lungs
from triaged.imaging.volume import Volume
from triaged.inference.kinds.ct_mtl import CT, NAT, SEVERITY, CtMtl, Told
from triaged.study.coding import Concept
from triaged.study.concepts import COVID_19, MILD_PROBABILITY, NAT_PROBABILITY, SEVERE_PROBABILITY
from triaged.study.finding import Measurement, QualityFlag, Suspicion
from triaged.study.radiomics import RADIOMICS

SHOWN: Final[Mapping[str, Mapping[int, Concept]]] = {
    SEVERITY: {1: MILD_PROBABILITY, 2: SEVERE_PROBABILITY},
    NAT: {1: NAT_PROBABILITY},
}
"""The classes of each head that are shown; those that follow from them are not."""

log = structlog.get_logger()


class MtlPipeline:
    """The `Pipeline` of a multi-task network.

    Raises:
        ModelRefused: the reader works on pixels that are not square.
    """

    def __init__(self, networks: CtMtl, options: CtOptions) -> None:
        settings = networks.manifest.settings
        self._reader = CtPipeline(networks.reader, options)
        self._networks = networks
        self._sight = Sight(settings.box, settings.grid_mm, settings.window_hu)

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        """Return scores and masks; see `Pipeline`."""
        reading = self._reader.read(volume, acquisition)
        features, quality = self._features(volume, reading), reading.finding.quality
        if features is None:
            quality = (*quality, QualityFlag.FEATURES_MISSING)
        lungs = lungs_in_box(volume.voxels, reading.lungs.voxels, volume.geometry.spacing_mm, self._sight)
        told = self._networks.tell(lungs, features)
        used = (Measurement(RADIOMICS[name], value) for name, value in (features or {}).items())
        manifest = self._networks.manifest
        finding = replace(
            reading.finding,
            suspicion=self._suspicion(told),
            measurements=(*reading.finding.measurements, *_shown(told), *used),
            engine=f"{manifest.name} {manifest.version}",
            quality=quality,
        )
        return replace(reading, finding=finding)

    def _features(self, volume: Volume, reading: LungAnalysis) -> Features | None:
        """Return the features that the network takes, none where it takes none; None where they cannot be computed."""
        names = self._networks.manifest.settings.features
        found = features_of_lungs(volume, reading.lungs) if names else {}
        if isinstance(found, NoFeatures):
            log.warning("no radiomic features: the network takes each at its mean", reason=found.reason)
            return None
        return {name: found[name] for name in names}

    def _suspicion(self, told: Told) -> Suspicion | None:
        identifying = self._networks.manifest.settings.identifying
        return None if identifying is None else Suspicion(COVID_19, float(told[CT][1]), identifying.threshold)


def _shown(told: Told) -> tuple[Measurement, ...]:
    return tuple(
        Measurement(concept, float(told[head][number]))
        for head, classes in SHOWN.items()
        if head in told
        for number, concept in classes.items()
    )
