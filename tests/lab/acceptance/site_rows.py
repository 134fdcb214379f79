"""Makes evaluated cases of a site, so that no test needs images."""

from __future__ import annotations

import numpy as np

from triaged.lab.evaluation.row import Outcome, Row


def row(
    case: str,
    group: str = "covid",
    severity: float | None = 0.3,
    reference: float | None = 0.3,
    identification: float | None = 0.8,
    patient: str = "",
    outcome: Outcome = Outcome.MEASURED,
    lung_dice: float | None = 0.98,
) -> Row:
    return Row(
        case=case,
        patient=patient or f"patient-{case}",
        group=group,
        outcome=outcome,
        severity=severity,
        severity_reference=reference,
        identification=identification,
        lung_dice=lung_dice,
    )


def site(positives: int, others: int, seed: int = 1) -> list[Row]:
    """Return patients with the disease, whose score is mostly higher, and as many normal and bacterial ones."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(positives):
        severity = float(rng.uniform(0.02, 0.95))
        measured = float(np.clip(severity + rng.normal(0, 0.01), 0, 1))
        found.append(row(f"c{number}", "covid", measured, severity, float(rng.beta(5, 2))))
    for number in range(others):
        found.append(row(f"n{number}", "normal", float(rng.uniform(0, 0.01)), 0.0, float(rng.beta(2, 5))))
        found.append(row(f"b{number}", "bacterial", float(rng.uniform(0, 0.3)), None, float(rng.beta(3, 4))))
    return found
