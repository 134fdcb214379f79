"""The one policy of every step: what is known of a study decides, and nothing sinks while it is read again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.making import finding, study_uid
from triaged.steps.placing import placing
from triaged.study.assessment import Assessed, Assessment, Failed, Reason, ReasonCode
from triaged.study.lifecycle import State
from triaged.study.placement import Lane, OrderPriority, Override, TriageClass
from triaged.study.standing import Standing
from triaged.triage.scheme import Scheme, TriageOptions

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
POLICY = placing(TriageOptions(scheme=Scheme.SEVERITY))
AGAIN = (State.RECEIVING, State.READY, State.ANALYSING)


def standing(
    state: State,
    severity: float | None = None,
    *,
    priority: OrderPriority = OrderPriority.ROUTINE,
    override: Override = Override.NONE,
) -> Standing:
    assessment = None if severity is None else Assessed(finding(severity))
    return Standing(study_uid(1), NOON, NOON + timedelta(hours=1), state, priority, assessment, override)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.RECEIVING, "waiting for slices"),
        (State.READY, "waiting for analysis"),
        (State.ANALYSING, "waiting for analysis"),
    ],
)
def test_a_study_without_a_result_is_unscored_and_says_what_it_waits_for(state: State, words: str) -> None:
    placement = POLICY(standing(state))
    assert placement.triage_class is TriageClass.UNSCORED
    assert words in placement.reason


def test_a_result_gives_the_class() -> None:
    assert POLICY(standing(State.TRIAGED, 0.6)).triage_class is TriageClass.SEVERE
    failed: Assessment = Failed(Reason(ReasonCode.CORRUPT, "expected pixels, found none"))
    ended = Standing(study_uid(1), NOON, NOON, State.FAILED, OrderPriority.ROUTINE, failed)
    assert POLICY(ended).triage_class is TriageClass.UNSCORED


@pytest.mark.parametrize("state", AGAIN)
@pytest.mark.parametrize(("severity", "kept"), [(0.6, "B"), (0.001, "U")])
def test_a_study_that_is_read_again_keeps_the_higher_class(state: State, severity: float, kept: str) -> None:
    assert POLICY(standing(state, severity)).triage_class == kept


@given(
    severity=st.floats(0, 1),
    state=st.sampled_from(AGAIN),
    override=st.sampled_from(list(Override)),
    priority=st.sampled_from(list(OrderPriority)),
)
def test_nothing_sinks_while_it_is_read_again(
    severity: float, state: State, override: Override, priority: OrderPriority
) -> None:
    scored = POLICY(standing(State.TRIAGED, severity, priority=priority, override=override))
    again = POLICY(standing(state, severity, priority=priority, override=override))
    assert again.sort_key <= scored.sort_key


def test_readers_and_orders_are_heard() -> None:
    assert POLICY(standing(State.TRIAGED, 0.001, override=Override.PIN)).lane is Lane.EMERGENCY
    assert POLICY(standing(State.READY, priority=OrderPriority.STAT)).lane is Lane.EMERGENCY
    by_itself = POLICY(standing(State.TRIAGED, 0.3))
    raised = POLICY(standing(State.TRIAGED, 0.3, override=Override.RAISE))
    lowered = POLICY(standing(State.TRIAGED, 0.3, override=Override.LOWER))
    assert raised.sort_key < by_itself.sort_key < lowered.sort_key
