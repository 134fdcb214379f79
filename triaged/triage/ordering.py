"""Turns what is known of a study and its arrival into a place on the list, with the reason for it; pure policy.

Must not know storage. In the default discipline the key changes only when something about the study itself does, so
that the list is the same for everybody and nobody starves (ordering specification, section 2.3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from triaged.study.assessment import Assessed, OutOfScope, ReasonCode
from triaged.study.ranking import Lane, Override, Ranking, RequestPriority, Trend, TriageClass, more_urgent
from triaged.study.treatment import BY_DEFAULT, Treatment
from triaged.study.uids import StudyUID
from triaged.triage.disciplines import Precedence, due_again, effective_at, key
from triaged.triage.estimate import assured
from triaged.triage.follow_up import FollowUp, promoted
from triaged.triage.reason import explain
from triaged.triage.scheme import Outcome, Scheme, TriageOptions, classify, head_start_minutes

STEP: Final = 0.05
"""Scores closer than this do not decide between neighbours: repeated measurements differ by about 2 points."""
STEPS: Final = round(1 / STEP)
TREND_RANK: Final[Mapping[Trend, int]] = MappingProxyType(
    {Trend.PROGRESSION: 0, Trend.NO_PRIOR: 1, Trend.NOT_COMPARED: 1, Trend.STABLE: 2, Trend.REGRESSION: 3}
)
FIRST_STUDY_FIRST: Final[Mapping[Trend, int]] = MappingProxyType(
    {Trend.NO_PRIOR: 1, Trend.PROGRESSION: 2, Trend.NOT_COMPARED: 3, Trend.STABLE: 4, Trend.REGRESSION: 5}
)
"""The ranks where the list is to find infection: whether to isolate was answered for a patient who was here before."""


def place(
    study_uid: StudyUID,
    ready_at: datetime,
    outcome: Outcome,
    order_priority: RequestPriority,
    options: TriageOptions,
    *,
    override: Override = Override.NONE,
    follow_up: FollowUp | None = None,
    now: datetime | None = None,
    treatment: Treatment = BY_DEFAULT,
) -> Ranking:
    """Return the rank of a study and the reason for it.

    `ready_at` is when the last instance had come, not when the images were acquired. `follow_up` is None where the
    patient has no earlier study. `now` counts only in disciplines that depend on the clock (`strict_cap`,
    `accumulating`); without it the key is the one at `ready_at`. `treatment` is what a rule of the site does with it.

    Raises:
        ValueError: `ready_at` or `now` has no time zone.
    """
    for name, time in (("ready_at", ready_at), ("now", now)):
        if time is not None and time.tzinfo is None:
            raise ValueError(f"{name}: expected a time with its zone, found {time.isoformat()}")
    options = under_rule(options, treatment)
    precedence = precedence_of(
        outcome, order_priority, options, override=override, follow_up=follow_up, treatment=treatment
    )
    return Ranking(
        precedence.lane,
        precedence.triage_class,
        effective_at(precedence, ready_at),
        key(precedence, ready_at, study_uid, options, now=now or ready_at),
        explain(precedence.triage_class, outcome, order_priority, options, override, follow_up, treatment),
        due_again(precedence, ready_at, options, now=now or ready_at),
    )


def precedence_of(
    outcome: Outcome,
    order_priority: RequestPriority,
    options: TriageOptions,
    *,
    override: Override = Override.NONE,
    follow_up: FollowUp | None = None,
    treatment: Treatment = BY_DEFAULT,
) -> Precedence:
    """Return all that decides between studies but for their arrivals; the same for studies of which the same is known.

    In the emergency lane nothing counts but the arrival.
    """
    options, order_priority = under_rule(options, treatment), more_urgent(order_priority, treatment.urgency)
    triage_class = TriageClass.EMERGENCY
    if override is not Override.PIN:
        triage_class = promoted(classify(outcome, order_priority, options), outcome, follow_up, options)
    if triage_class is TriageClass.EMERGENCY:
        return Precedence(Lane.EMERGENCY, triage_class, 0)
    minutes = head_start_minutes(triage_class, order_priority, options, override)
    trend = _trend_rank(follow_up, options)
    lane = Lane.BELOW if _is_below(outcome, override, treatment) else Lane.ORDERED
    return Precedence(lane, triage_class, minutes, override, (trend, *_score_ranks(outcome, options)))


def under_rule(options: TriageOptions, treatment: Treatment) -> TriageOptions:
    """Return the policy with the scheme that a rule names, if it names one."""
    return replace(options, scheme=Scheme(treatment.scheme)) if treatment.scheme else options


def _is_below(outcome: Outcome, override: Override, treatment: Treatment) -> bool:
    """Tell whether a study is in the block below the list: declined, of another part of the body or by a rule.

    A study with findings, one that failed, one that waits, and one that a reader has raised never is.
    """
    if not isinstance(outcome, OutOfScope) or override is Override.RAISE:
        return False
    return outcome.reason.code is ReasonCode.OTHER_PART or (
        treatment.below and outcome.reason.code is ReasonCode.BY_RULE
    )


def _trend_rank(follow_up: FollowUp | None, options: TriageOptions) -> int:
    """Return the rank of the change since an earlier study; one within the noise counts as none."""
    ranks = FIRST_STUDY_FIRST if options.scheme is Scheme.IDENTIFICATION else TREND_RANK
    if follow_up is None:
        return ranks[Trend.NO_PRIOR]
    return ranks[Trend.STABLE if follow_up.within_noise else follow_up.trend]


def _score_ranks(outcome: Outcome, options: TriageOptions) -> tuple[int, int]:
    """Return the two ranks in which the scores decide, 0 first; an unknown score precedes any known one."""
    if not isinstance(outcome, Assessed):
        return 0, 0
    severity = _rank(assured(outcome.finding))
    identification = _rank(outcome.finding.probability)
    if options.scheme is Scheme.IDENTIFICATION:
        return identification, severity
    return severity, identification


def _rank(score: float | None) -> int:
    return 0 if score is None else 1 + STEPS - round(score / STEP)
