"""Asks the members of an ensemble about training series kept for tuning, as the daemon asks them about a CT.

What lies outside the lungs that the reader finds counts as not marked, and what it marks outside the true lungs as
marked wrongly: a vote has to do well on lungs as they are found. Must not know how a vote is fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.errors import UnreadableStudy
from triaged.exams.ct.pipelines.body import within_body
from triaged.exams.ct.pipelines.coarse import Coarse, find_lungs
from triaged.exams.ct.pipelines.planes import answered
from triaged.exams.ct.window import to_unit
from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Volume
from triaged.inference.kinds.ct_lesions import CtLesions
from triaged.inference.kinds.ct_multitask import CtMultitask
from triaged.inference.kinds.reader import READER
from triaged.lab.evaluation.images import UNSAID
from triaged.lab.packages.voting import TuningCase
from triaged.lab.training.run import read_folder
from triaged.lab.training.sampling import GRID_MM, IGNORED, LESION, LUNG, GeneratedSeries

FRAME: Final = "2.25.3"


def read_cases(
    folder: Path, reader: CtMultitask, members: Mapping[str, CtLesions], report: Callable[[str], None]
) -> Iterator[TuningCase]:
    """Yield the series of a folder that can be read, with what reader and members say about their lungs.

    Raises:
        ConfigError: there is none.
    """
    for series in read_folder(folder):
        try:
            yield asked(series, reader, members)
        except UnreadableStudy as error:
            report(f"{series.patient}: not read: {error}")


def asked(series: GeneratedSeries, reader: CtMultitask, members: Mapping[str, CtLesions]) -> TuningCase:
    """Return what reader and members say about the lungs of a series, where its truth is known.

    Raises:
        UnreadableStudy: the reader finds no lungs.
    """
    settings = reader.manifest.settings
    hu = Coarse.of(volume_of(series), GRID_MM).hu
    unit = to_unit(hu.voxels, *settings.window_hu)
    found = find_lungs(hu, reader.lung_probability(unit), settings.thresholds.lung, within_body(hu), UNSAID)
    seen = unit[found.box.slices]
    told = {READER: reader.lesions(seen).probability}
    for name, member in members.items():
        plane = member.manifest.settings.plane
        told[name] = answered(member.probability, plane, seen, series.slice_spacing_mm, GRID_MM)
    true, ignored, lesion = (_marked(series, bit) for bit in (LUNG, IGNORED, LESION))
    counted = (found.voxels | true) & ~ignored
    maps = {}
    for name, probability in told.items():
        whole = np.zeros(unit.shape, dtype=np.float32)
        whole[found.box.slices] = probability
        maps[name] = np.where(found.voxels, whole, np.float32(0))[counted]
    return TuningCase(series.patient, maps, lesion[counted])


def volume_of(series: GeneratedSeries) -> Volume:
    """Return a training series as the daemon reads one: its axes are canonical already."""
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = series.slice_spacing_mm, GRID_MM, GRID_MM, 1.0
    return Volume(series.voxels, Geometry(affine, series.voxels.shape, FRAME))


def _marked(series: GeneratedSeries, bit: int) -> NDArray[np.bool_]:
    return np.asarray((series.labels & bit) > 0, dtype=np.bool_)
