"""Draws the score of an X-ray as six cells in the shape of the lungs, as one looks at the picture; knows no page."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from triaged.exams.xray.pictures.overlay import AFFECTED, LUNGS
from triaged.exams.xray.pictures.wording import affected_zones, zone_shares
from triaged.results.page import Picture
from triaged.study.coding import percent
from triaged.study.concepts import ZONES
from triaged.study.finding import Finding

_RIGHT: Final = (
    *((0.93, 0.16), (0.84, 0.05), (0.70, 0.01), (0.55, 0.06), (0.40, 0.18), (0.27, 0.35), (0.17, 0.55)),
    *((0.10, 0.76), (0.07, 0.98), (0.22, 0.91), (0.42, 0.87), (0.62, 0.88), (0.80, 0.93), (0.93, 0.98)),
)
"""The corners of the right lung, in shares of its box: the middle of the chest is at the right."""
_LEFT: Final = (
    *((0.93, 0.16), (0.84, 0.05), (0.70, 0.01), (0.55, 0.06), (0.40, 0.18), (0.27, 0.35), (0.17, 0.55)),
    *((0.10, 0.76), (0.07, 0.98), (0.22, 0.91), (0.38, 0.88), (0.54, 0.90), (0.62, 0.84), (0.70, 0.68), (0.93, 0.50)),
)
"""The same of the left lung, in a mirror: the heart takes a part."""
_CUTS: Final = (0.0, 0.40, 0.67, 1.0)
_FINER: Final = 4
_EMPTY: Final = (44, 52, 56)
_WHITE: Final = (255, 255, 255)


def score_cells(finding: Finding, size: tuple[int, int]) -> Picture:
    """Return six cells of `size` (width, height), those that the score counts filled and hatched, with their shares."""
    width, height = size[0] * _FINER, size[1] * _FINER
    image = Pillow.new("RGB", (width, height))
    counted, shares = affected_zones(finding), zone_shares(finding)
    half = round(width * 0.48)
    for side, corners in enumerate((_RIGHT, _LEFT)):
        lung = Pillow.new("L", (half, height))
        ImageDraw.Draw(lung).polygon([(x * half, y * (height - 1)) for x, y in _rounded(corners)], fill=255)
        filled = _cells(lung, [zone in counted for zone in ZONES[3 * side : 3 * side + 3]])
        if side:
            filled = filled.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT)
            lung = lung.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT)
        image.paste(filled, (side * (width - half), 0), lung)
    image = image.resize(size, Pillow.Resampling.BOX)
    _write(image, shares, counted_cells=[zone in counted for zone in ZONES])
    return np.asarray(image)


def _rounded(corners: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Return a polygon with its corners cut twice, which makes it round (Chaikin)."""
    points = np.array(corners)
    for _ in range(2):
        following = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], axis=1).reshape(-1, 2)
    return [(float(x), float(y)) for x, y in points]


def _cells(lung: Pillow.Image, counted: list[bool]) -> Pillow.Image:
    """Return the three cells of one lung with their edges."""
    half, height = lung.size
    filled = Pillow.new("RGB", lung.size, _EMPTY)
    draw = ImageDraw.Draw(filled)
    for number, is_counted in enumerate(counted):
        top, lower = (round(_CUTS[number + each] * height) for each in (0, 1))
        if is_counted:
            draw.rectangle((0, top, half, lower), fill=AFFECTED)
        draw.rectangle((0, lower - _FINER, half, lower + _FINER - 1), fill=(0, 0, 0))
    inside = np.asarray(lung) > 0
    padded = np.pad(inside, 1)
    rim = 2 * _FINER
    core = inside.copy()
    for _ in range(rim // 2):
        core = core & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        padded = np.pad(core, 1)
    pixels = np.array(filled)
    pixels[inside & ~core] = LUNGS
    return Pillow.fromarray(pixels)


def _write(image: Pillow.Image, shares: tuple[float, ...], *, counted_cells: list[bool]) -> None:
    """Write each zone's share into its cell."""
    draw = ImageDraw.Draw(image)
    width, height = image.size
    font = ImageFont.load_default(size=max(10, round(height * 0.085)))
    for number, share in enumerate(shares):
        side, third = divmod(number, 3)
        middle = (0.66, 0.60, 0.52)[third] if side == 0 else (0.66, 0.60, 0.40)[third]
        x = middle * 0.48 * width if side == 0 else width - middle * 0.48 * width
        y = height * (0.24, 0.535, 0.79)[third]
        colour = (0, 0, 0) if counted_cells[number] else _WHITE
        draw.text((x, y), percent(share), font=font, fill=colour, anchor="mm")
