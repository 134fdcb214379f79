"""Gives each study its place, from all that is known of it at the moment; the one policy of every step.

Knows no storage: the store asks within its transactions.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from triaged.study.assessment import Assessed, Assessment
from triaged.study.lifecycle import State
from triaged.study.ranking import Ranking
from triaged.study.ranking_input import RankingInput, RankingPolicy
from triaged.triage.disciplines import ORIGIN, TICK
from triaged.triage.follow_up import FollowUp, compare
from triaged.triage.guard import Trust, under_guard
from triaged.triage.observing import stratum_of
from triaged.triage.ordering import place, under_rule
from triaged.triage.scheme import Discipline, Outcome, TriageOptions, Waiting

_WAITING = {State.RECEIVING: Waiting.SLICES, State.READY: Waiting.ANALYSIS, State.ANALYSING: Waiting.ANALYSIS}


def ranking_policy(options: TriageOptions) -> RankingPolicy:
    """Return the site's policy; while the order is not trusted, the one that the guard puts in its place.

    Of a stratum that is not trusted a study keeps its class, and has the place of one that has no score yet. A study
    that is read again is ranked by its earlier result or by its having none, whichever is higher, so that
    nothing sinks before it is scored again (ordering specification, section 2.3.4).
    """
    fallen_back = under_guard(options, Trust.FALLEN_BACK)

    def decide(ranking_input: RankingInput) -> Ranking:
        policy = options if ranking_input.trusted else fallen_back
        outcomes = _outcomes(ranking_input.state, ranking_input.assessment)
        return min((_ranking(ranking_input, outcome, policy) for outcome in outcomes), key=lambda each: each.sort_key)

    return decide


def _outcomes(state: State, assessment: Assessment | None) -> list[Outcome]:
    waiting = _WAITING.get(state)
    return [outcome for outcome in (assessment, waiting) if outcome is not None]


def _ranking(ranking_input: RankingInput, outcome: Outcome, options: TriageOptions) -> Ranking:
    ranking = _place(ranking_input, outcome, options)
    if not isinstance(outcome, Assessed) or stratum_of(outcome) not in ranking_input.distrusted:
        return ranking
    unscored = _place(ranking_input, Waiting.ANALYSIS, options)
    return replace(unscored, triage_class=ranking.triage_class, reason=ranking.reason)


def _place(ranking_input: RankingInput, outcome: Outcome, options: TriageOptions) -> Ranking:
    return place(
        ranking_input.study_uid,
        ranking_input.since,
        outcome,
        ranking_input.order_priority,
        options,
        override=ranking_input.override,
        follow_up=_follow_up(ranking_input, outcome, options),
        treatment=ranking_input.treatment,
        now=_tick(ranking_input.now) if options.discipline is Discipline.ACCUMULATING else ranking_input.now,
    )


def _follow_up(ranking_input: RankingInput, outcome: Outcome, options: TriageOptions) -> FollowUp | None:
    """Return the change since the earlier study, by the noise and the current cut-offs."""
    then = ranking_input.comparison
    if then is None or not isinstance(outcome, Assessed):
        return None
    options = under_rule(options, ranking_input.treatment)
    return compare(outcome.finding, then.at, then.algorithm, then.earlier, options)


def _tick(now: datetime) -> datetime:
    """Return the minute that has begun: keys made within it compare, and the clock makes all again in the next."""
    return now - (now - ORIGIN) % TICK
