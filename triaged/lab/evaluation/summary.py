"""Sums the rows of an evaluation up into figures with intervals; the content of the JSON file.

Must not know images. What has no case, or no meaning, is null and says why; it is never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from triaged.lab.evaluation import severity
from triaged.lab.evaluation.dynamics import dynamics
from triaged.lab.evaluation.estimate import Estimate, mean_by_patient
from triaged.lab.evaluation.row import Outcome, Row
from triaged.lab.evaluation.scores import calibration, operating_points, separation, separation_by_group

Value = Callable[[Row], float | None]

HEADLINE: Final = ("lung_dice", "lesion_dice", "severity_spearman", "severity_mae", "auc")
SMALL_SHARE: Final = 0.0265
"""Lesions below this share of the lung are a group of their own."""
DEFINITIONS: Final = {
    "lung_dice": "mean over all cases with a lung mask; a case without lungs found counts as 0",
    "lesion_dice": "mean over positives with a lesion mask; failed cases count as 0, both masks empty do not count",
    "severity_spearman": "positives that were measured and have a reference severity",
    "severity_mae": "the same cases; share of the worse lung, found minus reference, absolute",
    "auc": "identification score of positives against every other group",
    "severity_reference": "the list's severity, else the larger lesion share of both reference lungs (split by the "
    "pipeline's own rule where the mask has one label), else that of the lungs found",
    "dynamics": "pairs of scans (`follows`) of which both were measured and have a reference; the lung that changed "
    "most, below 1 percentage point stable",
    "intervals": "95 %, by patient",
}


def headline(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Return the five figures that an evaluation is about; `DEFINITIONS` says of which cases."""
    positives = [row for row in rows if row.is_positive]
    return {
        "lung_dice": mean_of(rows, lambda row: row.lung_dice),
        "lesion_dice": mean_of(with_lesion(positives), lambda row: row.lesion_dice),
        "severity_spearman": severity.order(positives),
        "severity_mae": severity.error(positives),
        "auc": separation(rows),
    }


def further(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Return more figures of the same kind."""
    positives = [row for row in rows if row.is_positive]
    lesions = with_lesion(positives)
    return {
        "lung_dice_right": mean_of(rows, lambda row: row.lung_dice_right),
        "lung_dice_left": mean_of(rows, lambda row: row.lung_dice_left),
        "lung_error_ml": mean_of(rows, lambda row: row.lung_error_ml),
        "lesion_dice_all_groups": mean_of(with_lesion(rows), lambda row: row.lesion_dice),
        "lesion_surface_dice": mean_of(lesions, lambda row: row.lesion_surface_dice),
        "lesion_recall": mean_of(lesions, lambda row: row.lesion_recall),
        "lesions_false_per_scan": mean_of(positives, lambda row: row.lesions_false),
        "lesion_error_ml": mean_of(lesions, lambda row: row.lesion_error_ml),
        "severity_bias": severity.bias(positives),
        "severity_spearman_all": severity.order(rows),
        "severity_mae_all": severity.error(rows),
        "severity_spearman_found_lungs": severity.order(positives, severity.BY_FOUND_LUNGS),
        "severity_mae_found_lungs": severity.error(positives, severity.BY_FOUND_LUNGS),
        "auc_by_severity": separation(rows, "severity"),
    }


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Return everything that the JSON file holds: the headline figures first, the rows last."""
    positives = [row for row in rows if row.is_positive]
    told: dict[str, Any] = {name: estimate.as_json() for name, estimate in (headline(rows) | further(rows)).items()}
    told["auc_by_group"] = {group: estimate.as_json() for group, estimate in separation_by_group(rows).items()}
    told["severity_by_group"] = _by_group(rows)
    told["severity_agreement"] = {"positives": severity.agreement(positives), "all": severity.agreement(rows)}
    told["dynamics"] = dynamics(rows)
    told["operating_points"] = operating_points(rows)
    told["calibration"] = calibration(rows)
    told["subgroups"] = _subgroups(positives)
    told["runtime"] = _runtime(rows)
    told["counts"] = _counts(rows)
    told["definitions"] = dict(DEFINITIONS)
    told["cases"] = [row.as_json() for row in rows]
    return told


def mean_of(rows: Sequence[Row], value: Value) -> Estimate:
    """Return the mean of a figure over the rows that have it, with an interval by patient."""
    have = [(found, row.patient) for row in rows if (found := value(row)) is not None]
    return mean_by_patient([found for found, _ in have], [patient for _, patient in have])


def with_lesion(rows: Sequence[Row]) -> list[Row]:
    """Return the rows without those in which neither the reference nor the pipeline has any lesion."""
    return [row for row in rows if not row.lesion_both_empty]


def _by_group(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the severity found in each group, and the largest: patients without disease should have none."""
    told: dict[str, Any] = {}
    for group in sorted({row.group for row in rows}):
        own = [row for row in rows if row.group == group]
        found = [row.severity for row in own if row.severity is not None]
        told[group] = {**mean_of(own, lambda row: row.severity).as_json(), "largest": max(found, default=None)}
    return told


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    return {
        "cases": len(rows),
        "patients": len({row.patient for row in rows}),
        "positives": sum(row.is_positive for row in rows),
        **{outcome.value.replace(" ", "_"): sum(row.outcome is outcome for row in rows) for outcome in Outcome},
        "lesion_both_empty": sum(bool(row.lesion_both_empty) for row in rows),
        "lungs_swapped": sum(bool(row.lungs_swapped) for row in rows),
        "lungs_with_sides": sum(row.lungs_swapped is not None for row in rows),
    }


def _subgroups(positives: Sequence[Row]) -> dict[str, Any]:
    """Return lesion Dice and severity error where slices are thin or thick and where disease is little or much."""
    parts: dict[str, list[Row]] = {
        "slices below 2.5 mm": [row for row in positives if row.spacing_mm and row.spacing_mm[0] < 2.5],
        "slices of 2.5 to 5 mm": [row for row in positives if row.spacing_mm and 2.5 <= row.spacing_mm[0] <= 5],
        "slices above 5 mm": [row for row in positives if row.spacing_mm and row.spacing_mm[0] > 5],
    }
    known = sorted((row for row in positives if row.severity_reference is not None), key=_reference)
    parts["lesion below 2.65 % of the lung"] = [row for row in known if _reference(row) < SMALL_SHARE]
    for name, part in zip(("least", "middle", "most"), np.array_split(np.arange(len(known)), 3), strict=True):
        parts[f"severity, {name} third"] = [known[index] for index in part]
    return {
        name: {
            "lesion_dice": mean_of(with_lesion(part), lambda row: row.lesion_dice).as_json(),
            "severity_mae": severity.error(part).as_json(),
        }
        for name, part in parts.items()
        if part
    }


def _reference(row: Row) -> float:
    return row.severity_reference if row.severity_reference is not None else 0.0


def _runtime(rows: Sequence[Row]) -> dict[str, Any]:
    seconds = [row.seconds_pipeline for row in rows if row.seconds_pipeline is not None]
    if not seconds:
        return {"reason": "no case reached the pipeline"}
    peaks = [row.peak_mib for row in rows if row.peak_mib is not None]
    slices = [row.slices for row in rows if row.slices is not None]
    return {
        "seconds_pipeline_p50": float(np.percentile(seconds, 50)),
        "seconds_pipeline_p95": float(np.percentile(seconds, 95)),
        "slices_p50": float(np.percentile(slices, 50)),
        "peak_mib": max(peaks),
    }
