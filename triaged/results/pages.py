"""Lays out pictures with their text; knows nothing of DICOM. Text is plain ASCII: the bundled font has little more.

No patient attribute is ever drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from pydicom.dataset import Dataset

from triaged.imaging.volume import Volume
from triaged.results.colour import Palette, Picture, overlaid, plain, severity_colour
from triaged.results.comparison import Earlier
from triaged.results.projection import Direction, Projection, cropped
from triaged.results.provenance import Provenance
from triaged.results.wording import Lines, reading_lines, reason_lines
from triaged.study.assessment import Reason
from triaged.study.finding import Reading
from triaged.study.placement import Placement

NOTICE = "CT-derived projection - AI triage, not for diagnosis"
PAGE_WIDTH = 1024
_MARGIN = 12
_VIEW_WIDTH, _VIEW_HEIGHT = 496, 416
_STRIP = 26
_BAR_WIDTH = 74
_BAR_LABELS = 90  # from this height on every level of the bar has room for its number
_TEXT, _SMALL, _HEAD = 15, 14, 26
_LINE = _TEXT + 5
_HEAD_ROOM = _STRIP + 44
_WHITE, _GREY, _AMBER = (255, 255, 255), (190, 190, 190), (255, 200, 90)


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One picture: RGB `pixels`; `pixel_mm` and `orientation` (rows, columns) only where one kind of view fills it.

    `slices` are the CT slices that it shows, as indices on the canonical volume; none for projections.

    `key` tells apart pages of one name whose content differs although they were made from the same inputs.
    """

    name: str
    title: str
    pixels: Picture
    pixel_mm: float | None
    orientation: tuple[str, str] | None
    key: str = ""
    slices: tuple[int, ...] = ()


def result_pages(
    header: Dataset,
    volume: Volume,
    views: Sequence[Projection],
    reading: Reading,
    placement: Placement,
    provenance: Provenance,
    *,
    palette: Palette = Palette.GREEN_RED,
    earlier: Earlier | None = None,
) -> tuple[Page, ...]:
    """Return the pages of a scored study, all of one size: the summary, then each view by itself."""
    coronal, *sagittals = views = cropped(tuple(views))
    return (
        summary_page(views, reading_lines(header, reading, placement, provenance)),
        *view_pages(coronal),
        *(view_pages(one)[1] for one in sagittals),
    )


def reason_pages(header: Dataset, reason: Reason, placement: Placement, provenance: Provenance) -> tuple[Page, ...]:
    """Return the page of a study that has no score: the reason, and no picture of the patient."""
    return (reason_page(reason_lines(header, reason, placement, provenance), f"{reason.code.value} {reason.detail}"),)


def summary_page(views: Sequence[Projection], lines: Lines) -> Page:
    """Return the page to look at first: what, where and how much."""
    coronal, *sagittals = views
    pixel_mm = _fitting_pixel_mm(coronal, sagittals)
    grey = plain(coronal, pixel_mm)
    top = [overlaid(coronal, pixel_mm, grey), grey]
    bottom = [overlaid(one, pixel_mm, plain(one, pixel_mm)) for one in sagittals]
    first, second = _HEAD_ROOM + _STRIP, _HEAD_ROOM + grey.shape[0] + 2 * _STRIP
    text_at = (2 * _MARGIN + sum(one.shape[1] + _MARGIN for one in bottom), second - _STRIP + 4)
    text = _wrapped(lines.body, PAGE_WIDTH - text_at[0] - _MARGIN)
    below = max(second + bottom[0].shape[0], text_at[1] + len(text) * _LINE)
    page = _canvas(PAGE_WIDTH, below + _STRIP)
    draw = ImageDraw.Draw(page)
    _notice(draw)
    draw.text((_MARGIN, _STRIP + 8), lines.headline, font=_font(_HEAD), fill=_WHITE)
    left = _MARGIN
    for picture, caption in zip(top, ("Coronal, severity", "Coronal, plain"), strict=True):
        _panel(page, draw, picture, (left, first), caption, Direction.CORONAL)
        left += picture.shape[1] + _MARGIN
    _bar(page, draw, (PAGE_WIDTH - _BAR_WIDTH, first), grey.shape[0])
    left = _MARGIN
    for picture, view in zip(bottom, sagittals, strict=True):
        _panel(page, draw, picture, (left, second), view.direction.value.capitalize(), view.direction)
        left += picture.shape[1] + _MARGIN
    _write(draw, text, text_at)
    return Page("summary", "Summary", np.asarray(page), None, None)


def view_pages(view: Projection) -> tuple[Page, Page]:
    """Return one view by itself, plain and with severity in colour."""
    height_mm, width_mm = (n * mm for n, mm in zip(view.path_mm.shape, view.spacing_mm, strict=True))
    pixel_mm = max(width_mm / _VIEW_WIDTH, height_mm / _VIEW_HEIGHT, 0.5)
    grey = plain(view, pixel_mm)
    return (
        _view_page(view, "plain", grey, pixel_mm, 0),
        _view_page(view, "severity", overlaid(view, pixel_mm, grey), pixel_mm, _BAR_WIDTH),
    )


def _view_page(view: Projection, style: str, picture: Picture, pixel_mm: float, bar: int) -> Page:
    width = max(picture.shape[1] + bar + 2 * _MARGIN, 420)
    page = _canvas(width, picture.shape[0] + 2 * _STRIP + _MARGIN)
    draw = ImageDraw.Draw(page)
    _notice(draw)
    title = f"{view.direction.value.capitalize()}, {style}"
    _panel(page, draw, picture, (_MARGIN, 2 * _STRIP), title, view.direction)
    if bar:
        _bar(page, draw, (width - bar, 2 * _STRIP), picture.shape[0])
    orientation = ("L", "F") if view.direction is Direction.CORONAL else ("P", "F")
    return Page(f"{view.direction.value.replace(' ', '-')}-{style}", title, np.asarray(page), pixel_mm, orientation)


def reason_page(lines: Lines, key: str) -> Page:
    """Return the page of a study that has no score: the reason, and no picture of the patient."""
    text = _wrapped(lines.body, PAGE_WIDTH - 2 * _MARGIN)
    top = _HEAD_ROOM + _STRIP
    page = _canvas(PAGE_WIDTH, top + len(text) * _LINE + _STRIP)
    draw = ImageDraw.Draw(page)
    _notice(draw)
    draw.text((_MARGIN, _STRIP + 8), lines.headline, font=_font(_HEAD), fill=_AMBER)
    _write(draw, text, (_MARGIN, top))
    return Page("reason", "Not scored", np.asarray(page), None, None, key)


def _fitting_pixel_mm(coronal: Projection, sagittals: Sequence[Projection]) -> float:
    """Return the pixel that lets two coronal views stand side by side and leaves a third of the width for text."""
    beside = 2.0 * coronal.path_mm.shape[1] * coronal.spacing_mm[1] / (PAGE_WIDTH - _BAR_WIDTH - 3 * _MARGIN)
    below = sum(one.path_mm.shape[1] * one.spacing_mm[1] for one in sagittals) / (PAGE_WIDTH - 360.0 - 4 * _MARGIN)
    tall = coronal.path_mm.shape[0] * coronal.spacing_mm[0] / 430.0
    return float(max(beside, below, tall, 0.3))


def _canvas(width: int, height: int) -> Pillow.Image:
    return Pillow.new("RGB", (width, height))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def _notice(draw: ImageDraw.ImageDraw) -> None:
    draw.text((_MARGIN, 5), NOTICE, font=_font(_SMALL), fill=_AMBER)


def _panel(
    page: Pillow.Image, draw: ImageDraw.ImageDraw, picture: Picture, at: tuple[int, int], caption: str, way: Direction
) -> None:
    height, width = picture.shape[:2]
    x, y = at
    page.paste(Pillow.fromarray(picture), at)
    draw.text((x, y - 19), caption, font=_font(_SMALL), fill=_GREY)
    start, end = ("R", "L") if way is Direction.CORONAL else ("A", "P")
    _marker(draw, (x + 12, y + height // 2), start)
    _marker(draw, (x + width - 12, y + height // 2), end)
    _marker(draw, (x + width // 2, y + 12), "H")
    _marker(draw, (x + width // 2, y + height - 12), "F")


def _marker(draw: ImageDraw.ImageDraw, at: tuple[int, int], letter: str) -> None:
    draw.text(at, letter, font=_font(20), fill=_WHITE, anchor="mm", stroke_width=2, stroke_fill=(0, 0, 0))


def _bar(page: Pillow.Image, draw: ImageDraw.ImageDraw, at: tuple[int, int], height: int) -> None:
    """Draw the bar from 0 to 100 % of the lung's depth affected, most at the top."""
    x, y = at
    draw.text((x, y - 19), "Affected", font=_font(_SMALL), fill=_GREY)
    shares = np.linspace(1.0, 0.0, height, dtype=np.float32)
    colours = np.round(severity_colour(shares)).astype(np.uint8)
    page.paste(Pillow.fromarray(np.repeat(colours[:, None], 18, axis=1)), (x, y))
    for percent in (0, 25, 50, 75, 100) if height >= _BAR_LABELS else (0, 100):
        level = y + round((100 - percent) / 100 * (height - 1))
        draw.line([(x, level), (x + 22, level)], fill=_WHITE)
        beside = (x + 25, min(max(level, y + 7), y + height - 8))
        draw.text(beside, f"{percent}%", font=_font(_SMALL), fill=_WHITE, anchor="lm")


def _write(draw: ImageDraw.ImageDraw, lines: Sequence[str], at: tuple[int, int]) -> None:
    for number, text in enumerate(lines):
        draw.text((at[0], at[1] + number * _LINE), text, font=_font(_TEXT), fill=_WHITE)


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    """Return the lines broken between words so that each fits the width."""
    font = _font(_TEXT)
    parts: list[str] = []
    for text in lines:
        current = ""
        for word in text.split():
            longer = f"{current} {word}".strip()
            if current and font.getlength(longer) > width:
                parts.append(current)
                current = word
            else:
                current = longer
        parts.append(current)
    return parts
