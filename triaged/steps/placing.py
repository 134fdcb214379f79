"""Gives each study its place, from all that is known of it at the moment; the one policy of every step.

Knows no storage: the store asks within its transactions.
"""

from __future__ import annotations

from datetime import datetime

from triaged.study.assessment import Assessed, Assessment
from triaged.study.lifecycle import State
from triaged.study.placement import Placement
from triaged.study.standing import Placing, Standing
from triaged.triage.disciplines import ORIGIN, TICK
from triaged.triage.follow_up import FollowUp, compare
from triaged.triage.guard import Trust, under_guard
from triaged.triage.ordering import place
from triaged.triage.scheme import Discipline, Outcome, TriageOptions, Waiting

_WAITING = {State.RECEIVING: Waiting.SLICES, State.READY: Waiting.ANALYSIS, State.ANALYSING: Waiting.ANALYSIS}


def placing(options: TriageOptions) -> Placing:
    """Return the site's policy; while the order is not trusted, the one that the guard puts in its place.

    A study that is read again stands as high as its earlier result or its having none puts it, whichever is higher, so
    that nothing sinks before it is scored again (ordering specification, section 2.3.4).
    """
    fallen_back = under_guard(options, Trust.FALLEN_BACK)

    def decide(standing: Standing) -> Placement:
        policy = options if standing.trusted else fallen_back
        outcomes = _outcomes(standing.state, standing.assessment)
        return min((_place(standing, outcome, policy) for outcome in outcomes), key=lambda each: each.sort_key)

    return decide


def _outcomes(state: State, assessment: Assessment | None) -> list[Outcome]:
    waiting = _WAITING.get(state)
    return [outcome for outcome in (assessment, waiting) if outcome is not None]


def _place(standing: Standing, outcome: Outcome, options: TriageOptions) -> Placement:
    return place(
        standing.study_uid,
        standing.since,
        outcome,
        standing.order_priority,
        options,
        override=standing.override,
        follow_up=_follow_up(standing, outcome, options),
        now=_tick(standing.now) if options.discipline is Discipline.ACCUMULATING else standing.now,
    )


def _follow_up(standing: Standing, outcome: Outcome, options: TriageOptions) -> FollowUp | None:
    """Return the change since the earlier study, by the noise and the cut-offs that hold now."""
    then = standing.comparison
    if then is None or not isinstance(outcome, Assessed):
        return None
    return compare(outcome.finding, then.at, then.algorithm, then.earlier, options)


def _tick(now: datetime) -> datetime:
    """Return the minute that has begun: keys made within it compare, and the clock makes all anew in the next."""
    return now - (now - ORIGIN) % TICK
