"""How well scores order cases: area under the ROC curve, rank correlation, and their intervals.

Knows numbers only. The formulas are those of the evaluation specification, section 5.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from scipy import stats

from triaged.lab.evaluation.estimate import Estimate, Reals, Z, by_patient, undefined

FEWEST_FOR_DELONG: Final = 10
FEWEST_FOR_RANKS: Final = 4
SPEARMAN_VARIANCE: Final = 1.06


def auc(positive: Reals, negative: Reals) -> float | None:
    """Return the probability that a positive scores higher than a negative, ties half; None without either."""
    n1, n0 = len(positive), len(negative)
    if not n1 or not n0:
        return None
    ranks = stats.rankdata(np.concatenate([positive, negative]))
    return float((ranks[:n1].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def auc_estimate(scores: Sequence[float], labels: Sequence[bool], patients: Sequence[str]) -> Estimate:
    """Return the area under the ROC curve with its interval.

    Several cases of one patient: stratified bootstrap over patients. Otherwise DeLong, or Hanley–McNeil with fewer than
    ten cases on a side; at 0 and 1, where both have no width, Hanley–McNeil's variance is inverted.
    """
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.bool_)
    positive, negative = values[truth], values[~truth]
    area = auc(positive, negative)
    n, n1, n0 = len(values), len(positive), len(negative)
    if area is None:
        return undefined(n, f"expected cases with and without the disease, found {n1} and {n0}")
    if 0.0 < area < 1.0 and len(set(patients)) < n:
        rows = np.stack([values, truth.astype(np.float64)], axis=1)
        return by_patient(rows, patients, _auc_of_rows, [int(label) for label in truth])
    if not 0.0 < area < 1.0:
        return Estimate(area, *inverted_hanley_mcneil(area, n1, n0), n, "Hanley-McNeil, inverted")
    if min(n1, n0) < FEWEST_FOR_DELONG:
        return Estimate(area, *_within(area, hanley_mcneil_error(area, n1, n0)), n, "Hanley-McNeil")
    return Estimate(area, *_within(area, delong_error(positive, negative)), n, "DeLong")


def hanley_mcneil_error(area: float, n1: int, n0: int) -> float:
    """Return the standard error of an area from its value and the numbers of cases (Hanley and McNeil 1982)."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (n1 - 1) * (q1 - area**2) + (n0 - 1) * (q2 - area**2)
    return math.sqrt(max(variance, 0.0) / (n1 * n0))


def inverted_hanley_mcneil(area: float, n1: int, n0: int) -> tuple[float, float]:
    """Return the areas that lie one critical value of their own standard error from the one found.

    Unlike the usual interval it has a width at 0 and 1 (Newcombe 2006, method 5).
    """

    def distance(other: float) -> float:
        return abs(area - other) - Z * hanley_mcneil_error(other, n1, n0)

    return _crossing(distance, 0.0, area), _crossing(distance, 1.0, area)


def delong_error(positive: Reals, negative: Reals) -> float:
    """Return the standard error of an area by its structural components (DeLong et al. 1988)."""
    n1, n0 = len(positive), len(negative)
    together = stats.rankdata(np.concatenate([positive, negative]))
    v10 = (together[:n1] - stats.rankdata(positive)) / n0
    v01 = 1 - (together[n1:] - stats.rankdata(negative)) / n1
    return math.sqrt(float(v10.var(ddof=1)) / n1 + float(v01.var(ddof=1)) / n0)


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Pearson's correlation of average ranks; None with fewer than four cases or a constant side."""
    if len(first) < FEWEST_FOR_RANKS:
        return None
    a, b = stats.rankdata(first), stats.rankdata(second)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / scale if scale > 0 else None


def spearman_estimate(first: Sequence[float], second: Sequence[float], patients: Sequence[str]) -> Estimate:
    """Return Spearman's correlation with its interval.

    Fisher's z with the variance 1.06 / (n - 3); where a patient gives several cases, a bootstrap over patients.
    """
    n = len(first)
    rho = spearman(first, second)
    if rho is None:
        few = n < FEWEST_FOR_RANKS
        return undefined(n, f"expected at least {FEWEST_FOR_RANKS} cases, found {n}" if few else "a side is constant")
    if len(set(patients)) < n:
        rows = np.stack([np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)], axis=1)
        return by_patient(rows, patients, lambda some: spearman(some[:, 0].tolist(), some[:, 1].tolist()))
    if abs(rho) > 1 - 1e-9:
        return Estimate(rho, None, None, n, "none: perfect order")
    half, z = Z * math.sqrt(SPEARMAN_VARIANCE / (n - 3)), math.atanh(rho)
    return Estimate(rho, math.tanh(z - half), math.tanh(z + half), n, "Fisher z")


def kendall(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Kendall's tau-b; None with fewer than four cases or a constant side."""
    if len(first) < FEWEST_FOR_RANKS or len(set(first)) < 2 or len(set(second)) < 2:
        return None
    return float(stats.kendalltau(first, second).statistic)


def _auc_of_rows(rows: Reals) -> float | None:
    truth = rows[:, 1] > 0.5
    return auc(rows[truth, 0], rows[~truth, 0])


def _within(area: float, error: float) -> tuple[float, float]:
    return max(0.0, area - Z * error), min(1.0, area + Z * error)


def _crossing(distance: Callable[[float], float], end: float, found: float) -> float:
    """Return where the distance is zero between the value found, where it is not positive, and an end."""
    far, near = end, found
    if distance(far) <= 0:
        return end
    for _ in range(60):
        middle = (far + near) / 2
        if distance(middle) > 0:
            far = middle
        else:
            near = middle
    return near
