"""What is outlined on a chest X-ray, on its stored pixels: lungs, zones, what is affected; knows no page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.exams.xray.decoding.radiograph import Radiograph
from triaged.exams.xray.finding import XrayReading
from triaged.exams.xray.working import stored_points
from triaged.exams.xray.zones import Thirds
from triaged.imaging.outlines import Points, outline, outlines
from triaged.study.coding import Site
from triaged.study.concepts import LEFT_LUNG, RIGHT_LUNG, ZONES

SMALLEST_SHARE: Final = 0.0005
"""Of the picture that was read; what is affected in one place and smaller than that is not outlined, only counted."""
MOST_PARTS: Final = 12

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A closed line around a part of the body, or around something in it."""

    of: Site
    points: Points


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Where a lung is divided: a line across it."""

    of: Site
    points: Points


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """All lines of one reading; `affected` and `consolidated` have an outline for each place, the longest first."""

    lungs: tuple[Outline, ...]
    zones: tuple[Outline, ...]
    cuts: tuple[Cut, ...]
    affected: tuple[Outline, ...]
    consolidated: tuple[Outline, ...]


def outlines_of(reading: XrayReading, radiograph: Radiograph) -> Outlines:
    """Return the lines of a reading on the stored pixels of its radiograph."""
    drawing = _Drawing(reading, radiograph)
    sides = ((RIGHT_LUNG, reading.right_lung, reading.right_cut), (LEFT_LUNG, reading.left_lung, reading.left_cut))
    by_zone = zip(ZONES, (zone for _, lung, cut in sides for zone in cut.zones(lung)), strict=True)
    return Outlines(
        lungs=tuple(each for site, lung, _ in sides for each in drawing.whole(site, lung)),
        zones=tuple(each for site, zone in by_zone for each in drawing.whole(site, zone)),
        cuts=tuple(each for site, lung, cut in sides for each in drawing.cuts(site, lung, cut)),
        affected=drawing.parts(reading.affected),
        consolidated=() if reading.consolidation is None else drawing.parts(reading.consolidation),
    )


class _Drawing:
    """Draws lines around masks of one reading."""

    def __init__(self, reading: XrayReading, radiograph: Radiograph) -> None:
        self._reading = reading
        self._radiograph = radiograph
        self._shape = reading.affected.shape

    def whole(self, site: Site, mask: Mask) -> tuple[Outline, ...]:
        """Return the outline of the largest part of a mask; none of an empty one."""
        points = outline(mask)
        return () if points is None else (Outline(site, self._stored(points)),)

    def parts(self, mask: Mask) -> tuple[Outline, ...]:
        """Return the outlines of all parts of a mask that are large enough, each with the lung that it is in."""
        smallest = round(SMALLEST_SHARE * mask.size)
        found = []
        for site, lung in ((RIGHT_LUNG, self._reading.right_lung), (LEFT_LUNG, self._reading.left_lung)):
            found += [Outline(site, self._stored(each)) for each in outlines(mask & lung, smallest, MOST_PARTS)]
        return tuple(sorted(found, key=lambda each: len(each.points), reverse=True)[:MOST_PARTS])

    def cuts(self, site: Site, lung: Mask, cut: Thirds) -> tuple[Cut, ...]:
        """Return the two lines that divide a lung, as long as it is wide there."""
        found = []
        for row in (cut.first, cut.second):
            columns = np.flatnonzero(lung[min(row, len(lung) - 1)])
            if columns.size:
                ends = np.array([[columns[0], row], [columns[-1] + 1, row]], dtype=np.float64)
                found.append(Cut(site, self._stored(ends)))
        return tuple(found)

    def _stored(self, points: Points) -> Points:
        return stored_points(points, self._shape, self._radiograph)
