"""How closely two measurements of severity agree: bias and limits, intraclass correlation, grades.

Knows numbers only; shares are in [0, 1] and come out in percentage points where the name says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from triaged.lab.evaluation.estimate import Reals, Z

GRADES: Final = 5
FEWEST: Final = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """Bland–Altman: mean difference found - reference, and the limits that 95 % of differences keep, in % points."""

    bias_pp: float
    low_pp: float
    high_pp: float


@dataclass(frozen=True, slots=True)
class GradeAgreement:
    """Grades CT-0 to CT-4: `confusion[reference][found]`, the share that is equal, quadratic kappa (None where either
    side is constant), and how many were graded lower by two or more."""

    confusion: tuple[tuple[int, ...], ...]
    accuracy: float
    kappa: float | None
    under_graded: int

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "confusion_reference_by_found": [list(row) for row in self.confusion],
            "accuracy": self.accuracy,
            "quadratic_kappa": self.kappa,
            "under_graded_by_2_or_more": self.under_graded,
            "n": sum(map(sum, self.confusion)),
        }


def limits(found: Sequence[float], reference: Sequence[float]) -> Limits | None:
    """Return bias and limits of agreement; None with fewer than three cases."""
    if len(found) < FEWEST:
        return None
    differences = 100 * (np.asarray(found, dtype=np.float64) - np.asarray(reference, dtype=np.float64))
    bias, half = float(differences.mean()), Z * float(differences.std(ddof=1))
    return Limits(bias, bias - half, bias + half)


def intraclass_correlation(rows: Reals) -> float | None:
    """Return ICC(2,1) of (case, measurement) rows: two-way random, absolute agreement, single measurement.

    Shrout and Fleiss 1979. None with fewer than three cases or where everything is equal.
    """
    n, k = rows.shape
    if n < FEWEST:
        return None
    mean, by_case, by_measurement = rows.mean(), rows.mean(axis=1), rows.mean(axis=0)
    cases = k * float(((by_case - mean) ** 2).sum()) / (n - 1)
    measurements = n * float(((by_measurement - mean) ** 2).sum()) / (k - 1)
    rest = float(((rows - by_case[:, None] - by_measurement[None] + mean) ** 2).sum()) / ((n - 1) * (k - 1))
    total = cases + (k - 1) * rest + k * (measurements - rest) / n
    return (cases - rest) / total if total > 0 else None


def grade_agreement(found: Sequence[int], reference: Sequence[int]) -> GradeAgreement | None:
    """Return how far grades agree; None without cases."""
    if not found:
        return None
    confusion = np.zeros((GRADES, GRADES), dtype=np.int64)
    for true, given in zip(reference, found, strict=True):
        confusion[true, given] += 1
    return GradeAgreement(
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        accuracy=float(np.trace(confusion) / confusion.sum()),
        kappa=_quadratic_kappa(confusion.astype(np.float64)),
        under_graded=sum(true - given >= 2 for true, given in zip(reference, found, strict=True)),
    )


def _quadratic_kappa(confusion: Reals) -> float | None:
    grades = np.arange(len(confusion))
    weight = (grades[:, None] - grades[None]) ** 2
    by_chance = np.outer(confusion.sum(axis=1), confusion.sum(axis=0)) / confusion.sum()
    expected = float((weight * by_chance).sum())
    return 1 - float((weight * confusion).sum()) / expected if expected > 0 else None
