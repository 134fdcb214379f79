"""Small charts as SVG without scripts: places of bars, which a template draws. Knows no studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

HEIGHT: Final = 80
WIDTH: Final = 480
_GAP = 2.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `words` say what it stands for, to whom cannot see it."""

    x: float
    y: float
    width: float
    height: float
    words: str


def bars(values: Sequence[float], words: Sequence[str]) -> list[Bar]:
    """Return a bar for each value, from left to right, the largest as high as the chart."""
    most, step = max([*values, 1.0]), WIDTH / max(1, len(values))
    found = []
    for number, (value, said) in enumerate(zip(values, words, strict=True)):
        height = round(HEIGHT * value / most, 1)
        found.append(Bar(round(number * step, 1), HEIGHT - height, round(step - _GAP, 1), height, said))
    return found


def by_hour(moments: Sequence[datetime], now: datetime, hours: int = 24) -> list[int]:
    """Return how many moments lie in each of the last hours, the oldest first."""
    counts = [0] * hours
    for moment in moments:
        place = hours - 1 - int((now - moment) / timedelta(hours=1))
        if 0 <= place < hours and moment <= now:
            counts[place] += 1
    return counts


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which so large a share lies (nearest rank); None of nothing."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, -int(-share * len(ranked) // 1) - 1))]
