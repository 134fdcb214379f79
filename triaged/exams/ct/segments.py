"""Names the regions of a reading as segments, coded by SNOMED CT; knows nothing of frames or of how masks are kept."""

from __future__ import annotations

import numpy as np
from pydicom.sr.coding import Code

from triaged.exams.ct.finding import DENSE_HU, LungAnalysis
from triaged.imaging.volume import Mask, Volume
from triaged.results import codes
from triaged.results.provenance import Provenance
from triaged.results.segment import Region, Segment
from triaged.study.concepts import LEFT_LUNG, LUNGS, RIGHT_LUNG

_RIGHT_LUNG, _LEFT_LUNG, _LUNG = (codes.of(site.code) for site in (RIGHT_LUNG, LEFT_LUNG, LUNGS))
_LESION = Code("52988006", "SCT", "Lesion")
_CONSOLIDATION = Code("9656002", "SCT", "Consolidation")
_ANATOMY, _ABNORMAL = codes.ANATOMICAL_STRUCTURE, codes.ABNORMAL_STRUCTURE
_NOT_SPLIT = "Both lungs, which could not be told apart"
_LESION_IS = "Lung that the algorithm takes for affected"
_DENSE_IS = f"Part of the lung opacity above {DENSE_HU} HU: told by density alone, no diagnosis of consolidation"

_LUNGS = Region("Lungs", _NOT_SPLIT, _ANATOMY, _LUNG, _LUNG, (40000, 29000, 19000))
_RIGHT = Region("Right lung", "Right lung", _ANATOMY, _RIGHT_LUNG, _RIGHT_LUNG, (40000, 29000, 19000))
_LEFT = Region("Left lung", "Left lung", _ANATOMY, _LEFT_LUNG, _LEFT_LUNG, (40000, 36000, 22000))
_OPACITY = Region("Lung opacity", _LESION_IS, _ABNORMAL, _LESION, _LUNG, (38000, 50000, 45000))
_DENSE = Region(
    f"Dense opacity (above {DENSE_HU} HU)", _DENSE_IS, _ABNORMAL, _CONSOLIDATION, _LUNG, (30000, 52000, 28000)
)


def segments(volume: Volume, reading: LungAnalysis, provenance: Provenance) -> tuple[Segment, ...]:
    """Return the regions that have voxels; without two lungs told apart, one region stands for both.

    The dense part of the opacity is told by the Hounsfield units of `volume`, as the finding's dense share is.
    """
    first = _RIGHT if reading.left_lung.voxels.any() else _LUNGS
    named = (
        (first, reading.right_lung),
        (_LEFT, reading.left_lung),
        (_OPACITY, reading.lesion),
        (_DENSE, _dense_part(volume, reading.lesion)),
    )
    present = [(region, mask) for region, mask in named if mask.voxels.any()]
    return tuple(
        Segment(number, region, provenance.uid("tracking", region.kind.value), mask)
        for number, (region, mask) in enumerate(present, start=1)
    )


def _dense_part(volume: Volume, lesion: Mask) -> Mask:
    dense = np.zeros(lesion.voxels.shape, dtype=np.bool_)
    for hu, inside, found in zip(volume.voxels, lesion.voxels, dense, strict=True):
        if inside.any():  # slices without lesion are never touched, and so take no memory
            np.greater(hu, DENSE_HU, out=found, where=inside)
    return Mask(dense, lesion.geometry)
