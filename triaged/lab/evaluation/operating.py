"""What a threshold on a score does: sensitivity, specificity, predictive values, and who is flagged.

Knows numbers only. Thresholds are chosen on one half of the patients and measured on the other.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from triaged.lab.evaluation.estimate import Estimate, Z, undefined

LEAST_SENSITIVITY: Final = 0.95
LEAST_SPECIFICITY: Final = 0.80
FEWEST_TO_TUNE: Final = 10
"""Positives, and negatives, that each half must have before a threshold is chosen on one of them."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Counts of cases at a threshold: flagged are those that score at least as much."""

    threshold: float
    true_positive: int
    false_negative: int
    false_positive: int
    true_negative: int

    @property
    def sensitivity(self) -> Estimate:
        """Share of the diseased that is flagged."""
        return wilson(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> Estimate:
        """Share of the others that is not flagged."""
        return wilson(self.true_negative, self.true_negative + self.false_positive)

    @property
    def flagged(self) -> Estimate:
        """Share of all cases that is flagged."""
        count = self.true_positive + self.false_positive
        return wilson(count, count + self.false_negative + self.true_negative)

    def predictive_values(self, prevalence: float) -> tuple[float | None, float | None]:
        """Return positive and negative predictive value at a prevalence other than that of the cases."""
        sensitivity, specificity = self.sensitivity.value, self.specificity.value
        if sensitivity is None or specificity is None:
            return None, None
        flagged = sensitivity * prevalence + (1 - specificity) * (1 - prevalence)
        passed = (1 - sensitivity) * prevalence + specificity * (1 - prevalence)
        positive = sensitivity * prevalence / flagged if flagged > 0 else None
        return positive, (specificity * (1 - prevalence) / passed if passed > 0 else None)

    def likelihood_ratios(self) -> tuple[float | None, float | None]:
        """Return LR+ and LR-; None where a share of 0 or 1 leaves them without a value."""
        sensitivity, specificity = self.sensitivity.value, self.specificity.value
        if sensitivity is None or specificity is None:
            return None, None
        return (
            sensitivity / (1 - specificity) if specificity < 1 else None,
            (1 - sensitivity) / specificity if specificity > 0 else None,
        )

    def as_json(self, prevalence: float) -> dict[str, Any]:
        """Return JSON values, with the predictive values at a prevalence."""
        positive, negative = self.predictive_values(prevalence)
        more, less = self.likelihood_ratios()
        return {
            "threshold": self.threshold,
            "sensitivity": self.sensitivity.as_json(),
            "specificity": self.specificity.as_json(),
            "flagged_share": self.flagged.as_json(),
            "prevalence": prevalence,
            "ppv": positive,
            "npv": negative,
            "lr_positive": more,
            "lr_negative": less,
        }


def wilson(count: int, total: int) -> Estimate:
    """Return a share with Wilson's score interval."""
    if total == 0:
        return undefined(0, "no such case")
    share = count / total
    centre = (share + Z**2 / (2 * total)) / (1 + Z**2 / total)
    half = Z * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2)) / (1 + Z**2 / total)
    return Estimate(share, max(0.0, centre - half), min(1.0, centre + half), total, "Wilson")


def at_threshold(scores: Sequence[float], labels: Sequence[bool], threshold: float) -> OperatingPoint:
    """Return the counts at a threshold."""
    flagged, truth = np.asarray(scores) >= threshold, np.asarray(labels, dtype=np.bool_)
    return OperatingPoint(
        threshold,
        int(np.count_nonzero(flagged & truth)),
        int(np.count_nonzero(~flagged & truth)),
        int(np.count_nonzero(flagged & ~truth)),
        int(np.count_nonzero(~flagged & ~truth)),
    )


def threshold_for_sensitivity(
    scores: Sequence[float], labels: Sequence[bool], least: float = LEAST_SENSITIVITY
) -> float | None:
    """Return the highest threshold that flags at least this share of the diseased; None without any."""
    positive = np.sort(np.asarray(scores, dtype=np.float64)[np.asarray(labels, dtype=np.bool_)])
    if not positive.size:
        return None
    missed = math.floor((1 - least) * positive.size + 1e-9)
    return float(positive[missed])


def threshold_for_specificity(
    scores: Sequence[float], labels: Sequence[bool], least: float = LEAST_SPECIFICITY
) -> float | None:
    """Return the lowest threshold, among the scores, that leaves at least this share of the others unflagged."""
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.bool_)
    negative = values[~truth]
    if not negative.size:
        return None
    good = [float(score) for score in np.unique(values) if np.mean(negative < score) >= least - 1e-12]
    return min(good) if good else float(np.nextafter(values.max(), math.inf))


def tuning_patients(patients: Sequence[str]) -> frozenset[str]:
    """Return the half of the patients on which thresholds may be chosen; the same names give the same half."""
    ordered = sorted(set(patients), key=lambda patient: hashlib.sha256(patient.encode()).hexdigest())
    return frozenset(ordered[::2])
