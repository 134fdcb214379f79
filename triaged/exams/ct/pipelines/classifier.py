"""Reads a chest CT with a reader, and gives the probability of disease by a classifier of what it found.

Must not know what runs the networks. What moved the probability of trees most is told by asking them again, each time
with one feature at its middle. A network that sees slices takes the place of the reader's own identification.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import structlog

from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.networks import CtPipeline
from triaged.exams.ct.radiomics.features import Features, NoFeatures, features_of_lungs
from triaged.exams.ct.radiomics.lesions import lesion_features
from triaged.imaging.volume import Volume
from triaged.inference.kinds.ct_classifier import CtClassifier
from triaged.inference.kinds.slice_classifier import CtSliceClassifier
from triaged.study.concepts import COVID_19
from triaged.study.finding import Finding, Measurement, QualityFlag, Suspicion
from triaged.study.radiomics import FEATURES, LESION_FEATURES, MOVED_BY, RADIOMICS

TOLD: Final = 3
"""So many features are named as those that moved the probability most."""

log = structlog.get_logger()


def classifier_pipeline(
    networks: CtClassifier | CtSliceClassifier, options: CtOptions
) -> CtPipeline | ClassifierPipeline:
    """Return what reads a CT with a classifier, by what that sees; raise ModelRefused as both do."""
    if isinstance(networks, CtSliceClassifier):
        return CtPipeline(networks, options)
    return ClassifierPipeline(networks, options)


class ClassifierPipeline:
    """The `Pipeline` of trees on features.

    Raises:
        ModelRefused: the reader works on pixels that are not square.
    """

    def __init__(self, networks: CtClassifier, options: CtOptions) -> None:
        self._reader = CtPipeline(networks.reader, options)
        self._networks = networks

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        """Return scores and masks; see `Pipeline`."""
        reading = self._reader.read(volume, acquisition)
        manifest = self._networks.manifest
        finding = replace(reading.finding, engine=f"{manifest.name} {manifest.version}")
        found = self._features(volume, reading)
        if isinstance(found, NoFeatures):
            log.warning("no radiomic features: the probability is that of the reader alone", reason=found.reason)
            finding = replace(finding, quality=(*finding.quality, QualityFlag.FEATURES_MISSING))
        else:
            finding = self._judged(finding, found)
        return replace(reading, finding=finding)

    def _features(self, volume: Volume, reading: LungAnalysis) -> Features | NoFeatures:
        """Return the features of the families that the trees use; those of lesions that are not there are left out."""
        wanted = self._networks.manifest.settings.features
        found: dict[str, float] = {}
        if any(name in RADIOMICS for name in wanted):
            of_lungs = features_of_lungs(volume, reading.lungs)
            if isinstance(of_lungs, NoFeatures):
                return of_lungs
            found |= of_lungs
        if any(name in LESION_FEATURES for name in wanted):
            found |= lesion_features(volume, reading.right_lung, reading.left_lung, reading.lesion)
        return {name: found[name] for name in wanted if name in found}

    def _judged(self, finding: Finding, used: Features) -> Finding:
        """Return a finding with the trees' probability, the features that it rests on, and what moved it most."""
        settings = self._networks.manifest.settings
        probability, moved = influences(self._networks, used)
        strongest = sorted(moved, key=lambda name: -abs(moved[name]))[:TOLD]
        return replace(
            finding,
            suspicion=Suspicion(COVID_19, probability, settings.identification),
            measurements=(
                *finding.measurements,
                *(Measurement(FEATURES[name], value) for name, value in used.items()),
                *(Measurement(MOVED_BY[name], moved[name]) for name in strongest),
            ),
        )


def influences(networks: CtClassifier, used: Features) -> tuple[float, dict[str, float]]:
    """Return the probability of disease of these features, and how much higher it is than with each at its middle.

    A feature that is not there has its middle, and moves nothing.
    """
    middles = networks.manifest.settings.features
    own = np.array([used.get(name, middle) for name, middle in middles.items()], dtype=np.float32)
    rows = np.tile(own, (len(own) + 1, 1))
    for column, middle in enumerate(middles.values()):
        rows[column + 1, column] = middle
    probability, *others = (float(each) for each in networks.probabilities(rows))
    moved = zip(middles, others, strict=True)
    return probability, {name: probability - other for name, other in moved if name in used}
