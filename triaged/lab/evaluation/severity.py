"""How the severities that were found relate to those of the references: order, error, agreement, grades.

Must not know images.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from triaged.lab.evaluation.agreement import grade_agreement, intraclass_correlation, limits
from triaged.lab.evaluation.estimate import Estimate, mean_by_patient
from triaged.lab.evaluation.ranking import kendall, spearman_estimate
from triaged.lab.evaluation.row import Row

BY_REFERENCE = "severity_reference"
BY_FOUND_LUNGS = "severity_in_found_lungs"


def pairs(rows: Sequence[Row], reference: str = BY_REFERENCE) -> list[tuple[float, float, Row]]:
    """Return found and reference severity of the rows that have both."""
    have = [(row.severity, getattr(row, reference), row) for row in rows]
    return [(found, true, row) for found, true, row in have if found is not None and true is not None]


def order(rows: Sequence[Row], reference: str = BY_REFERENCE) -> Estimate:
    """Return Spearman's correlation of found and reference severity."""
    both = pairs(rows, reference)
    found, true = [found for found, _, _ in both], [true for _, true, _ in both]
    return spearman_estimate(found, true, [row.patient for _, _, row in both])


def error(rows: Sequence[Row], reference: str = BY_REFERENCE) -> Estimate:
    """Return the mean absolute error, as a share of the lung."""
    both = pairs(rows, reference)
    return mean_by_patient([abs(found - true) for found, true, _ in both], [row.patient for _, _, row in both])


def bias(rows: Sequence[Row]) -> Estimate:
    """Return the mean of found minus reference severity."""
    both = pairs(rows)
    return mean_by_patient([found - true for found, true, _ in both], [row.patient for _, _, row in both])


def agreement(rows: Sequence[Row]) -> dict[str, Any]:
    """Return limits of agreement, intraclass correlation, Kendall's tau-b and the agreement of grades."""
    both = pairs(rows)
    found, true = [found for found, _, _ in both], [true for _, true, _ in both]
    between = limits(found, true)
    grades = [(row.grade, row.grade_reference) for _, _, row in both]
    graded = grade_agreement(
        [grade for grade, known in grades if grade is not None and known is not None],
        [known for grade, known in grades if grade is not None and known is not None],
    )
    return {
        "n": len(both),
        "limits_of_agreement": None if between is None else dataclasses.asdict(between),
        "icc_2_1": intraclass_correlation(np.stack([found, true], axis=1)) if both else None,
        "kendall_tau_b": kendall(found, true),
        "grades": None if graded is None else graded.as_json(),
    }
