"""Draws the affected share of every slice beside the coronal view, so that a reader sees which slices to open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from triaged.exams.ct.affected import AFFECTED_SLICE_MM2, AffectedSlices
from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.colour import severity_colour
from triaged.exams.ct.pictures.keyslices import SliceName
from triaged.exams.ct.pictures.projection import Image, Projection, Region
from triaged.results.layout import CAPTION, GREY, Sheet
from triaged.results.page import Picture

STRIP_WIDTH = 64
"""How wide a slice is drawn of which all lung is affected."""
STRIP_ROOM = STRIP_WIDTH + 64
_LABEL_HEIGHT = 16
_LUNG_GREY = 45
_PALE = 0.35
"""How much of its colour the bar of a slice has that does not count as affected."""
_LEAST = 1.0 / STRIP_WIDTH
"""A slice with any lesion has a bar of one pixel."""


@dataclass(frozen=True, slots=True)
class Label:
    """A slice's number at its height in the view, in rows of it."""

    row: float
    words: str


def slice_shares(view: Projection) -> Image:
    """Return the affected share of the lung on each row of a view, NaN where there is no lung."""
    lung = view.path_mm.sum(axis=1)
    affected = (view.share * view.path_mm).sum(axis=1)
    shares: Image = np.divide(affected, lung, out=np.full_like(lung, np.nan), where=lung > 0)
    return shares


def slices_counted(view: Projection) -> Region:
    """Tell on which rows of a view there is enough lesion for the slice to count as affected."""
    area_mm2 = (view.share * view.path_mm).sum(axis=1) * view.spacing_mm[1]
    return np.asarray(area_mm2 >= AFFECTED_SLICE_MM2, dtype=np.bool_)


def range_labels(affected: AffectedSlices | None, names: Sequence[SliceName], top_row: int) -> tuple[Label, ...]:
    """Return the numbers of the first, the most and the last affected slice; `top_row` is where the view was cut."""
    if affected is None:
        return ()
    wanted = {affected.most: f"{affected.most} most", affected.first: "", affected.last: ""}
    rows = {name.number: len(names) - 0.5 - index - top_row for index, name in enumerate(names) if name.is_own}
    return tuple(Label(rows[number], words or str(number)) for number, words in sorted(wanted.items()))


def draw_strip(
    sheet: Sheet, view: Projection, at: tuple[int, int], pixel_mm: float, palette: Palette, labels: Sequence[Label]
) -> None:
    """Draw a bar for each row of pixels of the view, as long as the share, and the labels at its right.

    The bar is pale where there is too little lesion for the slice to count: a tiny slice may be affected altogether.
    """
    x, y = at
    rows_mm = view.spacing_mm[0]
    height = round(view.path_mm.shape[0] * rows_mm / pixel_mm)
    sheet.beside((x, y - CAPTION), "By slice, to 100 %", "la", GREY)
    sheet.image.paste(Pillow.fromarray(_bars(slice_shares(view), slices_counted(view), height, palette)), at)
    sheet.beside((x, y + height + 3), f"pale: under {AFFECTED_SLICE_MM2 / 100.0:.0f} cm2", "la", GREY)
    below = float(y)
    for label in labels:
        level = max(y + label.row * rows_mm / pixel_mm, below)
        sheet.beside((x + STRIP_WIDTH + 4, level), label.words, "lm")
        below = level + _LABEL_HEIGHT


def _bars(shares: Image, counted: Region, height: int, palette: Palette) -> Picture:
    """Return one bar for each row of pixels, grey where it crosses lung, black elsewhere."""
    rows = np.minimum((np.arange(height) + 0.5) * shares.size / height, shares.size - 1).astype(int)
    share = shares[rows]
    is_lung = np.isfinite(share)
    share = np.nan_to_num(share, nan=0.0)
    across = (np.arange(STRIP_WIDTH, dtype=np.float32) + 0.5) / STRIP_WIDTH
    picture = np.zeros((height, STRIP_WIDTH, 3), np.uint8)
    picture[is_lung] = _LUNG_GREY
    inside = across < np.maximum(share, np.where(share > 0, _LEAST, 0.0))[:, None]
    strength = np.where(counted[rows], 1.0, _PALE)[:, None]
    colour = np.round(severity_colour(share, palette) * strength + _LUNG_GREY * (1.0 - strength))
    picture[inside] = colour[:, None].repeat(STRIP_WIDTH, axis=1)[inside]
    return picture
