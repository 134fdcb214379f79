"""Divides lungs into thirds of equal volume, from foot to head; arrays in, numbers out, no picture and no DICOM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.finding import LungAnalysis

AFFECTED_ZONE = 0.3  # from this share on a third of a lung counts as affected


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Voxels of lung and of affected lung in each slice, from foot to head."""

    lung: NDArray[np.int64]
    affected: NDArray[np.int64]

    @property
    def heights(self) -> tuple[float, float]:
        """Where the lower and the middle third end, in slices above the lower face of the lowest slice."""
        filled = _from_below(self.lung)
        cuts = np.interp(filled[-1] * np.array((1, 2)) / 3.0, filled, np.arange(filled.size))
        return float(cuts[0]), float(cuts[1])

    @property
    def shares(self) -> tuple[float, float, float]:
        """Affected share of the lower, middle and upper third; a slice that is cut counts to both by its parts."""
        total = int(self.lung.sum())
        if total == 0:
            return 0.0, 0.0, 0.0
        edges = (0.0, *self.heights, float(self.lung.size))
        filled = _from_below(self.affected)
        lower, middle, upper = np.diff(np.interp(edges, np.arange(filled.size), filled)) / (total / 3.0)
        return float(lower), float(middle), float(upper)

    def with_other(self, other: Counts) -> Counts:
        """Return the counts of both lungs together."""
        return Counts(self.lung + other.lung, self.affected + other.affected)


@dataclass(frozen=True, slots=True, eq=False)
class LungThirds:
    """The thirds of one lung, or of both where they were not told apart; `name` is what pictures call it."""

    name: str
    counts: Counts


def counts(lesion: NDArray[np.bool_], lung: NDArray[np.bool_]) -> Counts:
    """Return how much lung there is in each slice, and how much of it is affected."""
    pairs = [(int(np.count_nonzero(inside)), inside, sick) for inside, sick in zip(lung, lesion, strict=True)]
    affected = [int(np.count_nonzero(inside & sick)) if count else 0 for count, inside, sick in pairs]
    return Counts(np.array([count for count, _, _ in pairs], np.int64), np.array(affected, np.int64))


def whole(thirds: tuple[LungThirds, ...]) -> Counts:
    """Return the counts of all lungs together."""
    first, *others = (one.counts for one in thirds)
    for other in others:
        first = first.with_other(other)
    return first


def lung_thirds(reading: LungAnalysis) -> tuple[LungThirds, ...]:
    """Return the thirds of the right and of the left lung, or of the lungs as one."""
    lesion, right, left = reading.lesion.voxels, reading.right_lung.voxels, reading.left_lung.voxels
    if right.any() and left.any():
        return LungThirds("R", counts(lesion, right)), LungThirds("L", counts(lesion, left))
    return (LungThirds("Lungs", counts(lesion, right if right.any() else left)),)


def _from_below(per_slice: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.concatenate(([0.0], np.cumsum(per_slice, dtype=np.float64)))
