"""The one policy of every step: what is known of a study decides, and nothing sinks while it is read again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.making import finding, study_uid
from tests.xray_findings import xray_finding
from triaged.steps.ranking_policy import ranking_policy
from triaged.study.assessment import Assessed, Assessment, Failed, Reason, ReasonCode
from triaged.study.lifecycle import State
from triaged.study.modalities import Stratum
from triaged.study.ranking import Lane, Override, RequestPriority, TriageClass
from triaged.study.ranking_input import RankingInput
from triaged.triage.scheme import Discipline, Scheme, TriageOptions

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
POLICY = ranking_policy(TriageOptions(scheme=Scheme.SEVERITY))
AGAIN = (State.RECEIVING, State.READY, State.ANALYSING)


def ranking_input(
    state: State,
    severity: float | None = None,
    *,
    priority: RequestPriority = RequestPriority.ROUTINE,
    override: Override = Override.NONE,
) -> RankingInput:
    assessment = None if severity is None else Assessed(finding(severity))
    return RankingInput(study_uid(1), NOON, NOON + timedelta(hours=1), state, priority, assessment, override)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.RECEIVING, "waiting for images"),
        (State.READY, "waiting for analysis"),
        (State.ANALYSING, "waiting for analysis"),
    ],
)
def test_a_study_without_a_result_is_unscored_and_says_what_it_waits_for(state: State, words: str) -> None:
    ranking = POLICY(ranking_input(state))
    assert ranking.triage_class is TriageClass.UNSCORED
    assert words in ranking.reason


def test_a_result_gives_the_class() -> None:
    assert POLICY(ranking_input(State.TRIAGED, 0.6)).triage_class is TriageClass.SEVERE
    failed: Assessment = Failed(Reason(ReasonCode.CORRUPT, "expected pixels, found none"))
    ended = RankingInput(study_uid(1), NOON, NOON, State.FAILED, RequestPriority.ROUTINE, failed)
    assert POLICY(ended).triage_class is TriageClass.UNSCORED


@pytest.mark.parametrize("state", AGAIN)
@pytest.mark.parametrize(("severity", "kept"), [(0.6, "B"), (0.001, "U")])
def test_a_study_that_is_read_again_keeps_the_higher_class(state: State, severity: float, kept: str) -> None:
    assert POLICY(ranking_input(state, severity)).triage_class == kept


@given(
    severity=st.floats(0, 1),
    state=st.sampled_from(AGAIN),
    override=st.sampled_from(list(Override)),
    priority=st.sampled_from(list(RequestPriority)),
)
def test_nothing_sinks_while_it_is_read_again(
    severity: float, state: State, override: Override, priority: RequestPriority
) -> None:
    scored = POLICY(ranking_input(State.TRIAGED, severity, priority=priority, override=override))
    again = POLICY(ranking_input(state, severity, priority=priority, override=override))
    assert again.sort_key <= scored.sort_key


def test_readers_and_orders_are_heard() -> None:
    assert POLICY(ranking_input(State.TRIAGED, 0.001, override=Override.PIN)).lane is Lane.EMERGENCY
    assert POLICY(ranking_input(State.READY, priority=RequestPriority.STAT)).lane is Lane.EMERGENCY
    by_itself = POLICY(ranking_input(State.TRIAGED, 0.3))
    raised = POLICY(ranking_input(State.TRIAGED, 0.3, override=Override.RAISE))
    lowered = POLICY(ranking_input(State.TRIAGED, 0.3, override=Override.LOWER))
    assert raised.sort_key < by_itself.sort_key < lowered.sort_key


@pytest.mark.parametrize("estimated", [0.0, 0.9])
@pytest.mark.parametrize("discipline", Discipline)
def test_a_study_whose_kind_is_not_trusted_keeps_its_class_and_stands_as_one_without_a_score(
    estimated: float, discipline: Discipline
) -> None:
    policy = ranking_policy(TriageOptions(discipline=discipline))
    unscored = replace(ranking_input(State.READY), distrusted=frozenset({Stratum.RADIOGRAPH}))
    scored = replace(unscored, state=State.TRIAGED, assessment=Assessed(xray_finding(estimated=estimated)))
    found, trusted = policy(scored), policy(replace(scored, distrusted=frozenset({Stratum.VOLUME})))
    assert (found.triage_class, found.reason) == (trusted.triage_class, trusted.reason)
    assert found.sort_key == policy(unscored).sort_key
    assert trusted == policy(replace(scored, distrusted=frozenset()))


@pytest.mark.parametrize(("priority", "override"), [("STAT", "none"), ("ROUTINE", "pin"), ("ROUTINE", "raise")])
def test_what_people_say_counts_for_a_study_whose_kind_is_not_trusted(priority: str, override: str) -> None:
    said = ranking_input(State.READY, priority=RequestPriority(priority), override=Override(override))
    scored = replace(said, state=State.TRIAGED, assessment=Assessed(xray_finding(estimated=0.0)))
    assert POLICY(replace(scored, distrusted=frozenset({Stratum.RADIOGRAPH}))).sort_key == POLICY(said).sort_key
    assert POLICY(said).sort_key < POLICY(ranking_input(State.READY)).sort_key
