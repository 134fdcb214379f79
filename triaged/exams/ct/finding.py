"""What is measured on a chest CT, as values; each number is defined in `study.concepts`."""

from __future__ import annotations

from dataclasses import KW_ONLY, astuple, dataclass
from typing import Final

from triaged.imaging.volume import Mask
from triaged.study.coding import Concept, Site
from triaged.study.concepts import (
    AFFECTED_SHARE,
    AFFECTED_VOLUME,
    CONSOLIDATION_SHARE,
    CONSOLIDATION_VOLUME,
    COVID_19,
    DENSE_SHARE,
    ENSEMBLE_SPREAD,
    GROUND_GLASS_SHARE,
    GROUND_GLASS_VOLUME,
    LEFT_LUNG,
    LUNG_VOLUME,
    LUNGS,
    LUNGS_VOLUME,
    MILD_PROBABILITY,
    NAT_PROBABILITY,
    RIGHT_LUNG,
    SEVERE_PROBABILITY,
    SEVERITY,
    SLICES_SHARE,
    SOLID_SHARE,
    SOLID_VOLUME,
    TOTAL_SHARE,
    WELL_AERATED_SHARE,
)
from triaged.study.finding import Finding, Grade, Measurement, QualityFlag, Suspicion

DENSE_HU: Final = -300
"""Lesion above this is counted as dense: solid rather than ground glass."""
GRADES: Final = "CT"
"""The scale of the computed grade: CT-0 to CT-4."""


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How the series was made, as far as the header says; None where it does not say.

    `repairs` is what had to be made up to read it at all.
    """

    slice_thickness_mm: float | None
    convolution_kernel: str | None
    contrast: bool | None
    age_years: float | None
    repairs: tuple[QualityFlag, ...] = ()


@dataclass(frozen=True, slots=True)
class Tissue:
    """What one lung, or both, are made of: volumes in mL, and shares in [0, 1] of that lung's volume.

    The lesion is consolidation and ground glass; well-aerated lung is any of -950 to -700 HU.
    """

    consolidation_ml: float
    ground_glass_ml: float
    consolidation_share: float
    ground_glass_share: float
    well_aerated_share: float

    @staticmethod
    def of(finding: Finding, site: Site) -> Tissue | None:
        """Return what a finding says a part is made of; None where it says nothing."""
        values = [finding.value(concept, site) for concept in _TISSUE]
        known = [value for value in values if value is not None]
        return Tissue(*known) if len(known) == len(values) else None

    def measurements(self, site: Site) -> tuple[Measurement, ...]:
        """Return the numbers, coded, as those of a part."""
        return tuple(Measurement(concept, value, site) for concept, value in zip(_TISSUE, astuple(self), strict=True))


_TISSUE: Final = (
    CONSOLIDATION_VOLUME,
    GROUND_GLASS_VOLUME,
    CONSOLIDATION_SHARE,
    GROUND_GLASS_SHARE,
    WELL_AERATED_SHARE,
)
"""The concepts of the fields of `Tissue`, in their order."""


@dataclass(frozen=True, slots=True)
class CtNumbers:
    """The numbers of one CT series: shares in [0, 1] of lung volume, volumes in mL.

    `severity` is the larger of the two lungs' shares (Goncharov et al., section 2.2). With `QualityFlag.SINGLE_LUNG`
    the per-lung values are None and `severity` is the total share. `dense_share` is the share of lesion volume above
    -300 HU, vessels included; `slices_share` the mean share of the slices with lung (Qiblawey et al.);
    `ensemble_spread` the share of lung on which the members of an ensemble disagree. The three probabilities are those
    of a multi-task network's other heads. None is what old results and other engines do not have, and the volume of
    solid bodies and fluid where there are none, with its share of the lungs and itself.
    """

    severity: float
    severity_right: float | None
    severity_left: float | None
    severity_total: float
    right_lung_ml: float | None
    left_lung_ml: float | None
    lungs_ml: float
    lesion_ml: float
    dense_share: float
    tissue_right: Tissue | None = None
    tissue_left: Tissue | None = None
    tissue_total: Tissue | None = None
    solid_ml: float | None = None
    solid_share: float | None = None
    slices_share: float | None = None
    ensemble_spread: float | None = None
    mild_probability: float | None = None
    severe_probability: float | None = None
    nat_probability: float | None = None

    @staticmethod
    def of(finding: Finding) -> CtNumbers:
        """Return the numbers of a finding that a CT gave; what an old result did not keep counts as 0."""
        value = finding.value
        return CtNumbers(
            severity=finding.urgency,
            severity_right=value(AFFECTED_SHARE, RIGHT_LUNG),
            severity_left=value(AFFECTED_SHARE, LEFT_LUNG),
            severity_total=value(TOTAL_SHARE, LUNGS) or 0.0,
            right_lung_ml=value(LUNG_VOLUME, RIGHT_LUNG),
            left_lung_ml=value(LUNG_VOLUME, LEFT_LUNG),
            lungs_ml=value(LUNGS_VOLUME) or 0.0,
            lesion_ml=value(AFFECTED_VOLUME) or 0.0,
            dense_share=value(DENSE_SHARE) or 0.0,
            tissue_right=Tissue.of(finding, RIGHT_LUNG),
            tissue_left=Tissue.of(finding, LEFT_LUNG),
            tissue_total=Tissue.of(finding, LUNGS),
            solid_ml=value(SOLID_VOLUME),
            solid_share=value(SOLID_SHARE),
            slices_share=value(SLICES_SHARE),
            ensemble_spread=value(ENSEMBLE_SPREAD),
            mild_probability=value(MILD_PROBABILITY),
            severe_probability=value(SEVERE_PROBABILITY),
            nat_probability=value(NAT_PROBABILITY),
        )

    def measurements(self) -> tuple[Measurement, ...]:
        """Return the numbers that there are, coded."""
        measured: tuple[tuple[Concept, float | None, Site | None], ...] = (
            (SEVERITY, self.severity, None),
            (AFFECTED_SHARE, self.severity_right, RIGHT_LUNG),
            (AFFECTED_SHARE, self.severity_left, LEFT_LUNG),
            (TOTAL_SHARE, self.severity_total, LUNGS),
            (LUNG_VOLUME, self.right_lung_ml, RIGHT_LUNG),
            (LUNG_VOLUME, self.left_lung_ml, LEFT_LUNG),
            (LUNGS_VOLUME, self.lungs_ml, None),
            (AFFECTED_VOLUME, self.lesion_ml, None),
            (DENSE_SHARE, self.dense_share, None),
            (SLICES_SHARE, self.slices_share, None),
            (ENSEMBLE_SPREAD, self.ensemble_spread, None),
            (SOLID_VOLUME, self.solid_ml, None),
            (SOLID_SHARE, self.solid_share, None),
        )
        tissue = ((RIGHT_LUNG, self.tissue_right), (LEFT_LUNG, self.tissue_left), (LUNGS, self.tissue_total))
        heads = (
            (MILD_PROBABILITY, self.mild_probability),
            (SEVERE_PROBABILITY, self.severe_probability),
            (NAT_PROBABILITY, self.nat_probability),
        )
        return (
            *(Measurement(concept, value, site) for concept, value, site in measured if value is not None),
            *(number for site, made_of in tissue if made_of for number in made_of.measurements(site)),
            *(Measurement(concept, value) for concept, value in heads if value is not None),
        )


@dataclass(frozen=True, slots=True, eq=False)
class LungAnalysis:
    """A finding with the masks it was counted on, all on the volume's own canonical grid.

    In single-lung mode `right_lung` is the whole lung region and `left_lung` is empty. `consolidation` is the solid
    part of the lesion; `disputed` is lung on whose disease the members of an ensemble disagree, None where one
    engine read alone. `slice_mm2` is the area of lesion from which the engine calls a slice positive.
    """

    finding: Finding
    right_lung: Mask
    left_lung: Mask
    lesion: Mask
    consolidation: Mask
    _: KW_ONLY
    disputed: Mask | None = None
    slice_mm2: float = 0.0

    @property
    def lungs(self) -> Mask:
        """Both lungs as one region."""
        return Mask(self.right_lung.voxels | self.left_lung.voxels, self.right_lung.geometry)


def ct_finding(
    numbers: CtNumbers,
    *,
    grade: int,
    engine: str,
    identification: float | None = None,
    identification_threshold: float | None = None,
    quality: tuple[QualityFlag, ...] = (),
) -> Finding:
    """Return what a chest CT measures, and the probability of COVID-19 where there is one; `grade` is 0 to 4 (CT-4)."""
    suspicion = None
    if identification is not None:
        suspicion = Suspicion(COVID_19, identification, identification_threshold)
    return Finding(numbers.severity, suspicion, numbers.measurements(), Grade(grade, GRADES), engine, quality)
