"""What is outlined on the most affected slices of a CT, on their stored pixels; knows no page and no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.pictures.keyslices import KeySlice
from triaged.imaging.geometry import Reorientation
from triaged.imaging.outlines import Points, area, outlines

SMALLEST_MM2: Final = 50.0
"""What is smaller, about 8 mm across, is not outlined, only counted."""
MOST_PLACES: Final = 6
"""Of one slice, the largest ones: a list of measurements is to be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """One place of lesion on a slice that was chosen for a third of the lungs, by its closed outer line.

    `number` counts the places of the slice from 1, the largest first; `index` is the slice of the canonical volume.
    """

    third: str
    number: int
    index: int
    points: Points
    area_mm2: float


def places_of(chosen: Iterable[KeySlice], reading: LungAnalysis, reorientation: Reorientation) -> tuple[Place, ...]:
    """Return the places of lesion on each of these slices; none where the source's images are not slices."""
    if reorientation.axes[0] != 0:
        return ()
    return tuple(place for one in chosen for place in _on(one, reading, reorientation))


def _on(one: KeySlice, reading: LungAnalysis, reorientation: Reorientation) -> Iterator[Place]:
    spacing = reading.lesion.geometry.spacing_mm
    pixel_mm2 = spacing[1] * spacing[2]
    inside = reading.right_lung.voxels[one.index] | reading.left_lung.voxels[one.index]
    region = _as_stored(reading.lesion.voxels[one.index] & inside, reorientation)
    lines = sorted(outlines(region, max(1, round(SMALLEST_MM2 / pixel_mm2))), key=lambda line: -abs(area(line)))
    outer = [line for line in lines if area(line) * area(lines[0]) > 0]  # around a hole a line runs the other way
    for number, line in enumerate(outer[:MOST_PLACES], start=1):
        yield Place(one.third, number, one.index, line, abs(area(line)) * pixel_mm2)


def _as_stored(region: NDArray[np.bool_], reorientation: Reorientation) -> NDArray[np.bool_]:
    """Return a slice's region in the rows and columns of its image."""
    return np.ascontiguousarray(reorientation.undo(region[None])[0])
