"""What a pipeline found in one series; numbers and masks, no order and no DICOM."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from triaged.imaging.volume import Mask

DENSE_HU: Final = -300
"""Lesion above this is counted as dense: solid rather than ground glass."""


class QualityFlag(StrEnum):
    """A circumstance that makes the numbers less certain; shown beside them and never hidden."""

    SINGLE_LUNG = "single-lung"
    LUNG_VOLUME = "lung-volume-out-of-range"
    LUNG_TOUCHES_EDGE = "lung-touches-edge"
    THICK_SLICES = "thick-slices"
    CONTRAST = "contrast"
    PAEDIATRIC = "paediatric"
    ANISOTROPIC_SPLIT = "lungs-split-by-clustering"
    LUNGS_COMPLETED = "lungs-completed-by-threshold"
    SECOND_SERIES_DISAGREES = "second-series-disagrees"


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How the series was made, as far as the header says; None where it does not say."""

    slice_thickness_mm: float | None
    convolution_kernel: str | None
    contrast: bool | None
    age_years: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Scores and measurements of one CT series.

    Shares are in [0, 1] of lung volume; `severity` is the larger of the two lungs' shares (Goncharov et al., section
    2.2). `identification` is the probability of COVID-19, or None where the engine has none (thresholding). With
    `QualityFlag.SINGLE_LUNG` the per-lung values are None and `severity` is the total share. `dense_share` is the share
    of lesion volume above -300 HU. `grade` is 0..4 (computed CT-0 ... CT-4).
    """

    identification: float | None
    severity: float
    severity_right: float | None
    severity_left: float | None
    severity_total: float
    right_lung_ml: float | None
    left_lung_ml: float | None
    lungs_ml: float
    lesion_ml: float
    dense_share: float
    grade: int
    engine: str
    identification_threshold: float | None
    quality: tuple[QualityFlag, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A finding with the masks it was counted on, all on the volume's own canonical grid.

    In single-lung mode `right_lung` holds the whole lung region and `left_lung` is empty.
    """

    finding: Finding
    right_lung: Mask
    left_lung: Mask
    lesion: Mask
