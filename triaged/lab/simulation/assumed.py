"""Cases for a site that has evaluated none: made up from prevalence, sensitivity and specificity, and said to be so.

Must not know orders of reading. Severity of a CT is taken to be measured without error. An X-ray that is missed shows
nothing, and one that is flagged wrongly a mild share: behind a gate both go together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from triaged.exams.ct.finding import CtNumbers, ct_finding
from triaged.exams.xray.finding import LungNumbers, XrayNumbers
from triaged.lab.simulation.site import Case, Truth
from triaged.study.assessment import Assessed
from triaged.study.modalities import Stratum

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


XRAY_SCORES: Final = {Truth.CRITICAL: 6, Truth.SEVERE: 5, Truth.MODERATE: 3, Truth.MILD: 1}
"""Affected zones, as the suggested cut-offs of the score have it."""


@dataclass(frozen=True, slots=True)
class Xrays:
    """X-rays on the list of a site: their share of all studies, and how often their flag is right."""

    share: float
    accuracy: Accuracy = field(default_factory=Accuracy)


def with_xrays(cases: Sequence[Case], xrays: Xrays) -> tuple[Case, ...]:
    """Return the cases with assumed X-rays among them, so that these are their share of all."""
    others = gated_cases(xrays.accuracy, Stratum.RADIOGRAPH)
    return (*_weighing(cases, 1 - xrays.share), *_weighing(others, xrays.share))


def assumed_cases(accuracy: Accuracy) -> tuple[Case, ...]:
    """Return every kind of study once flagged and once not, weighted."""
    return tuple(_cases(accuracy))


def gated_cases(accuracy: Accuracy, stratum: Stratum, shares: Sequence[float] | None = None) -> tuple[Case, ...]:
    """Return every kind of study once flagged and once not, weighted; what is missed shows nothing.

    A wrong flag shows a mild share. So the flag is as often right as `accuracy` says whatever the scheme orders by.
    `shares` are those of critical, severe, moderate and mild disease among the diseased; None takes `SEVERITIES`.
    """
    return tuple(_gated(accuracy, stratum, shares or [share for _, share in SEVERITIES.values()]))


def _gated(accuracy: Accuracy, stratum: Stratum, shares: Sequence[float]) -> Iterator[Case]:
    nothing, mild = _shown(stratum, None), _shown(stratum, Truth.MILD)
    for truth, share in zip(SEVERITIES, shares, strict=True):
        weight = accuracy.prevalence * share
        yield Case(truth, _shown(stratum, truth), weight * accuracy.sensitivity, stratum)
        yield Case(truth, nothing, weight * (1 - accuracy.sensitivity), stratum)
    for truth, share in ((Truth.OTHER_URGENT, URGENT_SHARE), (Truth.NORMAL, 1 - URGENT_SHARE)):
        weight = (1 - accuracy.prevalence) * share
        yield Case(truth, mild, weight * (1 - accuracy.specificity), stratum)
        yield Case(truth, nothing, weight * accuracy.specificity, stratum)


def _cases(accuracy: Accuracy) -> Iterator[Case]:
    for truth, (severity, share) in SEVERITIES.items():
        yield from _flagged_or_not(truth, severity, accuracy.prevalence * share, accuracy.sensitivity)
    others = 1 - accuracy.prevalence
    for truth, share in ((Truth.OTHER_URGENT, URGENT_SHARE), (Truth.NORMAL, 1 - URGENT_SHARE)):
        yield from _flagged_or_not(truth, 0.0, others * share, 1 - accuracy.specificity)


def _flagged_or_not(truth: Truth, severity: float, weight: float, flagged: float) -> Iterator[Case]:
    yield Case(truth, _outcome(severity, 0.9), weight * flagged)
    yield Case(truth, _outcome(severity, 0.1), weight * (1 - flagged))


def _weighing(cases: Sequence[Case], together: float) -> Iterator[Case]:
    whole = math.fsum(case.weight for case in cases)
    return (replace(case, weight=case.weight / whole * together) for case in cases)


def _shown(stratum: Stratum, truth: Truth | None) -> Assessed:
    """Return what a flagged study of this severity shows, and one without a flag where it is None."""
    severity, presence = (0.0, 0.1) if truth is None else (SEVERITIES[truth][0], 0.9)
    match stratum:
        case Stratum.VOLUME:
            return _outcome(severity, presence)
        case Stratum.RADIOGRAPH:
            return _xray(severity, 0 if truth is None else XRAY_SCORES[truth], presence)
        case _:
            assert_never(stratum)


def _xray(severity: float, score: int, presence: float) -> Assessed:
    lung = LungNumbers(severity, severity, (severity, severity, severity))
    numbers = XrayNumbers(lung, lung, severity, severity, severity, score, presence, THRESHOLD, 0.0)
    return Assessed(numbers.finding("assumed", ()))


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
