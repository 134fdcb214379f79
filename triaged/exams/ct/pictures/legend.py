"""Explains colours and lines beside a coloured view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image as Pillow

from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.colour import CONTOUR, OUTLINE, covered, severity_colour
from triaged.results.layout import BAND_WIDTH, CAPTION, CORNER_WIDTH, FOOT, GREY, Colour, Sheet
from triaged.results.page import Picture

LEGEND_WIDTH = BAR_WIDTH = 108
_BAR, _TICK = 22, 27
_LINES_HEIGHT = 132
_BAND_BAR = 300
_LUNG_GREY = 90  # a usual grey of lung, to show how the colours look on it

_MEANT: Final = (
    ((0,), "25%", CONTOUR),
    ((0, 1), "50%", CONTOUR),
    ((-2, 2), "75%", CONTOUR),
    ((0,), "lung", OUTLINE),
    ((), "thirds", GREY),
)
"""The lines on a view: how each is drawn, what it means, and its colour."""


def draw_legend(sheet: Sheet, at: tuple[int, int], height: int, palette: Palette) -> None:
    """Draw the bar of affected shares, most at the top, and below it what each line means, in `height` altogether.

    The left half of the bar has the pure colours, the right half the same as they look over lung.
    """
    length = max(60, height - _LINES_HEIGHT)
    draw_bar(sheet, at, length, palette)
    _lines(sheet, (at[0], at[1] + length + 14))


def draw_band(sheet: Sheet, palette: Palette) -> None:
    """Draw the same lying between the lower corners of the page, most at the right: the bar, and what lines mean."""
    x, y = CORNER_WIDTH + 16, FOOT + 19
    sheet.beside((x, y - 18), "Affected part", "la", GREY)
    colours = _bar(_BAND_BAR, palette)[::-1].transpose(1, 0, 2)
    sheet.image.paste(Pillow.fromarray(np.ascontiguousarray(colours)), (x, y))
    for percent in (0, 25, 50, 75, 100):
        across = x + round(percent / 100 * (_BAND_BAR - 1))
        sheet.draw.line([(across, y), (across, y + _BAR + 2)], fill=CONTOUR)
        sheet.beside((across, y + _BAR + 2), f"{percent}%", "ma")
    left = x + _BAND_BAR + 36
    step = (CORNER_WIDTH + BAND_WIDTH - left) // 3
    for number, (offsets, words, colour) in enumerate(_MEANT):
        at = left + (number % 3) * step, y + 2 + (number // 3) * 26
        _line(sheet, at, offsets, colour)
        sheet.beside((at[0] + _TICK + 5, at[1]), words, "lm")


def draw_bar(sheet: Sheet, at: tuple[int, int], length: int, palette: Palette) -> None:
    """Draw the bar of affected shares alone."""
    x, y = at
    sheet.beside((x, y - CAPTION), "Affected part", "la", GREY)
    sheet.image.paste(Pillow.fromarray(_bar(length, palette)), (x, y))
    for percent in (0, 25, 50, 75, 100) if length >= 90 else (0, 100):
        level = y + round((100 - percent) / 100 * (length - 1))
        sheet.draw.line([(x, level), (x + _TICK, level)], fill=CONTOUR)
        sheet.beside((x + _TICK + 3, min(max(level, y + 7), y + length - 8)), f"{percent}%", "lm")


def _bar(length: int, palette: Palette) -> Picture:
    """Return the bar upright, most at the top."""
    shares = np.linspace(1.0, 0.0, length, dtype=np.float32)[:, None].repeat(_BAR // 2, axis=1)
    pure = np.round(severity_colour(shares, palette)).astype(np.uint8)
    return np.concatenate((pure, covered(np.full_like(pure, _LUNG_GREY), shares, palette)), axis=1)


def _lines(sheet: Sheet, at: tuple[int, int]) -> None:
    x, y = at
    for number, (offsets, words, colour) in enumerate(_MEANT):
        level = y + 8 + number * 20
        _line(sheet, (x, level), offsets, colour)
        sheet.beside((x + _TICK + 5, level), words, "lm")


def _line(sheet: Sheet, at: tuple[int, int], offsets: Sequence[int], colour: Colour) -> None:
    """Draw a piece of a line, dashed where it has no offsets."""
    x, y = at
    if not offsets:
        sheet.dashes((x, y), _TICK)
    for offset in offsets:
        sheet.draw.line([(x, y + offset), (x + _TICK, y + offset)], fill=colour)
