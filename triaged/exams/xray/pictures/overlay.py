"""Draws a radiograph upright in grey, and lines, tint and hatching over it; knows no page and no words.

Nothing covers more than a quarter of the grey but lines; what is affected is told by a thick line and by hatching as
well as by its colour, and what is consolidated by a dotted line, so that the picture reads without colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from triaged.exams.xray.decoding.radiograph import Radiograph
from triaged.exams.xray.decoding.turning import turned
from triaged.exams.xray.finding import XrayReading
from triaged.imaging.outlines import Points, outlines
from triaged.results.greys import in_runs
from triaged.results.page import Picture

LUNGS: Final = (0, 200, 220)
AFFECTED: Final = (255, 170, 40)
SOLID: Final = (255, 105, 180)
ZONES: Final = (235, 235, 235)
BEFORE_GATE: Final = (240, 240, 200)
MOST_OPACITY: Final = 0.25
"""Of tint and hatching together."""
TINT: Final = 0.10
_HATCH_STEP, _HATCH_WIDTH = 9, 2
_FINER: Final = 3
"""Lines are drawn so many times larger, and then made smaller: their edges are smooth."""
_GREY_TOLERANCE: Final = 2
_SPECK = 0.0005
"""Of the picture: an outline around less is a speck."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Stroke:
    """How a line is drawn: `width` in pixels of the page; `dash` and `gap` in pixels, 0 for a line without gaps."""

    colour: tuple[int, int, int]
    width: float
    dash: float = 0.0
    gap: float = 0.0


LUNGS_STROKE: Final = Stroke(LUNGS, 1.4)
AFFECTED_STROKE: Final = Stroke(AFFECTED, 2.6)
SOLID_STROKE: Final = Stroke(SOLID, 2.2, 2.5, 4.0)
ZONES_STROKE: Final = Stroke(ZONES, 1.2, 8.0, 6.0)
GATE_STROKE: Final = Stroke(BEFORE_GATE, 2.2, 2.5, 4.0)


def fitted(radiograph: Radiograph, room: tuple[int, int]) -> Picture:
    """Return the radiograph upright and in grey, as large as fits into `room` (width, height) in its own shape."""
    grey = turned(radiograph.grey, radiograph.upright)
    return fitted_grey(grey, upright_spacing(radiograph, grey.shape), room)


def fitted_grey(
    grey: NDArray[np.float32],
    spacing_mm: tuple[float, float] | None,
    room: tuple[int, int],
    pixel_mm: float | None = None,
) -> Picture:
    """Return an upright picture in [0, 1] as large as fits into `room`, or with pixels of `pixel_mm`."""
    rows, columns = grey.shape
    row_mm, column_mm = spacing_mm or (1.0, 1.0)
    pixel_mm = pixel_mm or pixel_to_fit(grey.shape, spacing_mm, room)
    size = max(1, round(columns * column_mm / pixel_mm)), max(1, round(rows * row_mm / pixel_mm))
    picture = Pillow.fromarray(np.ascontiguousarray(grey, dtype=np.float32))
    return in_runs(np.asarray(picture.resize(size, Pillow.Resampling.LANCZOS), dtype=np.float32), _GREY_TOLERANCE)


def pixel_to_fit(shape: tuple[int, ...], spacing_mm: tuple[float, float] | None, room: tuple[int, int]) -> float:
    """Return the least size in mm of a page's pixels with which a picture fits into `room` (width, height)."""
    row_mm, column_mm = spacing_mm or (1.0, 1.0)
    return max(shape[1] * column_mm / room[0], shape[0] * row_mm / room[1])


def upright_spacing(radiograph: Radiograph, shape: tuple[int, ...]) -> tuple[float, float] | None:
    """Return how far rows and columns are apart, in mm, of the upright picture on a grid of `shape`."""
    if radiograph.spacing_mm is None:
        return None
    row_mm, column_mm = radiograph.spacing_mm
    if radiograph.upright.quarters % 2:
        row_mm, column_mm = column_mm, row_mm
    rows, columns = turned(radiograph.grey, radiograph.upright).shape
    return row_mm * rows / shape[0], column_mm * columns / shape[1]


def overlaid(plain: Picture, reading: XrayReading) -> Picture:
    """Return a plain picture with all that was found; masks of the reading cover the whole of it."""
    shape = plain.shape[:2]
    affected = _fine(reading.affected, shape)
    picture = _tinted(plain, affected)
    lines = [(line, LUNGS_STROKE) for mask in (reading.right_lung, reading.left_lung) for line in _around(mask, shape)]
    lines += [(line, ZONES_STROKE) for line in _cuts(reading, shape)]
    if reading.ungated.any() and not reading.affected.any():
        lines += [(line, GATE_STROKE) for line in _around(reading.ungated, shape)]
    lines += [(line, AFFECTED_STROKE) for line in _around(reading.affected, shape)]
    if reading.consolidation is not None:
        lines += [(line, SOLID_STROKE) for line in _around(reading.consolidation, shape)]
    return drawn(picture, lines)


def drawn(picture: Picture, lines: Sequence[tuple[Points, Stroke]]) -> Picture:
    """Return a picture with lines over it; their points are (column, row) from its upper left corner."""
    rows, columns = picture.shape[:2]
    sheet = Pillow.new("RGBA", (columns * _FINER, rows * _FINER))
    draw = ImageDraw.Draw(sheet)
    for points, stroke in lines:
        for piece in _pieces(points, stroke):
            corners = [(float(x) * _FINER, float(y) * _FINER) for x, y in piece]
            draw.line(corners, fill=(*stroke.colour, 255), width=round(stroke.width * _FINER), joint="curve")
    over = np.asarray(sheet.resize((columns, rows), Pillow.Resampling.BOX), dtype=np.float32)
    alpha = over[..., 3:] / 255.0
    return np.asarray(np.round(picture * (1.0 - alpha) + over[..., :3] * alpha), dtype=np.uint8)


def scaled(points: Points, masked: tuple[int, ...], shape: tuple[int, ...]) -> Points:
    """Return points of a mask of one shape where they lie on a picture of another."""
    return points * (shape[1] / masked[1], shape[0] / masked[0])


def _tinted(plain: Picture, affected: Mask) -> Picture:
    """Return a picture tinted and hatched where it is affected, a quarter of the grey covered at most."""
    rows, columns = np.indices(affected.shape)
    hatched = (rows + columns) % _HATCH_STEP < _HATCH_WIDTH
    alpha = np.where(affected, np.where(hatched, MOST_OPACITY, TINT), 0.0)[..., None]
    return np.asarray(np.round(plain * (1.0 - alpha) + np.array(AFFECTED) * alpha), dtype=np.uint8)


def _fine(mask: Mask, shape: tuple[int, ...]) -> Mask:
    picture = Pillow.fromarray(mask.astype(np.float32))
    return np.asarray(picture.resize((shape[1], shape[0]), Pillow.Resampling.BILINEAR)) >= 0.5


def _around(mask: Mask, shape: tuple[int, ...]) -> list[Points]:
    return [scaled(line, mask.shape, shape) for line in outlines(mask, round(_SPECK * mask.size))]


def _cuts(reading: XrayReading, shape: tuple[int, ...]) -> list[Points]:
    """Return the lines between zones, each across its lung."""
    found = []
    for lung, cut in ((reading.right_lung, reading.right_cut), (reading.left_lung, reading.left_cut)):
        for row in (cut.first, cut.second):
            columns = np.flatnonzero(lung[min(row, len(lung) - 1)])
            if columns.size:
                ends = np.array([[columns[0], row], [columns[-1] + 1, row]], dtype=np.float64)
                found.append(scaled(ends, lung.shape, shape))
    return found


def _pieces(points: Points, stroke: Stroke) -> list[Points]:
    """Return a line in the dashes that it is drawn in."""
    if not stroke.gap:
        return [points]
    steps = np.hypot(*np.diff(points, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    pieces = []
    for start in np.arange(0.0, along[-1], stroke.dash + stroke.gap):
        end = min(start + stroke.dash, along[-1])
        inner = along[(along > start) & (along < end)]
        places = np.concatenate([[start], inner, [end]])
        pieces.append(np.column_stack([np.interp(places, along, points[:, axis]) for axis in (0, 1)]))
    return pieces
