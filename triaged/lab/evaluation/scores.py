"""What the identification score of an evaluation's rows is good for: groups, thresholds, calibration.

Must not know images. With few cases most of this is undefined, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from triaged.lab.evaluation.calibration import (
    FEWEST_TO_FIT,
    Line,
    bins,
    brier,
    calibration_error,
    fit_intercept,
    fit_platt,
    fit_temperature,
    log_loss,
)
from triaged.lab.evaluation.estimate import Estimate, undefined
from triaged.lab.evaluation.operating import (
    FEWEST_TO_TUNE,
    at_threshold,
    threshold_for_sensitivity,
    threshold_for_specificity,
    tuning_patients,
)
from triaged.lab.evaluation.ranking import auc_estimate
from triaged.lab.evaluation.row import Outcome, Row

FEWEST_TO_JUDGE: Final = 10
"""Cases below which calibration is not spoken of."""


def separation(rows: Sequence[Row], figure: str = "identification") -> Estimate:
    """Return how well a figure of the rows parts positives from all others; who may be either does not count."""
    rows = [row for row in rows if row.has_truth]
    have = [(getattr(row, figure), row) for row in rows if getattr(row, figure) is not None]
    if not have and any(row.outcome is Outcome.MEASURED for row in rows):
        return undefined(0, "the engine gives no such score")
    return auc_estimate(
        [score for score, _ in have], [row.is_positive for _, row in have], [r.patient for _, r in have]
    )


def separation_by_group(rows: Sequence[Row], figure: str = "identification") -> dict[str, Estimate]:
    """Return how well a figure parts positives from each other group."""
    positives = [row for row in rows if row.is_positive]
    groups = sorted({row.group for row in rows if not row.is_positive and row.has_truth})
    return {group: separation([*positives, *(row for row in rows if row.group == group)], figure) for group in groups}


def operating_points(rows: Sequence[Row]) -> dict[str, Any]:
    """Return what thresholds do: the engine's own on all cases, chosen ones on patients that did not choose them."""
    scored = [row for row in rows if row.identification is not None and row.has_truth]
    positives = sum(row.is_positive for row in scored)
    if not positives or positives == len(scored):
        return {"reason": "expected scores of cases with and without the disease"}
    prevalence = positives / len(scored)
    told: dict[str, Any] = {}
    own = scored[0].identification_threshold
    if own is not None:
        told["own_threshold"] = at_threshold(*_scores(scored), own).as_json(prevalence)
    half = tuning_patients([row.patient for row in scored])
    tune, test = ([row for row in scored if (row.patient in half) is wanted] for wanted in (True, False))
    if min(_fewer(tune), _fewer(test)) < FEWEST_TO_TUNE:
        told["chosen"] = {"reason": f"choosing a threshold takes {FEWEST_TO_TUNE} cases of each kind in each half"}
        return told
    for name, choose in (("sensitivity_95", threshold_for_sensitivity), ("specificity_80", threshold_for_specificity)):
        threshold = choose(*_scores(tune))
        if threshold is not None:
            told[name] = at_threshold(*_scores(test), threshold).as_json(prevalence)
    return told


def calibration(rows: Sequence[Row]) -> dict[str, Any]:
    """Return whether the identification score means what it says, as it is, at the prevalence of these cases."""
    scored = [row for row in rows if row.identification is not None and row.has_truth]
    if len(scored) < FEWEST_TO_JUDGE or _fewer(scored) == 0:
        return {"reason": f"expected at least {FEWEST_TO_JUDGE} scored cases of both kinds, found {len(scored)}"}
    scores, labels = _scores(scored)
    probability, truth = np.asarray(scores), np.asarray(labels, dtype=np.bool_)
    parts = brier(probability, truth)
    line, shift = fit_platt(probability, truth), fit_intercept(probability, truth)
    told: dict[str, Any] = {
        "n": len(scored),
        "brier": parts.score,
        "brier_reliability": parts.reliability,
        "brier_resolution": parts.resolution,
        "brier_uncertainty": parts.uncertainty,
        "brier_within_bins": parts.within_bins,
        "log_loss": log_loss(probability, truth),
        "calibration_error": calibration_error(probability, truth),
        "slope": None if line is None else line.slope,
        "intercept": None if shift is None else shift.intercept,
        "bins": [[each.probability, each.observed, each.n] for each in bins(probability, truth)],
    }
    enough = len(scored) >= FEWEST_TO_FIT
    told["platt"] = _line(line) if enough else {"reason": f"fitted from {FEWEST_TO_FIT} cases on"}
    told["temperature"] = _line(fit_temperature(probability, truth)) if enough else told["platt"]
    return told


def _scores(rows: Sequence[Row]) -> tuple[list[float], list[bool]]:
    have = [(row.identification, row.is_positive) for row in rows]
    return [score for score, _ in have if score is not None], [label for score, label in have if score is not None]


def _fewer(rows: Sequence[Row]) -> int:
    """Return the number of the rarer kind."""
    positives = sum(row.is_positive for row in rows)
    return min(positives, len(rows) - positives)


def _line(line: Line | None) -> dict[str, Any]:
    if line is None:
        return {"reason": "no line is best: the scores part the cases without a mistake"}
    return {"slope": line.slope, "intercept": line.intercept}
