"""Figures with the interval that independent replications give them.

Must not know what was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True, slots=True)
class Replicated:
    """A figure with its 95 % interval; all three are NaN where nothing was measured."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        if math.isnan(self.value):
            return "–"
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


UNKNOWN = Replicated(math.nan, math.nan, math.nan)


def mean_of(replications: NDArray[np.float64]) -> Replicated:
    """Return the mean over replications with Student's interval; replications that measured nothing (NaN) are left out.

    With a single replication the interval is unbounded.
    """
    measured = replications[~np.isnan(replications)]
    if not len(measured):
        return UNKNOWN
    return _around(float(measured.mean()), measured - measured.mean())


def ratio_of(replications: NDArray[np.float64], baseline: NDArray[np.float64]) -> Replicated:
    """Return the ratio of two means over paired replications, its interval by linearisation (the delta method)."""
    both = ~(np.isnan(replications) | np.isnan(baseline))
    above, below = replications[both], baseline[both]
    if not len(below) or not below.mean() > 0:
        return UNKNOWN
    ratio = float(above.mean() / below.mean())
    return _around(ratio, (above - ratio * below) / below.mean())


def _around(value: float, deviations: NDArray[np.float64]) -> Replicated:
    number = len(deviations)
    if number < 2:
        return Replicated(value, -math.inf, math.inf)
    error = math.sqrt(float((deviations**2).sum()) / (number - 1) / number)
    half = float(stats.t.ppf(0.975, number - 1)) * error
    return Replicated(value, value - half, value + half)
