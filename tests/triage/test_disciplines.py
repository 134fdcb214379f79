"""The keys of the other disciplines are checked against comparisons written from the specification, section 2.3.3."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triage.cases import NOON, scored, uid
from tests.triage.test_ordering import URGENCY, Arrival, is_below, keys_of, lists
from triaged.study.ranking import Override, Ranking, RequestPriority
from triaged.triage.disciplines import due_again
from triaged.triage.ordering import place, precedence_of
from triaged.triage.scheme import Discipline, Scheme, TriageOptions, Waiting

ROUTINE = RequestPriority.ROUTINE
SPEED = {"A": 8, "B": 6, "C": 4, "D": 3, "U": 2, "C'": 2, "N": 1}
nows = st.integers(0, 48 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes))


def with_discipline(discipline: Discipline, scheme: Scheme = Scheme.COMBINED) -> TriageOptions:
    return TriageOptions(scheme=scheme, discipline=discipline)


def placed(study: Arrival, options: TriageOptions, now: datetime) -> Ranking:
    study_uid, ready_at, outcome, priority = study
    return place(study_uid, ready_at, outcome, priority, options, now=now)


def in_order(studies: list[Arrival], options: TriageOptions, now: datetime) -> list[Arrival]:
    return sorted(studies, key=lambda study: placed(study, options, now).sort_key)


def rule(discipline: str, study: Arrival, options: TriageOptions, now: datetime) -> tuple[Any, ...]:
    """Return what decides, most important first, smaller first."""
    study_uid, ready_at = study[:2]
    letter = place(*study, options).triage_class.value
    if letter == "E0":
        return 0, ready_at, study_uid.value
    if is_below(study[2]):
        return 2, ready_at, study_uid.value
    wait = max(timedelta(0), now - ready_at)
    first: Any = {
        "fifo": 0,
        "strict": URGENCY.index(letter),
        "strict_cap": -1 if wait >= timedelta(hours=4) else URGENCY.index(letter),
        "accumulating": -wait * SPEED.get(letter, 0),
    }[discipline]
    return 1, first, ready_at, study_uid.value


@pytest.mark.parametrize("discipline", ["fifo", "strict", "strict_cap", "accumulating"])
@given(lists, nows, st.sampled_from(Scheme))
def test_byte_order_of_the_keys_is_the_order_of_the_discipline(
    discipline: str, studies: list[Arrival], now: datetime, scheme: Scheme
) -> None:
    options = with_discipline(Discipline(discipline), scheme)
    assert in_order(studies, options, now) == sorted(studies, key=lambda each: rule(discipline, each, options, now))


@given(lists, nows, st.sampled_from(Discipline))
def test_each_discipline_gives_a_permutation_with_keys_of_one_width(
    studies: list[Arrival], now: datetime, discipline: Discipline
) -> None:
    keys = keys_of(studies, with_discipline(discipline))
    assert len(keys) == len(studies)
    assert len({len(key) for key in keys}) <= 1


@given(lists, nows, nows, st.sampled_from([Discipline.HEAD_START, Discipline.FIFO, Discipline.STRICT]))
def test_disciplines_without_a_clock_do_not_look_at_it(
    studies: list[Arrival], now: datetime, later: datetime, discipline: Discipline
) -> None:
    options = with_discipline(discipline)
    for study in studies:
        assert placed(study, options, now) == placed(study, options, later)
        assert due_again(precedence_of(*study[2:], options), study[1], options, now=now) is None


def test_a_study_comes_next_after_the_emergencies_once_it_waited_for_the_cap() -> None:
    options = with_discipline(Discipline.STRICT_CAP)
    low = scored(0.0, 0.1)
    due = due_again(precedence_of(low, ROUTINE, options), NOON, options, now=NOON)
    assert due == NOON + timedelta(hours=4)

    def overtaken_by_severe(now: datetime) -> bool:
        severe = place(uid(2), NOON + timedelta(hours=1), scored(0.9), ROUTINE, options, now=now)
        return severe.sort_key < place(uid(1), NOON, low, ROUTINE, options, now=now).sort_key

    assert overtaken_by_severe(due - timedelta(microseconds=1))
    assert not overtaken_by_severe(due)
    assert due_again(precedence_of(low, ROUTINE, options), NOON, options, now=due) is None
    stat = place(uid(3), NOON, Waiting.SLICES, RequestPriority.STAT, options, now=due)
    assert stat.sort_key < place(uid(1), NOON, low, ROUTINE, options, now=due).sort_key


def test_accumulated_priorities_cross_when_the_waits_are_as_the_rates_say() -> None:
    """A critical study, rate 8, that came 70 minutes later passes one of rate 1 after 80 minutes."""
    options = with_discipline(Discipline.ACCUMULATING)

    def critical_first(minutes: int) -> bool:
        now = NOON + timedelta(minutes=minutes)
        late = place(uid(2), NOON + timedelta(minutes=70), scored(0.9), ROUTINE, options, now=now)
        return late.sort_key < place(uid(1), NOON, scored(0.0, 0.1), ROUTINE, options, now=now).sort_key

    assert [critical_first(minutes) for minutes in (75, 79, 81, 100)] == [False, False, True, True]
    assert due_again(precedence_of(scored(), ROUTINE, options), NOON, options, now=NOON) == NOON + timedelta(minutes=1)
    assert due_again(precedence_of(scored(), RequestPriority.STAT, options), NOON, options, now=NOON) is None


@pytest.mark.parametrize("discipline", [Discipline.STRICT, Discipline.STRICT_CAP, Discipline.ACCUMULATING])
def test_a_reader_s_decision_counts_in_disciplines_that_look_at_classes(discipline: Discipline) -> None:
    options = with_discipline(discipline)
    at, now = NOON + timedelta(minutes=1), NOON + timedelta(minutes=30)

    def key_of(override: Override, at: datetime) -> str:
        return place(uid(1), at, scored(0.3, 0.9), ROUTINE, options, override=override, now=now).sort_key

    keys = [
        key_of(Override.PIN, at),
        key_of(Override.RAISE, at),
        key_of(Override.NONE, at),
        key_of(Override.LOWER, at),
    ]
    assert all(earlier < later for earlier, later in pairwise(keys))


@given(st.sampled_from(Override), st.sampled_from([Discipline.STRICT, Discipline.ACCUMULATING]))
def test_no_decision_puts_a_failed_study_below_those_not_flagged(override: Override, discipline: Discipline) -> None:
    options = with_discipline(discipline)
    now = NOON + timedelta(minutes=30)
    unscored = place(uid(1), NOON, Waiting.RETRY, ROUTINE, options, override=override, now=now)
    assert unscored.sort_key < place(uid(2), NOON, scored(0.0, 0.1), ROUTINE, options, now=now).sort_key
