"""Divides lungs on a frontal X-ray into thirds of equal area, and scores them (Danilov et al.); knows no network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Thirds:
    """The rows at which one lung is cut so that its upper, middle and lower zone have equal areas: `first` < `second`.

    A row belongs to the zone below the cut that it lies at.
    """

    first: int
    second: int

    def zones(self, lung: Mask) -> tuple[Mask, Mask, Mask]:
        """Return the upper, middle and lower part of a lung."""
        rows = np.arange(lung.shape[0])[:, np.newaxis]
        upper, lower = rows < self.first, rows >= self.second
        return lung & upper, lung & ~upper & ~lower, lung & lower

    def shares(self, lung: Mask, affected: Mask) -> tuple[float, float, float]:
        """Return which share of each zone is affected, from upper to lower; 0 of a zone without pixels."""
        upper, middle, lower = (share(affected, zone) for zone in self.zones(lung))
        return upper, middle, lower


def thirds(lung: Mask) -> Thirds:
    """Return where a lung is cut, at the rows that come nearest to equal areas."""
    filled = np.concatenate([[0], np.cumsum(lung.sum(axis=1))])
    first, second = (int(np.argmin(np.abs(filled - filled[-1] * part / 3))) for part in (1, 2))
    return Thirds(first, max(first, second))


def share(affected: Mask, region: Mask) -> float:
    """Return which share of a region is affected, in [0, 1]; 0 of an empty one."""
    area = int(np.count_nonzero(region))
    return int(np.count_nonzero(affected & region)) / area if area else 0.0


def score(shares: tuple[float, ...], threshold: float) -> int:
    """Return how many zones are affected: those of which at least `threshold` is."""
    return sum(each >= threshold for each in shares)
