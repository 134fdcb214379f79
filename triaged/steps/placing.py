"""Gives each study its place, from all that is known of it at the moment; the one policy of every step.

Knows no storage: the store asks within its transactions.
"""

from __future__ import annotations

from triaged.study.assessment import Assessment
from triaged.study.lifecycle import State
from triaged.study.placement import Placement
from triaged.study.standing import Placing, Standing
from triaged.triage.ordering import place
from triaged.triage.scheme import Outcome, TriageOptions, Waiting

_WAITING = {State.RECEIVING: Waiting.SLICES, State.READY: Waiting.ANALYSIS, State.ANALYSING: Waiting.ANALYSIS}


def placing(options: TriageOptions) -> Placing:
    """Return the site's policy.

    A study that is read again stands as high as its earlier result or its having none puts it, whichever is higher, so
    that nothing sinks before it is scored again (ordering specification, section 2.3.4).
    """

    def decide(standing: Standing) -> Placement:
        outcomes = _outcomes(standing.state, standing.assessment)
        return min((_place(standing, outcome, options) for outcome in outcomes), key=lambda each: each.sort_key)

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
        now=standing.now,
    )
