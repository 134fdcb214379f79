"""Sets plain ASCII text and pictures on a page of fixed size; knows nothing of severity, projections or DICOM."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

PAGE_WIDTH, PAGE_HEIGHT = 1024, 800
MARGIN = 12
CORNER_WIDTH, CORNER_HEIGHT = 200, 60  # each corner of a page is left to what the viewer writes there
TOP = 98  # where pictures begin, below the notice, the headline and a caption
FOOT = PAGE_HEIGHT - CORNER_HEIGHT  # what is as wide as the page ends here
BAND_WIDTH = PAGE_WIDTH - 2 * CORNER_WIDTH  # what lies between two corners
CAPTION = 20
SMALL, TEXT, LARGE, HEAD = 14, 15, 18, 26
WHITE, GREY, AMBER = (255, 255, 255), (190, 190, 190), (255, 200, 90)
_LONGEST_PART = 300  # letters of one word that are tried on a line
_INSET = 4  # between words and the edge of the page, or of a corner
_TEXT_SIZES = (17, 16, TEXT, SMALL, 13)
_HEAD_SIZES = (HEAD, 24, 22, 20)
_PURPOSE_SIZES = (SMALL, 13, 12, 11, 10)

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Heading:
    """What every page of a result says at its top: above all the notice, and below the headline what was looked for
    and what was not. `note` may be empty; drafts of older versions have no `purpose`.
    """

    headline: str
    notice: str
    note: str = ""
    colour: Colour = WHITE
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Markers:
    """The letters at the left, right, upper and lower border of a view."""

    left: str
    right: str
    upper: str
    lower: str


class Sheet:
    """A page in the making: black, with the notice and the heading already on it."""

    def __init__(self, heading: Heading, size: tuple[int, int] = (PAGE_WIDTH, PAGE_HEIGHT)) -> None:
        self.image = Pillow.new("RGB", size)
        self.draw = ImageDraw.Draw(self.image)
        left = CORNER_WIDTH + _INSET if size[0] >= PAGE_WIDTH else MARGIN
        self.text((left, 4), heading.notice, SMALL, AMBER)
        self.draw.text((size[0] - left, 4), heading.note, font=_font(SMALL), fill=AMBER, anchor="ra")
        self._headline(heading, left, size[0] - 2 * left)
        purpose = _largest(heading.purpose, size[0] - 2 * MARGIN, _PURPOSE_SIZES)
        self.text((MARGIN, CORNER_HEIGHT), heading.purpose, purpose, GREY)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The page as it is now."""
        return np.array(self.image)

    def _headline(self, heading: Heading, left: int, width: int) -> None:
        """Write the headline on one line, or smaller on two where it is long."""
        size = _largest(heading.headline, width, _HEAD_SIZES)
        if fit_width(heading.headline, size) <= width:
            self.text((left, 24 + (HEAD - size) // 2), heading.headline, size, heading.colour)
            return
        size, lines = _fitted([heading.headline.replace("   ", " | ")], width, 2 * _line_height(_TEXT_SIZES[0]))
        for number, words in enumerate(lines):
            self.text((left, 20 + number * (size + 2)), words, size, heading.colour)

    def text(self, at: tuple[int, int], words: str, size: int = TEXT, colour: Colour = WHITE) -> None:
        """Write one line with its upper left corner at `at`."""
        self.draw.text(at, words, font=_font(size), fill=colour)

    def beside(self, at: tuple[float, float], words: str, anchor: str, colour: Colour = WHITE) -> None:
        """Write one line in the size of captions, held by the point that Pillow's `anchor` names."""
        self.draw.text(at, words, font=_font(SMALL), fill=colour, anchor=anchor)

    def label(self, at: tuple[float, float], words: str, anchor: str, size: int = SMALL) -> None:
        """Write one line over a picture, readable on any grey, held by the point that Pillow's `anchor` names."""
        self.draw.text(at, words, font=_font(size), fill=WHITE, anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0))

    def paste(self, pixels: NDArray[np.uint8], at: tuple[int, int]) -> None:
        """Set pixels without anything around them."""
        self.image.paste(Pillow.fromarray(pixels), at)

    def picture(self, pixels: NDArray[np.uint8], at: tuple[int, int], caption: str, markers: Markers) -> None:
        """Set a picture with its caption above and the letters of its directions inside its border."""
        height, width = pixels.shape[:2]
        x, y = at
        self.image.paste(Pillow.fromarray(pixels), at)
        self.text((max(x, _INSET), y - CAPTION), caption, SMALL, GREY)
        for place, letter in (
            ((x + 12, y + height // 2), markers.left),
            ((x + width - 12, y + height // 2), markers.right),
            ((x + width // 2, y + 12), markers.upper),
            ((x + width // 2, y + height - 12), markers.lower),
        ):
            self.draw.text(
                place, letter, font=_font(20), fill=WHITE, anchor="mm", stroke_width=2, stroke_fill=(0, 0, 0)
            )

    def dashes(self, start: tuple[float, float], width: float) -> None:
        """Draw a thin dashed line to the right."""
        x, y = start
        for left in np.arange(x, x + width, 10.0):
            self.draw.line([(left, y), (min(left + 5.0, x + width), y)], fill=GREY)

    def paragraph(self, lines: Sequence[str], at: tuple[int, int], room: tuple[int, int] | None = None) -> None:
        """Write lines, broken to fit into `room`; smaller where they are many.

        Without `room` they have the page up to its margin and down to its lower corners.
        What does not fit even so is cut with dots, a little of the longest line first.
        """
        width, height = room or (PAGE_WIDTH - MARGIN - at[0], FOOT - at[1])
        size, broken = _fitted(lines, width, height)
        for number, words in enumerate(broken):
            self.text((at[0], at[1] + number * _line_height(size)), words, size)


def fit_width(words: str, size: int) -> float:
    """Return how many pixels a line of text takes."""
    return float(_font(size).getlength(words))


def _largest(words: str, width: int, sizes: Sequence[int]) -> int:
    """Return the first of the sizes in which the words fit on a line, else the last."""
    return next((size for size in sizes if fit_width(words, size) <= width), sizes[-1])


def _fitted(lines: Sequence[str], width: int, height: int) -> tuple[int, list[str]]:
    size = _TEXT_SIZES[0]
    for size in _TEXT_SIZES:
        paragraphs = [_wrapped(line, width, size) for line in lines]
        if sum(map(len, paragraphs)) * _line_height(size) <= height:
            break
    room = height // _line_height(size)
    while sum(map(len, paragraphs)) > room and max(map(len, paragraphs)) > 1:
        longest = max(range(len(paragraphs)), key=lambda index: len(paragraphs[index]))
        kept = paragraphs[longest][:-1]
        paragraphs[longest] = [*kept[:-1], _dotted(kept[-1], width, size)]
    return size, [line for paragraph in paragraphs for line in paragraph][:room]


def _dotted(words: str, width: int, size: int) -> str:
    """Return a line that ends in dots and still fits."""
    words = words.removesuffix(" ...")
    while words and fit_width(f"{words} ...", size) > width:
        words = words[:-1]
    return f"{words} ..."


def _wrapped(line: str, width: int, size: int) -> list[str]:
    """Return a line broken between words so that each part fits the width, and a long word where it has to be."""
    parts, current = [], ""
    for word in line.split():
        longer = f"{current} {word}".strip()
        if current and fit_width(longer, size) > width:
            parts.append(current)
            longer = word
        while fit_width(longer, size) > width and len(longer) > 1:
            fits = _fitting(longer, width, size)
            parts.append(longer[:fits])
            longer = longer[fits:]
        current = longer
    return [*parts, current]


def _fitting(word: str, width: int, size: int) -> int:
    """Return how many letters of a word fit the width, one at least."""
    fits = bisect_right(range(1, _LONGEST_PART), width, key=lambda letters: ceil(fit_width(word[:letters], size)))
    return max(1, fits)


def _line_height(size: int) -> int:
    return size + 5


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)
