"""Asks the members of an ensemble about training series kept for tuning, as the daemon asks them about a CT.

Lungs are the series' own, so that what is tuned is the vote alone. Must not know how a vote is fitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.window import to_unit
from triaged.inference.kinds.ct_lesions import CtLesions, Plane
from triaged.inference.kinds.ct_multitask import CtMultitask
from triaged.lab.packages.voting import TuningCase
from triaged.lab.training.planes import AXES, stretched
from triaged.lab.training.run import read_folder
from triaged.lab.training.sampling import GRID_MM, IGNORED, LESION, LUNG, GeneratedSeries, around_lungs

READER = "reader"


def read_cases(folder: Path, reader: CtMultitask, members: Mapping[str, CtLesions]) -> Iterator[TuningCase]:
    """Yield the series of a folder with what reader and members say about their lungs.

    Raises:
        ConfigError: there is none, or one cannot be read.
    """
    for series in read_folder(folder):
        yield asked(series, reader, members)


def asked(series: GeneratedSeries, reader: CtMultitask, members: Mapping[str, CtLesions]) -> TuningCase:
    """Return what reader and members say about the lungs of a series, where its truth is known."""
    shown = around_lungs(series)
    top, bottom, left, right = shown.box
    voxels, labels = (each[:, top:bottom, left:right] for each in (shown.voxels, shown.labels))
    unit = to_unit(voxels.astype(np.float32), *reader.manifest.settings.window_hu)
    counted = (labels & LUNG > 0) & (labels & IGNORED == 0)
    maps = {READER: reader.lesions(unit).probability[counted]}
    for name, member in members.items():
        maps[name] = by_plane(member, unit, shown.slice_spacing_mm)[counted]
    return TuningCase(series.patient, maps, (labels & LESION > 0)[counted])


def by_plane(member: CtLesions, unit: NDArray[np.float32], apart_mm: float) -> NDArray[np.float32]:
    """Return a member's probability of lesion per voxel of (slice, row, column), whichever planes it looks at."""
    plane = member.manifest.settings.plane
    if plane is Plane.AXIAL:
        return member.probability(unit)
    axes = AXES["coronal" if plane is Plane.CORONAL else "sagittal"]
    count = max(1, round(len(unit) * apart_mm / GRID_MM))
    planes = np.ascontiguousarray(stretched(unit, count).transpose(axes))
    back = member.probability(planes).transpose(np.argsort(axes))
    return stretched(back, len(unit))
