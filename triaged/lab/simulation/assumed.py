"""Cases for a site that has evaluated none: made up from prevalence, sensitivity and specificity, and said to be so.

Must not know orders of reading. Severity is taken to be measured without error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from triaged.exams.ct.finding import CtNumbers, ct_finding
from triaged.lab.simulation.site import Case, Truth
from triaged.study.assessment import Assessed

SEVERITIES: Final = {
    Truth.CRITICAL: (0.85, 0.01),
    Truth.SEVERE: (0.60, 0.05),
    Truth.MODERATE: (0.35, 0.15),
    Truth.MILD: (0.10, 0.79),
}
"""Share of the worse lung, and how common it is among patients with the disease; near to the outpatients of
MosMed-1110, of whom 2, 45, 125 and 684 had CT-4 to CT-1 (Morozov et al. 2020)."""
URGENT_SHARE: Final = 0.05
"""Share of the others that is urgent for another reason."""
THRESHOLD: Final = 0.5


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How common the disease is, and how often the score tells it: all shares in (0, 1)."""

    prevalence: float = 0.10
    sensitivity: float = 0.90
    specificity: float = 0.90


def assumed_cases(accuracy: Accuracy) -> tuple[Case, ...]:
    """Return every kind of study once flagged and once not, weighted."""
    return tuple(_cases(accuracy))


def _cases(accuracy: Accuracy) -> Iterator[Case]:
    for truth, (severity, share) in SEVERITIES.items():
        yield from _flagged_or_not(truth, severity, accuracy.prevalence * share, accuracy.sensitivity)
    others = 1 - accuracy.prevalence
    for truth, share in ((Truth.OTHER_URGENT, URGENT_SHARE), (Truth.NORMAL, 1 - URGENT_SHARE)):
        yield from _flagged_or_not(truth, 0.0, others * share, 1 - accuracy.specificity)


def _flagged_or_not(truth: Truth, severity: float, weight: float, flagged: float) -> Iterator[Case]:
    yield Case(truth, _outcome(severity, 0.9), weight * flagged)
    yield Case(truth, _outcome(severity, 0.1), weight * (1 - flagged))


def _outcome(severity: float, identification: float) -> Assessed:
    return Assessed(
        ct_finding(
            CtNumbers(severity, severity, severity, severity, 0.0, 0.0, 0.0, 0.0, 0.0),
            grade=0,
            engine="assumed",
            identification=identification,
            identification_threshold=THRESHOLD,
        )
    )
