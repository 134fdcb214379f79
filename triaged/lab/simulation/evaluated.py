"""Turns evaluated cases into what the simulation draws from.

Must not know orders of reading. A case stands for its like: what it really is comes from the reference, what the daemon
makes of it from the evaluation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from triaged.errors import ConfigError
from triaged.exams.ct.finding import CtNumbers, ct_finding
from triaged.lab.evaluation.row import Outcome, Row
from triaged.lab.simulation.site import Case, Truth
from triaged.lab.simulation.stream import FAILED
from triaged.study.assessment import Assessed, Failed
from triaged.study.finding import QualityFlag
from triaged.triage.scheme import TriageOptions

URGENT: Final = frozenset(
    {
        "bacterial",
        "bacterialpneumonia",
        "pneumonia",
        "oedema",
        "edema",
        "embolism",
        "pneumothorax",
        "urgent",
        "otherurgent",
    }
)
"""Groups, in small letters without punctuation, whose disease is urgent though the program does not look for it."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Cases for the simulation, and how many could not be used because nobody says how severe they are."""

    cases: tuple[Case, ...]
    left_out: int


def simulated_cases(rows: Sequence[Row], options: TriageOptions, prevalence: float | None) -> Drawn:
    """Return the cases that reached the pipeline, weighted to a site's prevalence, or as they are with None."""
    read = [row for row in rows if row.outcome is not Outcome.NOT_READ]
    known = [(row, truth) for row in read if (truth := truth_of(row, options)) is not None]
    positives = sum(row.is_positive for row, _ in known)
    weight = _weights(positives, len(known) - positives, prevalence)
    cases = tuple(Case(truth, outcome_of(row), weight(row.is_positive)) for row, truth in known)
    return Drawn(cases, len(read) - len(known))


def read_rows(path: Path) -> tuple[Row, ...]:
    """Return the rows of the JSON file that `triaged model evaluate --json` wrote.

    Raises:
        ConfigError: the file is no such JSON.
    """
    try:
        return tuple(_row(told) for told in json.loads(path.read_text(encoding="utf-8"))["cases"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        expected = "the JSON file of an evaluation"
        raise ConfigError(f"{path}: expected {expected}, found {type(error).__name__}: {error}") from None


def truth_of(row: Row, options: TriageOptions) -> Truth | None:
    """Return what a case is; None for a patient with the disease whose severity nobody states.

    Half a lung that is opaque is urgent whatever the cause, so severe and critical do not ask for the group.
    """
    severity = row.severity_reference
    if severity is not None and severity >= options.s4:
        return Truth.CRITICAL
    if severity is not None and severity >= options.s3:
        return Truth.SEVERE
    if not row.is_positive:
        return Truth.OTHER_URGENT if plain(row.group) in URGENT else Truth.NORMAL
    if severity is None:
        return None
    return Truth.MODERATE if severity >= options.s2 else Truth.MILD


def outcome_of(row: Row) -> Assessed | Failed:
    """Return what the daemon would make of a case; volumes, which no order looks at, are left at 0."""
    if row.outcome is not Outcome.MEASURED or row.severity is None:
        return FAILED
    return Assessed(
        ct_finding(
            CtNumbers(
                severity=row.severity,
                severity_right=row.severity_right,
                severity_left=row.severity_left,
                severity_total=row.severity_total if row.severity_total is not None else row.severity,
                right_lung_ml=None if row.severity_right is None else 0.0,
                left_lung_ml=None if row.severity_left is None else 0.0,
                lungs_ml=0.0,
                lesion_ml=0.0,
                dense_share=0.0,
            ),
            grade=row.grade or 0,
            engine="evaluated",
            identification=row.identification,
            identification_threshold=row.identification_threshold,
            quality=tuple(QualityFlag(flag) for flag in row.quality),
        )
    )


def plain(group: str) -> str:
    """Return a group's name in small letters without punctuation."""
    return re.sub(r"[^a-z0-9]", "", group.lower())


def with_tau(options: TriageOptions, tau: float) -> TriageOptions:
    """Return a policy with another threshold for the identification score."""
    return replace(options, tau=tau)


def _weights(positives: int, others: int, prevalence: float | None) -> Callable[[bool], float]:
    if prevalence is None or not positives or not others:
        return lambda _: 1.0
    return lambda positive: prevalence / positives if positive else (1 - prevalence) / others


def _row(told: dict[str, Any]) -> Row:
    known = {field.name for field in fields(Row)}
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in told.items() if key in known
    }
    values["outcome"] = Outcome(told["outcome"])
    return Row(**values)
