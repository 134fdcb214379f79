"""Explains colours and lines beside a coloured view."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow

from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.colour import CONTOUR, OUTLINE, covered, severity_colour
from triaged.results.layout import CAPTION, GREY, Sheet

LEGEND_WIDTH = BAR_WIDTH = 108
_BAR, _TICK = 22, 27
_LINES_HEIGHT = 132
_LUNG_GREY = 90  # a usual grey of lung, to show how the colours look on it


def draw_legend(sheet: Sheet, at: tuple[int, int], height: int, palette: Palette) -> None:
    """Draw the bar of affected shares, most at the top, and below it what each line means, in `height` altogether.

    The left half of the bar has the pure colours, the right half the same as they look over lung.
    """
    length = max(60, height - _LINES_HEIGHT)
    draw_bar(sheet, at, length, palette)
    _lines(sheet, (at[0], at[1] + length + 14))


def draw_bar(sheet: Sheet, at: tuple[int, int], length: int, palette: Palette) -> None:
    """Draw the bar of affected shares alone."""
    x, y = at
    sheet.beside((x, y - CAPTION), "Affected part", "la", GREY)
    shares = np.linspace(1.0, 0.0, length, dtype=np.float32)[:, None].repeat(_BAR // 2, axis=1)
    pure = np.round(severity_colour(shares, palette)).astype(np.uint8)
    seen = covered(np.full_like(pure, _LUNG_GREY), shares, palette)
    sheet.image.paste(Pillow.fromarray(np.concatenate((pure, seen), axis=1)), (x, y))
    for percent in (0, 25, 50, 75, 100) if length >= 90 else (0, 100):
        level = y + round((100 - percent) / 100 * (length - 1))
        sheet.draw.line([(x, level), (x + _TICK, level)], fill=CONTOUR)
        sheet.beside((x + _TICK + 3, min(max(level, y + 7), y + length - 8)), f"{percent}%", "lm")


def _lines(sheet: Sheet, at: tuple[int, int]) -> None:
    x, y = at
    for number, (percent, offsets) in enumerate(((25, (0,)), (50, (0, 1)), (75, (-2, 2)))):
        level = y + 8 + number * 20
        for offset in offsets:
            sheet.draw.line([(x, level + offset), (x + _TICK, level + offset)], fill=CONTOUR)
        sheet.beside((x + _TICK + 5, level), f"{percent}%", "lm")
    level = y + 8 + 3 * 20
    sheet.draw.line([(x, level), (x + _TICK, level)], fill=OUTLINE)
    sheet.beside((x + _TICK + 5, level), "lung", "lm")
    level += 20
    sheet.dashes((x, level), _TICK)
    sheet.beside((x + _TICK + 5, level), "thirds", "lm")
