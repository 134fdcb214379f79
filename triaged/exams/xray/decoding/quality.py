"""What header and pixels of a radiograph say against trusting what is found on it; decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from triaged.dicom.age import age_years
from triaged.dicom.attributes import attribute, text
from triaged.dicom.files import completed
from triaged.exams.xray.decoding.light import percentiles
from triaged.exams.xray.decoding.tables import Values
from triaged.exams.xray.decoding.turning import Turn
from triaged.exams.xray.views import Position, Sight, View
from triaged.study.finding import QualityFlag

ADULT_YEARS: Final = 18.0
LEAST_SPREAD: Final = 0.2
"""Of light, between the darkest and the brightest twentieth of the field; 1 % of 250 real ones have less."""
MOST_CLIPPED: Final = 0.5
"""The share of the field that is all black or all white."""
LEAST_SIDE_MM: Final = 220.0
"""The lungs of a grown-up are 250 mm high and wide at least."""
LEAST_SHARE: Final = 0.4
"""The share of the image that the field has at least, where its size in mm is not known."""
_LOSSY_SYNTAXES: Final = frozenset(
    {
        "1.2.840.10008.1.2.4.50",  # JPEG Baseline
        "1.2.840.10008.1.2.4.51",  # JPEG Extended
        "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-lossless
    }
)


@dataclass(frozen=True, slots=True)
class Contrast:
    """How the light of a field is spread from its darkest to its brightest twentieth, and the share that is clipped."""

    spread: float
    clipped: float


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the pixels say: the field, its spacing in mm, its contrast, and how its light was made and mended."""

    field: NDArray[np.bool_]
    spacing_mm: tuple[float, float] | None
    contrast: Contrast
    is_raw: bool
    set_aside: bool
    was_inverse: bool


def contrast_of(light: Values, counts: NDArray[np.int64]) -> Contrast:
    """Return the contrast of a field; `counts` is how often each code of `light` is in it."""
    dark, bright = percentiles(light, counts, (0.05, 0.95))
    clipped = counts[(light <= 0.0) | (light >= 1.0)].sum() / max(1, counts.sum())
    return Contrast(bright - dark, float(clipped))


def quality_of(header: Dataset, sight: Sight, turn: Turn | None, seen: Seen) -> tuple[QualityFlag, ...]:
    """Return the circumstances in which the numbers are less certain, in their declared order."""
    age = age_years(header)
    is_child = age is not None and age < ADULT_YEARS
    absent = completed(header)
    raised = {
        QualityFlag.PAEDIATRIC: is_child,
        QualityFlag.CLASS_FROM_META: "SOPClassUID" in absent,
        QualityFlag.IDENTITY_FROM_META: "SOPInstanceUID" in absent,
        QualityFlag.AP_VIEW: sight.view is View.AP,
        QualityFlag.SUPINE: sight.position is Position.SUPINE,
        QualityFlag.VIEW_NOT_SAID: sight.view is View.UNKNOWN,
        QualityFlag.MIRRORED: turn is not None and turn.mirrored,
        QualityFlag.TURNED: turn is not None and turn.quarters != 0,
        QualityFlag.LOSSY: _is_lossy(header),
        QualityFlag.RAW: seen.is_raw,
        QualityFlag.WAS_INVERSE: seen.was_inverse,
        QualityFlag.LOOKUP_SET_ASIDE: seen.set_aside,
        QualityFlag.LOW_CONTRAST: seen.contrast.spread < LEAST_SPREAD or seen.contrast.clipped > MOST_CLIPPED,
        QualityFlag.FIELD_CUT: not is_child and _is_cut(seen),
    }
    return tuple(flag for flag in QualityFlag if raised.get(flag, False))


def _is_lossy(header: Dataset) -> bool:
    syntax = text(header.file_meta.get("TransferSyntaxUID"))
    return text(attribute(header, "LossyImageCompression")) == "01" or syntax in _LOSSY_SYNTAXES


def _is_cut(seen: Seen) -> bool:
    """Tell whether the field is smaller than a grown-up's lungs."""
    sides = [np.flatnonzero(seen.field.any(axis=1 - axis)) for axis in (0, 1)]
    if not all(side.size for side in sides):
        return True
    lines = [int(side[-1] - side[0]) + 1 for side in sides]
    if seen.spacing_mm is not None:
        return min(count * mm for count, mm in zip(lines, seen.spacing_mm, strict=True)) < LEAST_SIDE_MM
    return bool(seen.field.mean() < LEAST_SHARE)
