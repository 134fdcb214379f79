"""A figure with its interval and the number of cases behind it; and how intervals by patient are drawn.

Must not know what is estimated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

ROUNDS: Final = 2000
SEED: Final = 20_240_115
TAILS: Final = (2.5, 97.5)
Z: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure from `n` cases with a 95 % interval; None where it is undefined, which `why` then says.

    `interval` names how the interval was found, or why there is none.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    interval: str = ""
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the estimate as JSON values."""
        told: dict[str, Any] = {"value": self.value, "low": self.low, "high": self.high, "n": self.n}
        if self.interval:
            told["interval"] = self.interval
        if self.why:
            told["reason"] = self.why
        return told


def undefined(n: int, why: str) -> Estimate:
    """Return what stands where a figure has no meaning."""
    return Estimate(None, None, None, n, why=why)


def mean_by_patient(values: Sequence[float], patients: Sequence[str]) -> Estimate:
    """Return the mean of the cases' values, with an interval by resampling patients with all their cases."""
    if not values:
        return undefined(0, "no case with this figure")
    groups = _groups(patients, None)[0]
    cases = np.asarray(values, dtype=np.float64)
    if len(groups) < 2:
        return Estimate(float(cases.mean()), None, None, len(cases), "none: one patient")
    sums, counts = np.array([cases[own].sum() for own in groups]), np.array([own.size for own in groups])
    drawn = np.random.default_rng(SEED).integers(0, len(groups), (ROUNDS, len(groups)))
    low, high = np.percentile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), TAILS)
    return Estimate(float(cases.mean()), float(low), float(high), len(cases), f"bootstrap over {len(groups)} patients")


def by_patient(
    rows: Reals, patients: Sequence[str], figure: Callable[[Reals], float | None], strata: Sequence[int] | None = None
) -> Estimate:
    """Return a figure of (case, value) rows with its bootstrap interval (percentiles) over patients.

    `strata` number the group of each case; patients are drawn within their group. Rounds in which the figure is
    undefined are left out; fewer than half of them give no interval.
    """
    value = figure(rows)
    if value is None:
        return undefined(len(rows), "the figure is undefined for these cases")
    groups = _groups(patients, strata)
    if max(len(group) for group in groups) < 2:
        return Estimate(value, None, None, len(rows), "none: one patient")
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(ROUNDS):
        chosen = [group[index] for group in groups for index in rng.integers(0, len(group), len(group))]
        again = figure(rows[np.concatenate(chosen)])
        if again is not None:
            drawn.append(again)
    if len(drawn) < ROUNDS // 2:
        return Estimate(value, None, None, len(rows), "none: undefined in most resamples")
    low, high = np.percentile(drawn, TAILS)
    count = sum(len(group) for group in groups)
    return Estimate(value, float(low), float(high), len(rows), f"bootstrap over {count} patients")


def _groups(patients: Sequence[str], strata: Sequence[int] | None) -> list[list[NDArray[np.intp]]]:
    """Return, by stratum, the indices of each patient's cases."""
    of = strata if strata is not None else [0] * len(patients)
    found: dict[int, dict[str, list[int]]] = {}
    for index, (patient, stratum) in enumerate(zip(patients, of, strict=True)):
        found.setdefault(stratum, {}).setdefault(patient, []).append(index)
    return [[np.asarray(indices) for indices in group.values()] for group in found.values()]
