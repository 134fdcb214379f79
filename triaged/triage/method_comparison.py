"""How two methods that measure the same agree: bias and limits, weighted kappa, and pairs in another order.

Pure statistics of numbers. Must not know what is measured, nor by whom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from triaged.triage.intervals import Interval, Reals, mean_of, t_quantile

FEWEST: Final = 3
"""Fewer differences have no limits of agreement."""
_Z: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """The mean difference, second less first, and the limits that 95 % of the differences keep, each with its bounds.

    Bland and Altman 1986 and 1999: limits are 1.96 standard deviations from the mean; a limit's variance is that of the
    differences by (1/n + 1.96²/2(n - 1)).
    """

    n: int
    bias: Interval
    low: Interval
    high: Interval


@dataclass(frozen=True, slots=True)
class Flips:
    """Of so many pairs that waited at the same time, how many would be in the other order."""

    pairs: int
    flipped: int

    @property
    def share(self) -> float:
        """Return the flipped share, 0 of no pairs."""
        return self.flipped / self.pairs if self.pairs else 0.0


def bland_altman(first: Sequence[float] | Reals, second: Sequence[float] | Reals) -> BlandAltman | None:
    """Return how two methods differ, in their own unit; None with fewer than three differences."""
    differences = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    n = differences.size
    if n < FEWEST:
        return None
    bias, spread = mean_of(differences), float(differences.std(ddof=1))
    half = t_quantile(n - 1) * spread * float(np.sqrt(1 / n + _Z**2 / (2 * (n - 1))))

    def limit(side: int) -> Interval:
        at = bias.value + side * _Z * spread
        return Interval(at, at - half, at + half)

    return BlandAltman(n, bias, limit(-1), limit(1))


def weighted_kappa(first: Sequence[int], second: Sequence[int]) -> Interval | None:
    """Return Cohen's kappa of two ratings on an ordered scale, weighted linearly; categories that nobody gave are none.

    The bounds are of 95 %, from the large-sample variance of Fleiss, Cohen and Everitt 1969. None where either rates
    everything the same, or nothing: what agrees then is chance alone.
    """
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    _, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    size, n = int(codes.max()) + 1, len(first)
    shares = np.zeros((size, size))
    np.add.at(shares, (codes[:n], codes[n:]), 1 / n)
    of_first, of_second = shares.sum(axis=1), shares.sum(axis=0)
    steps = np.arange(size)
    weights = 1 - np.abs(steps[:, None] - steps) / (size - 1)
    expected = float((weights * np.outer(of_first, of_second)).sum())
    observed = float((weights * shares).sum())
    kappa = (observed - expected) / (1 - expected)
    typical = (weights @ of_second)[:, None] + (of_first @ weights)[None]
    scatter = float((shares * (weights - typical * (1 - kappa)) ** 2).sum()) - (kappa - expected * (1 - kappa)) ** 2
    half = _Z * float(np.sqrt(max(0.0, scatter) / n)) / (1 - expected)
    return Interval(kappa, max(-1.0, kappa - half), min(1.0, kappa + half))


def flipped_pairs(first: Sequence[str], second: Sequence[str], waits: Sequence[tuple[float, float]]) -> Flips:
    """Return how many pairs that waited at the same time have another order by their second keys than by their first.

    Keys are compared as they are. `waits` are begin and end of each; who does not wait is in no pair. Two that wait in
    a row, one ending as the other begins, never waited together.
    """
    spans = np.asarray(waits, dtype=np.float64).reshape(-1, 2)
    waiting = np.flatnonzero(spans[:, 1] > spans[:, 0])
    inside = waiting[np.argsort(spans[waiting, 0], kind="stable")]
    begins, ends = spans[inside, 0], spans[inside, 1]
    ranks = [_ranks([keys[index] for index in inside]) for keys in (first, second)]
    until = np.searchsorted(begins, ends, side="left")
    flipped = 0
    for index, last in enumerate(until.tolist()):
        before = [rank[index + 1 : last] < rank[index] for rank in ranks]
        flipped += int(np.count_nonzero(before[0] != before[1]))
    return Flips(int((until - np.arange(1, inside.size + 1)).sum()), flipped)


def _ranks(keys: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Return the place of each key among all; equal keys, which no list has, have one place."""
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return np.array([places[key] for key in keys], dtype=np.int32)
