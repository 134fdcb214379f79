"""Control limits of shares and counts by day (Shewhart's p- and c-charts), and which days are outside; pure statistics.

Limits are three standard deviations around what was usual in a baseline. Where days of the baseline scatter by more
than chance, the limits are as much wider (Laney 2002, from the moving range). A day signals only where, beside that,
the exact probability of so extreme a number is below that of three standard deviations: of few studies a share is far
from usual by chance alone. Must not know what is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Final

import numpy as np
from scipy.special import bdtr, bdtrc, pdtr, pdtrc

SIGMAS: Final = 3.0
CHANCE: Final = 0.00135
"""Beyond three standard deviations of a normal distribution, on one side."""
FEWEST_DAYS: Final = 14
FEWEST_STUDIES: Final = 100
FEWEST_ARRIVALS: Final = 50
"""A baseline of fewer says too little of what is usual."""
FEWEST_OF_A_DAY: Final = 5
"""A share of fewer studies is not judged."""
_RANGE_TO_SD: Final = 1.128
"""The mean range of two values is so many standard deviations."""


class Side(StrEnum):
    """On which side of its limits something is."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Signal:
    """Something is outside its limits; `chance` is the probability of that, or more, while all is as usual."""

    side: Side
    chance: float


@dataclass(frozen=True, slots=True)
class Judged:
    """A number of hits beside what is usual: as a share of `total`, or as a count where that is None.

    `value`, `centre` and the limits are of one kind, share or count. A share of nothing has no value.
    """

    hits: int
    total: int | None
    value: float | None
    centre: float
    low: float
    high: float
    signal: Signal | None


@dataclass(frozen=True, slots=True)
class UsualShare:
    """What share was usual; `spread` is by how much days scattered beyond chance, 1 where they did not."""

    share: float
    spread: float

    def judge(self, hits: int, total: int) -> Judged:
        """Judge the hits among a number of studies."""
        if not total:
            return Judged(0, 0, None, self.share, 0.0, 1.0, None)
        half = SIGMAS * self.spread * sqrt(self.share * (1 - self.share) / total)
        low, high = max(0.0, self.share - half), min(1.0, self.share + half)
        signal = _signal(
            hits / total,
            low,
            high,
            lambda: float(bdtrc(hits - 1, total, self.share)) if hits else 1.0,
            lambda: float(bdtr(hits, total, self.share)),
        )
        return Judged(hits, total, hits / total, self.share, low, high, signal if total >= FEWEST_OF_A_DAY else None)


@dataclass(frozen=True, slots=True)
class UsualCount:
    """How many were usual in a day; `spread` as for shares."""

    mean: float
    spread: float

    def judge(self, number: int, days: float = 1.0) -> Judged:
        """Judge a number that came in so many days as this."""
        return judge_counts([(number, self, days)])


def judge_counts(parts: Sequence[tuple[int, UsualCount, float]]) -> Judged:
    """Judge what came in several days together, each with what is usual on such days, and how many they are."""
    number = sum(each for each, _, _ in parts)
    centre = sum(days * usual.mean for _, usual, days in parts)
    half = SIGMAS * max(usual.spread for _, usual, _ in parts) * sqrt(centre)
    low, high = max(0.0, centre - half), centre + half
    signal = _signal(
        number,
        low,
        high,
        lambda: float(pdtrc(number - 1, centre)) if number else 1.0,
        lambda: float(pdtr(number, centre)),
    )
    return Judged(number, None, float(number), centre, low, high, signal)


def usual_share(days: Sequence[tuple[int, int]]) -> UsualShare | str:
    """Return what share was usual on days of a baseline, given as hits of total; or in words why nobody can say.

    Half a hit is added to the hits and one to the studies: what never happened in a baseline is not impossible.
    """
    counted = [(hits, total) for hits, total in days if total]
    hits, total = (sum(each[side] for each in counted) for side in (0, 1))
    if len(counted) < FEWEST_DAYS or total < FEWEST_STUDIES:
        return (
            f"too few before to say what is usual: {total} studies on {len(counted)} days; "
            f"at least {FEWEST_STUDIES} on {FEWEST_DAYS}"
        )
    share = (hits + 0.5) / (total + 1)
    return UsualShare(share, _spread([(x / n - share) / sqrt(share * (1 - share) / n) for x, n in counted]))


def usual_counts(days: Sequence[tuple[str, int]]) -> dict[str, UsualCount] | str:
    """Return how many were usual on each kind of day of a baseline, by its name; or in words why nobody can say."""
    total = sum(number for _, number in days)
    if len(days) < FEWEST_DAYS or total < FEWEST_ARRIVALS:
        return (
            f"too few before to say what is usual: {total} studies in {len(days)} days; "
            f"at least {FEWEST_ARRIVALS} in {FEWEST_DAYS}"
        )
    by_kind: dict[str, list[int]] = {}
    for kind, number in days:
        by_kind.setdefault(kind, []).append(number)
    means = {kind: (sum(numbers) + 0.5) / len(numbers) for kind, numbers in by_kind.items()}
    spread = _spread([(number - means[kind]) / sqrt(means[kind]) for kind, number in days])
    return {kind: UsualCount(mean, spread) for kind, mean in means.items()}


def _spread(standardised: Sequence[float]) -> float:
    """Return by how much days scatter beyond chance: never less than 1."""
    ranges = np.abs(np.diff(np.asarray(standardised, dtype=np.float64)))
    return max(1.0, float(ranges.mean()) / _RANGE_TO_SD)


def _signal(
    value: float, low: float, high: float, at_least: Callable[[], float], at_most: Callable[[], float]
) -> Signal | None:
    if value > high and (chance := at_least()) < CHANCE:
        return Signal(Side.ABOVE, chance)
    if value < low and (chance := at_most()) < CHANCE:
        return Signal(Side.BELOW, chance)
    return None
