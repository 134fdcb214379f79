"""What can be said of one criterion: it is met, it is not, or there is too little to say.

Must not know which criteria there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Verdict(StrEnum):
    """What the figures say of a criterion; the value is what people read."""

    MEETS = "meets"
    DOES_NOT_MEET = "does not meet"
    TOO_FEW = "too few cases to say"


class Bounds(Protocol):
    """The interval of a figure."""

    @property
    def low(self) -> float:
        """The lower end."""
        ...

    @property
    def high(self) -> float:
        """The upper end."""
        ...


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that was asked, what was found, and what can be said of it; all three are read by people."""

    asked: str
    found: str
    verdict: Verdict


def at_most(limit: float, found: Bounds) -> Verdict:
    """Tell whether a figure is at most `limit`: only an interval that lies on one side of it says so."""
    if found.high <= limit:
        return Verdict.MEETS
    return Verdict.DOES_NOT_MEET if found.low > limit else Verdict.TOO_FEW


def at_least(limit: float, found: Bounds) -> Verdict:
    """Tell whether a figure is at least `limit`: only an interval that lies on one side of it says so."""
    if found.low >= limit:
        return Verdict.MEETS
    return Verdict.DOES_NOT_MEET if found.high < limit else Verdict.TOO_FEW


def between(low: float, high: float, found: Bounds) -> Verdict:
    """Tell whether a figure is from `low` to `high`: only an interval that lies inside or outside says so."""
    if found.low >= low and found.high <= high:
        return Verdict.MEETS
    return Verdict.DOES_NOT_MEET if found.low > high or found.high < low else Verdict.TOO_FEW
