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
TOP = 98  # where pictures begin, below the notice, the headline and a caption
CAPTION = 20
SMALL, TEXT, LARGE, HEAD = 14, 15, 18, 26
WHITE, GREY, AMBER = (255, 255, 255), (190, 190, 190), (255, 200, 90)
_LONGEST_PART = 300  # letters of one word that are tried on a line
_TEXT_SIZES = (17, 16, TEXT, SMALL)

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Heading:
    """What every page of a result says at its top: above all the notice; `note` may be empty."""

    headline: str
    notice: str
    note: str = ""
    colour: Colour = WHITE


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
        self.text((MARGIN, 5), heading.notice, SMALL, AMBER)
        self.draw.text((size[0] - MARGIN, 5), heading.note, font=_font(SMALL), fill=AMBER, anchor="ra")
        self.text((MARGIN, 34), heading.headline, HEAD, heading.colour)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The page as it is now."""
        return np.array(self.image)

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
        self.text((x, y - CAPTION), caption, SMALL, GREY)
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
        """Write lines, broken to fit into `room` (to the page's margins without it); smaller where they are many.

        What does not fit even so is cut with dots, a little of the longest line first.
        """
        width, height = room or (PAGE_WIDTH - MARGIN - at[0], PAGE_HEIGHT - MARGIN - at[1])
        size, broken = _fitted(lines, width, height)
        for number, words in enumerate(broken):
            self.text((at[0], at[1] + number * _line_height(size)), words, size)


def fit_width(words: str, size: int) -> float:
    """Return how many pixels a line of text takes."""
    return float(_font(size).getlength(words))


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
        paragraphs[longest] = [*kept[:-1], kept[-1].removesuffix(" ...") + " ..."]
    return size, [line for paragraph in paragraphs for line in paragraph][:room]


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
