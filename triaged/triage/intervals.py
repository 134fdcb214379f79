"""Means and percentiles with what they are worth; pure statistics of numbers.

Must not know what is measured, nor where the numbers come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Reals = NDArray[np.float64]

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure between the bounds that the true one is within with 95 % confidence; None where too few tell them."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took in `n` studies, in seconds."""

    n: int
    mean: Interval
    median_s: float
    p95_s: float
    max_s: float


def t_quantile(freedom: int) -> float:
    """Return by how many standard errors a figure is uncertain, on either side, with 95 % confidence (Student's t)."""
    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def mean_of(values: Sequence[float] | Reals) -> Interval:
    """Return the mean of at least one value; its bounds are Student's, of at least two values."""
    counted = np.asarray(values, dtype=np.float64)
    mean = float(counted.mean())
    if counted.size < 2:
        return Interval(mean, None, None)
    half = t_quantile(counted.size - 1) * float(counted.std(ddof=1)) / float(np.sqrt(counted.size))
    return Interval(mean, mean - half, mean + half)


def times_of(seconds: Sequence[float]) -> Times | None:
    """Return how long something took; below zero, which clocks that were set give, does not count. None of nothing."""
    counted = np.asarray(seconds, dtype=np.float64)
    counted = counted[counted >= 0]
    if not counted.size:
        return None
    median, p95 = np.quantile(counted, (0.5, 0.95))
    return Times(int(counted.size), mean_of(counted), float(median), float(p95), float(counted.max()))
