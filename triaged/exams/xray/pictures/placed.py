"""Sets an upright radiograph on a page, with its sides and the shares of its zones; knows no words."""

from __future__ import annotations

from typing import Final

import numpy as np

from triaged.exams.xray.finding import XrayReading
from triaged.exams.xray.pictures.overlay import Mask
from triaged.exams.xray.pictures.wording import zone_shares
from triaged.exams.xray.zones import Thirds
from triaged.results.layout import LARGE, Markers, Sheet
from triaged.results.page import Picture
from triaged.study.coding import percent

NO_LETTERS: Final = Markers("", "", "", "")


def set_upright(sheet: Sheet, picture: Picture, at: tuple[int, int], caption: str) -> None:
    """Set a radiograph with the letters of the patient's sides in its upper corners, where no number comes."""
    sheet.picture(picture, at, caption, NO_LETTERS)
    for x, letter in ((at[0] + 14, "R"), (at[0] + picture.shape[1] - 14, "L")):
        sheet.label((x, at[1] + 14), letter, "mm", LARGE)


def write_shares(sheet: Sheet, reading: XrayReading, at: tuple[int, int], size: tuple[int, int]) -> None:
    """Write the share of each zone at the outer edge of its lung."""
    shares = zone_shares(reading.finding)
    sides = ((reading.right_lung, reading.right_cut), (reading.left_lung, reading.left_cut))
    for side, (lung, cut) in enumerate(sides):
        rows, columns = lung.shape
        for third, (row, column) in enumerate(_outer_edges(lung, cut, is_left=bool(side))):
            x, y = at[0] + column * size[0] / columns, at[1] + row * size[1] / rows
            words = percent(shares[3 * side + third])
            outwards = x + 6 if side else x - 6
            edge = at[0] + size[0] - 4 if side else at[0] + 4
            is_near = abs(edge - outwards) < 44
            place = edge if is_near else outwards
            anchor = ("rm" if side else "lm") if is_near else ("lm" if side else "rm")
            sheet.label((place, y), words, anchor)


def _outer_edges(lung: Mask, cut: Thirds, *, is_left: bool) -> list[tuple[float, float]]:
    """Return for each zone the middle of its height, and there its lateral edge: (row, column)."""
    found = []
    for zone in cut.zones(lung):
        rows = np.flatnonzero(zone.any(axis=1))
        if not rows.size:
            found.append((0.0, 0.0))
            continue
        row = int(rows[rows.size // 2])
        columns = np.flatnonzero(zone[row])
        found.append((row + 0.5, float(columns[-1] + 1 if is_left else columns[0])))
    return found
