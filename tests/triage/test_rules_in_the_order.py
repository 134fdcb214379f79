"""What rules of a site may do with a study's place, and what no rule can."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.study.test_facts import TREATMENTS
from tests.triage.cases import NOON, scored, uid, unread
from tests.triage.test_ordering import COMBINED, ROUTINE, times
from triaged.study.assessment import ReasonCode
from triaged.study.ranking import Lane, Override, RequestPriority, TriageClass
from triaged.study.treatment import BY_DEFAULT, Treatment
from triaged.triage.ordering import place
from triaged.triage.scheme import Discipline, Outcome, Scheme, TriageOptions, Waiting

HIGH = Treatment("er", urgency=RequestPriority.HIGH)
STAT = Treatment("icu", urgency=RequestPriority.STAT)


@given(
    st.floats(0, 1),
    st.none() | st.floats(0, 1),
    TREATMENTS,
    times,
    st.sampled_from(RequestPriority),
    st.sampled_from(Scheme),
    st.sampled_from(Discipline),
    st.sampled_from(Override),
)
def test_no_rule_places_a_study_with_findings_below_one_that_is_not_flagged(
    severity: float,
    p: float | None,
    treatment: Treatment,
    at: datetime,
    priority: RequestPriority,
    scheme: Scheme,
    discipline: Discipline,
    override: Override,
) -> None:
    options = TriageOptions(scheme=scheme, discipline=discipline)
    found, now = scored(severity, p), at + timedelta(hours=1)
    ruled = place(uid(1), at, found, priority, options, override=override, treatment=treatment, now=now)
    clear = place(uid(2), at, scored(0.0, 0.0), ROUTINE, options, now=now)
    assert ruled.lane is not Lane.BELOW
    assert clear.triage_class is TriageClass.NOT_FLAGGED
    if ruled.triage_class is not TriageClass.NOT_FLAGGED:
        assert ruled.sort_key < clear.sort_key
    else:
        assert ruled.effective_at <= clear.effective_at


@given(TREATMENTS, times, st.sampled_from(Scheme), st.sampled_from(sorted(set(ReasonCode) - {ReasonCode.OTHER_PART})))
def test_below_the_list_is_only_what_is_elsewhere_or_what_a_rule_leaves_unscored_there(
    treatment: Treatment, at: datetime, scheme: Scheme, code: ReasonCode
) -> None:
    for outcome in (unread(code), *Waiting):
        ranking = place(uid(1), at, outcome, ROUTINE, TriageOptions(scheme=scheme), treatment=treatment)
        assert (ranking.lane is Lane.BELOW) <= (treatment.below and code is ReasonCode.BY_RULE)


def test_another_part_of_the_body_is_below_everything_and_a_reader_or_an_emergency_lifts_it() -> None:
    def lane(
        priority: RequestPriority = ROUTINE, override: Override = Override.NONE, ruled: Treatment = BY_DEFAULT
    ) -> Lane:
        knee = unread(ReasonCode.OTHER_PART)
        return place(uid(1), NOON, knee, priority, COMBINED, override=override, treatment=ruled).lane

    knee = place(uid(1), NOON, unread(ReasonCode.OTHER_PART), ROUTINE, COMBINED)
    clear = place(uid(2), NOON + timedelta(days=7), scored(0.0, 0.0), ROUTINE, COMBINED)
    assert clear.sort_key < knee.sort_key
    assert (lane(), lane(RequestPriority.HIGH), lane(override=Override.LOWER)) == (Lane.BELOW,) * 3
    assert lane(override=Override.RAISE) is Lane.ORDERED
    assert lane(RequestPriority.STAT) is Lane.EMERGENCY
    assert lane(ruled=STAT) is Lane.EMERGENCY
    assert lane(override=Override.PIN) is Lane.EMERGENCY


@pytest.mark.parametrize("outcome", [scored(0.3, 0.9), scored(0.0, 0.0), Waiting.ANALYSIS])
def test_urgency_by_a_rule_is_that_of_an_order(outcome: Outcome) -> None:
    ruled = place(uid(1), NOON, outcome, ROUTINE, COMBINED, treatment=HIGH)
    ordered = place(uid(1), NOON, outcome, RequestPriority.HIGH, COMBINED)
    assert (ruled.sort_key, ruled.effective_at) == (ordered.sort_key, ordered.effective_at)
    assert " — HIGH by rule, " in ruled.reason
    assert ruled.reason.endswith(", rule er")


def test_an_order_that_is_as_urgent_says_so_itself() -> None:
    ruled = place(uid(1), NOON, scored(0.3, 0.9), RequestPriority.HIGH, COMBINED, treatment=HIGH)
    assert " — HIGH order, " in ruled.reason
    assert "by rule" not in ruled.reason


def test_a_rule_may_order_by_another_scheme() -> None:
    mild = scored(0.1, 0.1)
    assert place(uid(1), NOON, mild, ROUTINE, COMBINED).triage_class is TriageClass.NOT_FLAGGED
    ruled = place(uid(1), NOON, mild, ROUTINE, COMBINED, treatment=Treatment("er", scheme="severity"))
    assert ruled.triage_class is TriageClass.SUSPECTED_MILD
    assert ruled.reason.startswith("D mild — ")


def test_the_reason_names_the_rule_once() -> None:
    unscored = unread(ReasonCode.BY_RULE, "children")
    ranking = place(uid(1), NOON, unscored, ROUTINE, COMBINED, treatment=Treatment("children", scored=False))
    assert ranking.reason == "U not scored — by rule: children"
    assert place(uid(1), NOON, unscored, ROUTINE, COMBINED, treatment=BY_DEFAULT).reason == ranking.reason
