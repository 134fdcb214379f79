"""What the pipeline is given of a radiograph: upright, the patient's right on the left, and no larger than it needs.

Must not know networks, nor how a radiograph is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.exams.xray.decoding.radiograph import Radiograph
from triaged.exams.xray.decoding.turning import turned
from triaged.exams.xray.squares import Picture, resampled
from triaged.exams.xray.views import View
from triaged.study.finding import QualityFlag

LONGEST: Final = 1024
"""Rows or columns of the picture that is read: twice what the networks see. Results are put back to the stored one."""


@dataclass(frozen=True, slots=True, eq=False)
class Chest:
    """A picture to read: greys (row, column) in [0, 1], dense bright, upright, the patient's right on its left.

    `field` is what was exposed. `is_frontal`: the header says so. `notes` were raised when it was decoded.
    """

    grey: Picture
    field: NDArray[np.bool_]
    is_frontal: bool
    notes: tuple[QualityFlag, ...] = ()


def chest_of(radiograph: Radiograph) -> Chest:
    """Return a radiograph as the pipeline reads it."""
    grey, field = turned(radiograph.grey, radiograph.upright), turned(radiograph.field, radiograph.upright)
    rows, columns = grey.shape
    scale = min(1.0, LONGEST / max(rows, columns))
    shape = max(1, round(rows * scale)), max(1, round(columns * scale))
    exposed = resampled(field.astype(np.float32), shape) >= 0.5
    return Chest(resampled(grey, shape), exposed, radiograph.view is not View.UNKNOWN, radiograph.quality)
