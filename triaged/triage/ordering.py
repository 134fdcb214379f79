"""Turns a class and an arrival into a place on the list, with the reason for it; pure policy.

Must not know clocks or storage: the key changes only when the study's own class or arrival does, so that the list is
the same for everybody and nobody starves (ordering specification, section 2.3.3).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from triaged.study.assessment import Assessed
from triaged.study.placement import Lane, OrderPriority, Placement, TriageClass
from triaged.study.uids import StudyUID
from triaged.triage.reason import explain
from triaged.triage.scheme import (
    Outcome,
    Scheme,
    TriageOptions,
    Waiting,
    classify,
    head_start_minutes,
)

ORIGIN: Final = datetime(1900, 1, 1, tzinfo=UTC)
"""Times are counted from here; an effective arrival before 1970 stays positive."""
MINUTE: Final = timedelta(minutes=1)
MICROSECOND: Final = timedelta(microseconds=1)
STEP: Final = 0.05
"""Scores closer than this do not decide between neighbours: repeated measurements differ by about 2 points."""
STEPS: Final = round(1 / STEP)
NO_PRIOR: Final = 1
"""Rank of the trend between progression (0) and stable (2); comparison with earlier studies is not built yet."""
CLASS_RANK: Final = {triage_class: rank for rank, triage_class in enumerate(TriageClass)}


def place(
    study_uid: StudyUID,
    ready_at: datetime,
    outcome: Outcome,
    order_priority: OrderPriority,
    options: TriageOptions,
) -> Placement:
    """Return where a study stands and why.

    `ready_at` is when the last instance had come, not when the images were acquired.

    Raises:
        ValueError: `ready_at` has no time zone.
    """
    if ready_at.tzinfo is None:
        raise ValueError(f"ready_at: expected a time with its zone, found {ready_at.isoformat()}")
    triage_class = classify(outcome, order_priority, options)
    lane = Lane.EMERGENCY if triage_class is TriageClass.EMERGENCY else Lane.ORDERED
    effective_at = ready_at - MINUTE * head_start_minutes(triage_class, order_priority, options)
    scores = (0, 0) if lane is Lane.EMERGENCY else _score_ranks(outcome, options)
    key = (
        f"{lane:d}:{(effective_at - ORIGIN) // MINUTE:09d}:{CLASS_RANK[triage_class]:d}:{NO_PRIOR:d}"
        f":{scores[0]:02d}:{scores[1]:02d}:{(ready_at - ORIGIN) // MICROSECOND:017d}:{study_uid.value:-<64}"
    )
    return Placement(lane, triage_class, effective_at, key, explain(triage_class, outcome, order_priority, options))


def place_pending(
    study_uid: StudyUID,
    since: datetime,
    waiting: Waiting,
    order_priority: OrderPriority,
    options: TriageOptions,
) -> Placement:
    """Return the place of a study without a result: unscored from its first arrival, or from when it was ready."""
    return place(study_uid, since, waiting, order_priority, options)


def _score_ranks(outcome: Outcome, options: TriageOptions) -> tuple[int, int]:
    """Return the two ranks in which the scores decide, 0 first; an unknown score precedes any known one."""
    if not isinstance(outcome, Assessed):
        return 0, 0
    severity = _rank(outcome.finding.severity)
    identification = _rank(outcome.finding.identification)
    if options.scheme is Scheme.IDENTIFICATION:
        return identification, severity
    return severity, identification


def _rank(score: float | None) -> int:
    return 0 if score is None else 1 + STEPS - round(score / STEP)
