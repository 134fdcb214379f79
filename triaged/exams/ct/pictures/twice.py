"""Sets a slice twice on a page, as wide as it goes, and below it where it lies: in words and as a line on the lungs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.pictures.keyslices import Field, field_mm, lungs_field
from triaged.imaging.volume import Volume
from triaged.results.layout import CAPTION, FOOT, LARGE, MARGIN, PAGE_WIDTH, TOP, Markers, Sheet
from triaged.results.page import Picture

_AXIAL: Final = Markers("R", "L", "A", "P")
_WIDTH, _HEIGHT = PAGE_WIDTH // 2, 440
_FINEST_MM = 0.5  # finer pixels would show nothing more of a CT
_SHAPE_TOP = TOP + _HEIGHT + 2 * CAPTION
SHAPE_HEIGHT = FOOT - _SHAPE_TOP
"""The room for the lungs seen from the front."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What both pictures of a slice show, and how large a pixel is."""

    field: Field
    pixel_mm: float


def frame_of(volume: Volume, reading: LungAnalysis) -> Frame:
    """Return the lungs across half the page, and of the body in front and behind as much as there is room for."""
    lungs = lungs_field(reading)
    height_mm, width_mm = field_mm(volume, lungs)
    pixel_mm = max(width_mm / _WIDTH, height_mm / _HEIGHT, _FINEST_MM)
    _, rows_mm, columns_mm = volume.geometry.spacing_mm
    _, rows, columns = volume.geometry.shape
    return Frame(
        Field(
            _widened(lungs.rows, int(_HEIGHT * pixel_mm / rows_mm), rows),
            _widened(lungs.columns, int(_WIDTH * pixel_mm / columns_mm), columns),
        ),
        pixel_mm,
    )


def set_twice(
    sheet: Sheet, pair: tuple[Picture, Picture], captions: tuple[str, str], where: Picture, words: Sequence[str]
) -> None:
    """Set the pair, the lungs with the line that tells where it lies, and the words beside them."""
    for side, (picture, caption) in enumerate(zip(pair, captions, strict=True)):
        left = side * _WIDTH + (_WIDTH - picture.shape[1]) // 2
        sheet.picture(picture, (left, TOP), caption, _AXIAL)
    below = TOP + max(picture.shape[0] for picture in pair) + 2 * CAPTION
    sheet.picture(where, (MARGIN, below), "Where it lies, seen from the front", Markers("R", "L", "", ""))
    left = 3 * MARGIN + max(where.shape[1], 240)
    for number, line in enumerate(words):
        sheet.text((left, below + number * (LARGE + 10)), line, LARGE)


def _widened(part: slice, count: int, total: int) -> slice:
    """Return a part with as many again at both sides as make it `count`, where the whole has them."""
    more = max(0, count - (part.stop - part.start)) // 2
    return slice(max(0, part.start - more), min(total, part.stop + more))
