"""Measures the masks of one series: shares, volumes, grade and quality flags.

Must not know how the masks came about. Everything is counted on the volume's own grid; a share is never reported where
the lungs it refers to are not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from triaged.errors import UnreadableStudy
from triaged.exams.ct.finding import DENSE_HU, Acquisition, CtNumbers, LungAnalysis, ct_finding
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.solid import solid_in
from triaged.exams.ct.pipelines.split import SplitMethod
from triaged.exams.ct.pipelines.tissue import Composition, consolidation, is_shallow
from triaged.exams.ct.slices import slice_areas
from triaged.imaging.volume import Mask, Volume
from triaged.study.assessment import ReasonCode
from triaged.study.finding import QualityFlag

LUNGS_ML: Final = (1000.0, 10_000.0)
"""Volumes that the lungs of an adult have."""
NO_LUNGS_ML: Final = 50.0
BODY_ML: Final = 2000.0
SOFT_TISSUE_HU: Final = -200
EDGE_SHARE: Final = 0.2
THICK_MM: Final = 5.0
CUT_OFF_SHARE: Final = 0.4
"""Share of the lungs' largest cross-section that, on the first or last slice, means that lung lies beyond it.

On three whole chests 4 to 7 % of the lungs lay beyond such a slice at the base and 3 to 6 % at the apex; beyond one of
0.2, where an ordinary scan may end, 1 to 4 %.
"""
CHEST_MM: Final = 300.0
ADULT_YEARS: Final = 18.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an engine says about a series beside the masks; None where it says nothing.

    `slice_mm2` is the area of lesion from which it calls a slice positive.
    """

    engine: str
    identification: float | None
    identification_threshold: float | None
    slice_mm2: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Lungs:
    """Both lungs on the volume's own grid; in single-lung mode `right` is all of them."""

    right: Mask
    left: Mask
    method: SplitMethod
    notes: tuple[QualityFlag, ...] = ()


def demand_lungs(lungs: Mask, body_ml: float, acquisition: Acquisition) -> None:
    """Return only where there are lungs enough to refer a share to.

    A child's lungs may be small; where the age is unknown, an adult's are expected. Of a part of the chest, so much is
    expected as it is long.

    Raises:
        UnreadableStudy: `no-lungs`, or `lung-not-segmented` where an adult's body shows too little lung: dense disease
            is exactly what breaks lung masks (ordering specification, section 2.3.4).
    """
    lungs_ml, expected_ml = lungs.volume_ml, LUNGS_ML[0]
    if are_cut_off(lungs):
        expected_ml *= min(1.0, lungs.geometry.shape[0] * lungs.geometry.spacing_mm[0] / CHEST_MM)
    if lungs_ml < NO_LUNGS_ML:
        detail = f"expected at least {NO_LUNGS_ML:.0f} mL of lung in view, found {lungs_ml:.0f} mL"
        raise UnreadableStudy(ReasonCode.NO_LUNGS, detail)
    if lungs_ml < expected_ml and body_ml >= BODY_ML and not _is_child(acquisition):
        detail = f"expected at least {expected_ml:.0f} mL of lung in an adult, found {lungs_ml:.0f} mL"
        raise UnreadableStudy(ReasonCode.LUNG_NOT_SEGMENTED, detail)


def body_ml(hu: Volume) -> float:
    """Return the volume of soft tissue and bone in view."""
    return int(np.count_nonzero(hu.voxels > SOFT_TISSUE_HU)) * hu.geometry.voxel_ml


def are_cut_off(*lungs: Mask) -> bool:
    """Tell whether the scan begins or ends amid the lungs, so that a part of them was not seen."""
    slices = zip(*(lung.voxels for lung in lungs), strict=True)
    areas = [sum(int(np.count_nonzero(plane)) for plane in planes) for planes in slices]
    return max(areas[0], areas[-1]) >= max(1.0, CUT_OFF_SHARE * max(areas))


def measure(
    volume: Volume,
    lungs: Lungs,
    lesion: Mask,
    verdict: Verdict,
    acquisition: Acquisition,
    options: CtOptions,
    disputed: Mask | None = None,
) -> LungAnalysis:
    """Return the finding that the masks amount to, with the masks; `lesion` and `disputed` lie within the lungs.

    Severity is the larger of both lungs' lesion shares (Goncharov et al., section 2.2), in single-lung mode the share
    of all lung.
    """
    voxel_ml = volume.geometry.voxel_ml
    dense = consolidation(volume, lesion)
    right, left = (Composition.of(volume, lung, lesion, dense) for lung in (lungs.right, lungs.left))
    single = lungs.method is SplitMethod.SINGLE or not right.lung or not left.lung
    total = right + left
    severity = total.affected_share if single else max(right.affected_share, left.affected_share)
    bodies = solid_in(volume, lungs.right, lungs.left, lesion)
    numbers = CtNumbers(
        severity=severity,
        severity_right=None if single else right.affected_share,
        severity_left=None if single else left.affected_share,
        severity_total=total.affected_share,
        right_lung_ml=None if single else right.lung * voxel_ml,
        left_lung_ml=None if single else left.lung * voxel_ml,
        lungs_ml=total.lung * voxel_ml,
        lesion_ml=total.lesion * voxel_ml,
        dense_share=_dense_share(volume, lesion),
        tissue_right=None if single else right.tissue(voxel_ml),
        tissue_left=None if single else left.tissue(voxel_ml),
        tissue_total=total.tissue(voxel_ml),
        solid_ml=bodies.ml if bodies else None,
        solid_share=bodies.share if bodies else None,
        slices_share=slice_areas(lesion, lungs.right, lungs.left).mean_share,
        ensemble_spread=None if disputed is None else int(np.count_nonzero(disputed.voxels)) / max(1, total.lung),
    )
    finding = ct_finding(
        numbers,
        grade=sum(severity >= cut_off for cut_off in options.grade_cut_offs),
        engine=verdict.engine,
        identification=verdict.identification,
        identification_threshold=verdict.identification_threshold,
        quality=_quality(volume, lungs, lesion, numbers, acquisition),
    )
    return LungAnalysis(finding, lungs.right, lungs.left, lesion, dense, disputed=disputed, slice_mm2=verdict.slice_mm2)


def _dense_share(volume: Volume, lesion: Mask) -> float:
    dense = whole = 0
    for hu, inside in zip(volume.voxels, lesion.voxels, strict=True):
        found = hu[inside]
        whole += found.size
        dense += int(np.count_nonzero(found > DENSE_HU))
    return dense / whole if whole else 0.0


def _quality(
    volume: Volume, lungs: Lungs, lesion: Mask, numbers: CtNumbers, acquisition: Acquisition
) -> tuple[QualityFlag, ...]:
    thickness_mm = acquisition.slice_thickness_mm or volume.geometry.spacing_mm[0]
    by_clustering = lungs.method in (SplitMethod.CLUSTERING, SplitMethod.WATERSHED)
    single = lungs.method is SplitMethod.SINGLE or not lungs.left.voxels.any()
    raised = {
        QualityFlag.SINGLE_LUNG: single,
        QualityFlag.LUNG_VOLUME: not LUNGS_ML[0] <= numbers.lungs_ml <= LUNGS_ML[1],
        QualityFlag.LUNG_TOUCHES_EDGE: _edge_share(lungs) > EDGE_SHARE,
        QualityFlag.THICK_SLICES: thickness_mm >= THICK_MM,
        QualityFlag.CONTRAST: acquisition.contrast is True,
        QualityFlag.PAEDIATRIC: _is_child(acquisition),
        QualityFlag.ANISOTROPIC_SPLIT: by_clustering and not single,
        QualityFlag.LUNGS_CUT_OFF: are_cut_off(lungs.right, lungs.left),
        QualityFlag.SOLID_OR_FLUID: numbers.solid_ml is not None,
        QualityFlag.SHALLOW_BREATH: is_shallow(volume, lungs.right, lungs.left, lesion),
    }
    noted = (*lungs.notes, *acquisition.repairs)
    return tuple(flag for flag in QualityFlag if raised.get(flag, False) or flag in noted)


def _edge_share(lungs: Lungs) -> float:
    """Return on how many of the slices with lung it touches the image's edge."""
    with_lung = touching = 0
    for right, left in zip(lungs.right.voxels, lungs.left.voxels, strict=True):
        edges = [mask[edge] for mask in (right, left) for edge in ((0,), (-1,), (slice(None), 0), (slice(None), -1))]
        with_lung += bool(right.any() or left.any())
        touching += any(bool(edge.any()) for edge in edges)
    return touching / with_lung if with_lung else 0.0


def _is_child(acquisition: Acquisition) -> bool:
    return acquisition.age_years is not None and acquisition.age_years < ADULT_YEARS
