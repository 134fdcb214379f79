"""Finds senders and devices whose studies are not like everybody else's; pure statistics of few numbers.

One scanner that writes what nobody can read says nothing about the studies of the others. Who is found here is set
aside when the guard judges the order. Must not know what is counted, nor where the names come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Final

STANDS_OUT: Final = 3.0
"""So many times the share of the others a source's share has to be, or the others' its."""
FEWEST_HITS: Final = 5
FEWEST_OTHERS: Final = 10
"""Fewer studies of others say too little of what is usual here."""
_Z: Final = 1.96


@dataclass(frozen=True, slots=True)
class Count:
    """So many of `total` studies have what is counted."""

    hits: int
    total: int

    @property
    def share(self) -> float:
        """Return the share, 0 of nothing."""
        return self.hits / self.total if self.total else 0.0

    def bounds(self) -> tuple[float, float]:
        """Return what the true share is between with 95 % confidence (Wilson 1927, without continuity correction)."""
        if self.total == 0:
            return 0.0, 1.0
        n, p, zz = self.total, self.share, _Z**2
        middle, half = p + zz / (2 * n), _Z * sqrt(p * (1 - p) / n + zz / (4 * n * n))
        return max(0.0, (middle - half) / (1 + zz / n)), min(1.0, (middle + half) / (1 + zz / n))


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond which shares a source is clearly off; `part` of them, and of `STANDS_OUT`, is enough for `before`."""

    most: float
    least: float = 0.0
    part: float = 1.0
    before: frozenset[str] = frozenset()

    def eased(self, name: str) -> float:
        """Return by how much the limits are eased for a source that was set aside before."""
        return self.part if name in self.before else 1.0


def standing_out(counts: Mapping[str, Count], limits: Limits) -> list[str]:
    """Return the sources that stand out clearly, sorted; an unnamed source is never one of them.

    A source stands out where its share is beyond the limit with confidence, and three times that of those that are not,
    or a third. More than half of all sources do not stand out: then it is not they who are wrong.
    """
    clear = [name for name, count in counts.items() if name and _is_beyond(count, limits, limits.eased(name))]
    others = total(count for name, count in counts.items() if name not in clear)
    if others.total < FEWEST_OTHERS or 2 * len(clear) > len(counts):
        return []
    return sorted(name for name in clear if _is_unlike(counts[name], others, STANDS_OUT * limits.eased(name)))


def total(counts: Iterable[Count]) -> Count:
    """Return the sum."""
    listed = list(counts)
    return Count(sum(each.hits for each in listed), sum(each.total for each in listed))


def tally(sources: Iterable[tuple[str, bool]]) -> dict[str, Count]:
    """Count by source; each study brings its source and whether it has what is counted."""
    counts: dict[str, Count] = {}
    for name, has in sources:
        before = counts.get(name, Count(0, 0))
        counts[name] = Count(before.hits + has, before.total + 1)
    return counts


def _is_beyond(count: Count, limits: Limits, eased: float) -> bool:
    low, high = count.bounds()
    return (count.hits >= FEWEST_HITS and low > limits.most * eased) or high < limits.least / eased


def _is_unlike(count: Count, others: Count, times: float) -> bool:
    return count.share > times * others.share or others.share > times * count.share
