"""Plots of points and lines as SVG without scripts: places and texts, which a template draws. Knows no studies.

Colours are classes of the style sheet, so that a plot is light or dark as the page is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 300
LEFT: Final = 56
_RIGHT, _TOP, _BOTTOM = 12, 24, 44
_MOST_TICKS = 7
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """One mark of an axis, in pixels, with its text."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a kind, as a path; `words` stand at its end, at `y`."""

    path: str
    kind: str
    y: float = 0.0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """A part of the height that is shaded from side to side."""

    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A point that stands out, and why."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot; `words` say to whom cannot see it what it shows, `dots` is a path of points."""

    words: str
    x_words: str
    y_words: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    lines: Sequence[Line] = ()
    bands: Sequence[Band] = ()
    dots: str = ""
    marks: Sequence[Mark] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = field(default=WIDTH - _RIGHT)
    bottom: int = field(default=HEIGHT - _BOTTOM)


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` on an axis from one pixel to another."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of a value; one that lies outside is put on the edge."""
        inside = min(max(value, self.low), self.high)
        return round(self.begin + (self.end - self.begin) * (inside - self.low) / (self.high - self.low), 1)

    def ticks(self, unit: str = "") -> list[Tick]:
        """Return marks at round numbers."""
        step = _step((self.high - self.low) / _MOST_TICKS)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        values = (number * step for number in range(first, last + 1))
        return [Tick(self.at(value), f"{signed(value, 10)}{unit}") for value in values]


def across(low: float, high: float) -> Scale:
    """Return the horizontal scale of a plot."""
    return Scale(low, max(high, low + 1e-9), LEFT, WIDTH - _RIGHT)


def upwards(low: float, high: float) -> Scale:
    """Return the vertical scale of a plot, a little longer than from `low` to `high`."""
    space = 0.05 * max(high - low, 1e-9)
    return Scale(low - (space if low else 0.0), high + space, HEIGHT - _BOTTOM, _TOP)


def level(y: float, kind: str, words: str = "") -> Line:
    """Return a line from side to side."""
    return Line(f"M{LEFT} {y}H{WIDTH - _RIGHT}", kind, y, words)


def joined(points: Iterable[tuple[float, float] | None], kind: str) -> Line:
    """Return a line through points; None interrupts it, and a point alone is a dot."""
    path, is_on = [], False
    for point in points:
        if point is not None:
            path.append(f"{'L' if is_on else 'M'}{point[0]} {point[1]}{'' if is_on else 'h0'}")
        is_on = point is not None
    return Line("".join(path), kind)


def dots(points: Iterable[tuple[float, float]]) -> str:
    """Return points as one path, those that fall onto the same pixel once."""
    return "".join(f"M{x:g} {y:g}h0" for x, y in dict.fromkeys((round(x), round(y)) for x, y in points))


def signed(value: float, digits: int = 1) -> str:
    """Return a number with the minus sign of type, without zeros that say nothing where it has many digits."""
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if digits > 3 else text
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text.removeprefix("-")


def _step(least: float) -> float:
    """Return the smallest round step that is at least so long."""
    magnitude = 10.0 ** math.floor(math.log10(least))
    return next(step * magnitude for step in _STEPS if step * magnitude >= least * (1 - 1e-9))
