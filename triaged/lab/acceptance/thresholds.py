"""Proposes thresholds of the identification score: chosen on one half of the patients, measured on the other.

Must not know images. A threshold is proposed even where the other half is too small to confirm it; the verdict says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from triaged.lab.acceptance.criteria import judged
from triaged.lab.acceptance.sizes import patients_of
from triaged.lab.evaluation.operating import (
    FEWEST_TO_TUNE,
    LEAST_SENSITIVITY,
    LEAST_SPECIFICITY,
    OperatingPoint,
    at_threshold,
    threshold_for_sensitivity,
    threshold_for_specificity,
    tuning_patients,
)
from triaged.lab.evaluation.row import Row
from triaged.lab.simulation.verdict import Criterion, at_least

CANDIDATES: Final = 9
"""How many thresholds are simulated to find the one that serves severe patients best."""

SevereWait = Callable[[Sequence[Row], float], float]
"""Mean wait in minutes of severe and critical studies drawn from some rows at a threshold; NaN where there are none."""


@dataclass(frozen=True, slots=True)
class Split:
    """The scored cases of the half of the patients on which thresholds are chosen, and of the other half."""

    tuning: tuple[Row, ...]
    rest: tuple[Row, ...]

    @property
    def lacking(self) -> str:
        """Say what one of the halves lacks for a choice; empty where nothing is."""
        for name, half in (("tuning", self.tuning), ("measuring", self.rest)):
            positives = sum(row.is_positive for row in half)
            if min(positives, len(half) - positives) < FEWEST_TO_TUNE:
                found = f"{positives} with the disease and {len(half) - positives} without"
                return f"the half for {name} needs {FEWEST_TO_TUNE} cases of each kind, found {found}"
        return ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A threshold with how it was chosen and what it does on patients that it was not chosen on."""

    name: str
    chosen: str
    point: OperatingPoint


def split_by_patient(rows: Sequence[Row]) -> Split:
    """Return the scored cases in two halves, no patient in both."""
    scored = [row for row in rows if row.identification is not None]
    tuning = tuning_patients([row.patient for row in scored])
    return Split(
        tuple(row for row in scored if row.patient in tuning), tuple(row for row in scored if row.patient not in tuning)
    )


def proposals(split: Split, severe_wait: SevereWait) -> tuple[Proposal, ...]:
    """Return up to three thresholds; none where a half lacks cases."""
    return () if split.lacking else tuple(_proposals(split, severe_wait))


def threshold_criteria(found: Sequence[Proposal], split: Split) -> tuple[Criterion, ...]:
    """Return whether the thresholds keep on the other half what they were chosen for."""
    by_name = {proposal.name: proposal.point for proposal in found}
    criteria = []
    if (point := by_name.get("sensitive")) is not None:
        asked = f"threshold {point.threshold:.3f}: sensitivity at least {LEAST_SENSITIVITY} on other patients"
        patients = patients_of(row for row in split.rest if row.is_positive)
        criteria.append(judged(asked, point.sensitivity, partial(at_least, LEAST_SENSITIVITY), patients))
    if (point := by_name.get("specific")) is not None:
        asked = f"threshold {point.threshold:.3f}: specificity at least {LEAST_SPECIFICITY} on other patients"
        patients = patients_of(row for row in split.rest if not row.is_positive)
        criteria.append(judged(asked, point.specificity, partial(at_least, LEAST_SPECIFICITY), patients))
    return tuple(criteria)


def _proposals(split: Split, severe_wait: SevereWait) -> Iterator[Proposal]:
    scores, labels = _scores(split.tuning)
    sensitive = threshold_for_sensitivity(scores, labels)
    if sensitive is not None:
        yield _measured("sensitive", f"the highest with sensitivity {LEAST_SENSITIVITY} while tuning", sensitive, split)
    specific = threshold_for_specificity(scores, labels)
    if specific is not None:
        yield _measured("specific", f"the lowest with specificity {LEAST_SPECIFICITY} while tuning", specific, split)
    waits = {tau: severe_wait(split.tuning, tau) for tau in _candidates(scores)}
    known = {tau: wait for tau, wait in waits.items() if not np.isnan(wait)}
    if known:
        best = min(known, key=lambda tau: (known[tau], tau))
        chosen = f"of {len(known)}, the one with the shortest simulated wait of severe studies, {known[best]:.1f} min"
        yield _measured("shortest severe wait", chosen, best, split)


def _measured(name: str, chosen: str, threshold: float, split: Split) -> Proposal:
    return Proposal(name, chosen, at_threshold(*_scores(split.rest), threshold))


def _scores(rows: Sequence[Row]) -> tuple[list[float], list[bool]]:
    have = [(row.identification, row.is_positive) for row in rows if row.identification is not None]
    return [score for score, _ in have], [label for _, label in have]


def _candidates(scores: Sequence[float]) -> list[float]:
    """Return thresholds between 0 and 1 at evenly spread ranks of the scores."""
    values = np.unique(np.clip(scores, 1e-6, 1 - 1e-6))
    ranks = np.unique(np.linspace(0, len(values) - 1, CANDIDATES).round().astype(int))
    return [float(value) for value in values[ranks]]
