"""Sums the rows of an evaluation up into figures with intervals; the content of the JSON file.

Must not know images. What has no case, or no meaning, is null and says why; it is never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from triaged.lab.evaluation.estimate import Estimate, mean_by_patient, undefined
from triaged.lab.evaluation.ranking import auc_estimate, spearman_estimate
from triaged.lab.evaluation.row import Outcome, Row

Value = Callable[[Row], float | None]


def headline(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Return the five figures that an evaluation is about.

    Lungs: every case with a lung mask, cases without lungs found as 0. Lesions: positives with a lesion mask, failures
    as 0; both masks empty do not count. Severity: positives that were measured. Identification: positives against all
    other groups.
    """
    positives = [row for row in rows if row.is_positive]
    return {
        "lung_dice": mean_of(rows, lambda row: row.lung_dice),
        "lesion_dice": mean_of([row for row in positives if not row.lesion_both_empty], lambda row: row.lesion_dice),
        "severity_spearman": _severity_order(positives, lambda row: row.severity_reference),
        "severity_mae": mean_of(positives, severity_error),
        "auc": _separation(rows, lambda row: row.identification),
    }


def severity_error(row: Row) -> float | None:
    """Return how far the severity found is from the reference, as a share of the lung."""
    if row.severity is None or row.severity_reference is None:
        return None
    return abs(row.severity - row.severity_reference)


def mean_of(rows: Sequence[Row], value: Value) -> Estimate:
    """Return the mean of a figure over the rows that have it, with an interval by patient."""
    have = [(found, row.patient) for row in rows if (found := value(row)) is not None]
    return mean_by_patient([found for found, _ in have], [patient for _, patient in have])


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Return everything that the JSON file holds: the headline figures, then more of them, then a row per case."""
    told: dict[str, Any] = {name: estimate.as_json() for name, estimate in headline(rows).items()}
    told |= {name: estimate.as_json() for name, estimate in _further(rows).items()}
    told["severity_by_group"] = {
        group: mean_of([row for row in rows if row.group == group], lambda row: row.severity).as_json()
        for group in sorted({row.group for row in rows})
    }
    told["counts"] = {
        "cases": len(rows),
        "patients": len({row.patient for row in rows}),
        "positives": sum(row.is_positive for row in rows),
        **{outcome.value.replace(" ", "_"): sum(row.outcome is outcome for row in rows) for outcome in Outcome},
        "lesion_both_empty": sum(bool(row.lesion_both_empty) for row in rows),
        "lungs_swapped": sum(bool(row.lungs_swapped) for row in rows),
        "lungs_with_sides": sum(row.lungs_swapped is not None for row in rows),
    }
    told["cases"] = [row.as_json() for row in rows]
    return told


def _further(rows: Sequence[Row]) -> dict[str, Estimate]:
    positives = [row for row in rows if row.is_positive]
    return {
        "lung_dice_right": mean_of(rows, lambda row: row.lung_dice_right),
        "lung_dice_left": mean_of(rows, lambda row: row.lung_dice_left),
        "lesion_surface_dice": mean_of(
            [row for row in positives if not row.lesion_both_empty], lambda row: row.lesion_surface_dice
        ),
        "lesion_dice_all_groups": mean_of([row for row in rows if not row.lesion_both_empty], lambda r: r.lesion_dice),
        "severity_spearman_all": _severity_order(rows, lambda row: row.severity_reference),
        "severity_mae_all": mean_of(rows, severity_error),
        "severity_bias": mean_of(positives, _signed),
        "severity_spearman_found_lungs": _severity_order(positives, lambda row: row.severity_in_found_lungs),
        "severity_mae_found_lungs": mean_of(positives, _error_in_found_lungs),
        "auc_by_severity": _separation(rows, lambda row: row.severity),
    }


def _signed(row: Row) -> float | None:
    if row.severity is None or row.severity_reference is None:
        return None
    return row.severity - row.severity_reference


def _error_in_found_lungs(row: Row) -> float | None:
    if row.severity is None or row.severity_in_found_lungs is None:
        return None
    return abs(row.severity - row.severity_in_found_lungs)


def _severity_order(rows: Sequence[Row], reference: Value) -> Estimate:
    have = [(row.severity, known, row.patient) for row in rows if (known := reference(row)) is not None]
    both = [(found, known, patient) for found, known, patient in have if found is not None]
    return spearman_estimate([found for found, _, _ in both], [known for _, known, _ in both], [p for _, _, p in both])


def _separation(rows: Sequence[Row], score: Value) -> Estimate:
    have = [(found, row.is_positive, row.patient) for row in rows if (found := score(row)) is not None]
    if not have and any(row.outcome is Outcome.MEASURED for row in rows):
        return undefined(0, "the engine gives no such score")
    return auc_estimate([s for s, _, _ in have], [label for _, label, _ in have], [patient for _, _, patient in have])
