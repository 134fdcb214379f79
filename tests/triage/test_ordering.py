"""The text of the sort key is checked against a comparison of tuples written from the specification, section 2.3.3."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.triage.cases import NOON, finding, scored, uid, unread
from triaged.study.assessment import Assessed, OutOfScope, ReasonCode
from triaged.study.ranking import Lane, Ranking, RequestPriority
from triaged.study.uids import StudyUID
from triaged.triage.ordering import place
from triaged.triage.scheme import Outcome, Scheme, TriageOptions, Waiting

COMBINED = TriageOptions(scheme=Scheme.COMBINED)
ROUTINE = RequestPriority.ROUTINE
WINDOW = timedelta(minutes=240)
ROUNDING = timedelta(minutes=1)
URGENCY = ["E0", "A", "B", "C", "D", "U", "C'", "N"]
STARTS = {"A": 240, "B": 180, "C": 120, "U": 45, "C'": 60, "N": 0}
MILD = {"identification": 120, "combined": 90, "severity": 30}

times = st.integers(0, 6 * 3600 * 1000).map(lambda ms: NOON + timedelta(milliseconds=ms))
lifetimes = st.integers(0, 230 * 365 * 86400).map(lambda s: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
uids = st.lists(st.integers(1, 10**11), min_size=1, max_size=4).map(
    lambda parts: StudyUID.parse(".".join(map(str, [1, *parts])))
)
CHESTS = set(ReasonCode) - {ReasonCode.OTHER_PART}
"""Why a study that is, or may be, of a chest has no score."""
results = st.one_of(
    st.builds(scored, severity=st.floats(0, 1), identification=st.none() | st.floats(0, 1)),
    st.sampled_from(ReasonCode).map(unread),
    st.sampled_from(Waiting),
)
Arrival = tuple[StudyUID, datetime, Outcome, RequestPriority]
arrivals = st.tuples(uids, times, results, st.sampled_from(RequestPriority))
lists = st.lists(arrivals, max_size=30, unique_by=lambda arrival: arrival[0])


def keys_of(studies: list[Arrival], options: TriageOptions) -> dict[str, StudyUID]:
    return {place(*study, options).sort_key: study[0] for study in studies}


def is_below(outcome: Outcome) -> bool:
    """Tell whether a study is of another part of the body, and in the block below the list."""
    return isinstance(outcome, OutOfScope) and outcome.reason.code is ReasonCode.OTHER_PART


def comparable(study: Arrival, options: TriageOptions) -> tuple[Any, ...]:
    """Return what decides, most important first, smaller first."""
    study_uid, ready_at, outcome, priority = study
    letter = place(*study, options).triage_class.value
    if letter == "E0":
        return 0, ready_at, study_uid.value
    start = MILD[options.scheme.value] if letter == "D" else STARTS[letter]
    effective = ready_at - timedelta(minutes=min(240, start + (120 if priority.value == "HIGH" else 0)))
    s: float | None = None
    p: float | None = None
    if isinstance(outcome, Assessed):
        s, p = outcome.finding.urgency, outcome.finding.probability
    first, second = (p, s) if options.scheme.value == "identification" else (s, p)
    minute = effective.replace(second=0, microsecond=0)
    lane = 2 if is_below(outcome) else 1
    return lane, minute, URGENCY.index(letter), steps(first), steps(second), ready_at, study_uid.value


def steps(score: float | None) -> float:
    return -999 if score is None else -round(score / 0.05)


@given(lists, st.sampled_from(Scheme))
def test_the_list_is_a_permutation_of_the_studies(studies: list[Arrival], scheme: Scheme) -> None:
    keys = keys_of(studies, TriageOptions(scheme=scheme))
    assert sorted(u.value for u in keys.values()) == sorted(s[0].value for s in studies)


@given(lists, st.sampled_from(Scheme))
def test_byte_order_of_the_keys_is_the_order_of_the_specification(studies: list[Arrival], scheme: Scheme) -> None:
    options = TriageOptions(scheme=scheme)
    keys = keys_of(studies, options)
    by_key = [keys[key] for key in sorted(keys, key=lambda text: text.encode("ascii"))]
    by_rule = [study[0] for study in sorted(studies, key=lambda study: comparable(study, options))]
    assert by_key == by_rule


@given(uids, lifetimes, results, st.sampled_from(RequestPriority), st.sampled_from(Scheme))
def test_every_key_has_the_same_width(
    study_uid: StudyUID, ready_at: datetime, outcome: Outcome, priority: RequestPriority, scheme: Scheme
) -> None:
    key = place(study_uid, ready_at, outcome, priority, TriageOptions(scheme=scheme)).sort_key
    assert key.isascii()
    assert len(key) == len(place(uid(1), NOON, Waiting.SLICES, ROUTINE, COMBINED).sort_key)


@given(lifetimes, lifetimes)
def test_earlier_comes_first_over_two_centuries(one: datetime, other: datetime) -> None:
    assume(one != other)
    keys = [place(uid(1), at, scored(), ROUTINE, COMBINED).sort_key for at in sorted([one, other])]
    assert keys == sorted(keys)


def test_a_uid_of_full_length_fits_and_its_beginning_precedes_it() -> None:
    longest = "1." + "2" * 62
    keys = [
        place(StudyUID.parse(text), NOON, scored(), ROUTINE, COMBINED).sort_key
        for text in (longest[:-3], longest[:-3] + ".5", longest)
    ]
    assert keys == sorted(keys)
    assert len({len(key) for key in keys}) == 1


@given(lists, st.sampled_from(Scheme))
def test_nobody_waits_for_a_study_that_came_later_than_a_head_start(studies: list[Arrival], scheme: Scheme) -> None:
    options = TriageOptions(scheme=scheme)
    placed = sorted(((place(*s, options), s) for s in studies), key=lambda pair: pair[0].sort_key)
    ordered = [(position, study) for position, (ranking, study) in enumerate(placed) if ranking.lane == 1]
    for position, study in ordered:
        for other_position, other in ordered:
            if other_position < position:
                assert other[1] - study[1] < WINDOW + ROUNDING


@given(st.sampled_from([*CHESTS]), st.floats(0, 0.0099), st.floats(0, 0.6199), times, st.sampled_from(Scheme))
def test_a_study_without_a_score_never_stands_below_one_that_is_not_flagged(
    code: ReasonCode, severity: float, p: float, at: datetime, scheme: Scheme
) -> None:
    options = TriageOptions(scheme=scheme)
    other = place(uid(1), at, scored(severity, p), ROUTINE, options)
    assert other.triage_class.value == "N"
    for outcome in (unread(code), *Waiting):
        assert place(uid(2), at, outcome, ROUTINE, options).sort_key < other.sort_key


@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.none() | st.floats(0, 1),
    times,
    st.sampled_from(RequestPriority),
    st.sampled_from(Scheme),
)
def test_more_disease_never_lowers_a_study(
    one: float, other: float, p: float | None, at: datetime, priority: RequestPriority, scheme: Scheme
) -> None:
    options = TriageOptions(scheme=scheme)
    less, more = (place(uid(1), at, scored(s, p), priority, options).sort_key for s in sorted([one, other]))
    assert more <= less


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), times, st.sampled_from(Scheme))
def test_a_higher_probability_never_lowers_a_study(
    one: float, other: float, severity: float, at: datetime, scheme: Scheme
) -> None:
    options = TriageOptions(scheme=scheme)
    less, more = (place(uid(1), at, scored(severity, p), ROUTINE, options).sort_key for p in sorted([one, other]))
    assert more <= less


@given(lists)
def test_stat_orders_are_first_in_order_of_arrival(studies: list[Arrival]) -> None:
    placed = sorted(((place(*s, COMBINED), s) for s in studies), key=lambda pair: pair[0].sort_key)
    stat = [study for ranking, study in placed if ranking.lane is Lane.EMERGENCY]
    assert [study for _, study in placed[: len(stat)]] == stat
    assert all(study[3] is RequestPriority.STAT for study in stat)
    assert [study[1] for study in stat] == sorted(study[1] for study in stat)


def test_the_key_of_a_study_does_not_depend_on_the_others() -> None:
    studies = [(uid(i), NOON + timedelta(minutes=i), scored(i / 40), ROUTINE) for i in range(40)]
    whole = sorted(place(*study, COMBINED).sort_key for study in studies)
    rest = random.Random(7).sample(studies, 20)
    assert [key for key in whole if key in {place(*s, COMBINED).sort_key for s in rest}] == sorted(
        place(*study, COMBINED).sort_key for study in rest
    )


def test_the_reverse_order_of_urgency_is_turned_round() -> None:
    """None, moderate and severe disease, sent in this order within minutes."""
    sent = [scored(0.0, 0.05), scored(0.3, 0.9), scored(0.6, 0.95)]
    places = [place(uid(i), NOON + timedelta(minutes=i), outcome, ROUTINE, COMBINED) for i, outcome in enumerate(sent)]
    assert sorted(places, key=lambda ranking: ranking.sort_key) == places[::-1]


def test_the_effective_arrival_is_the_arrival_less_the_head_start() -> None:
    assert place(uid(1), NOON, scored(0.6), ROUTINE, COMBINED).effective_at == NOON - timedelta(minutes=180)
    assert place(uid(1), NOON, scored(0.6), RequestPriority.STAT, COMBINED).effective_at == NOON


def test_noise_in_the_scores_does_not_reorder_neighbours() -> None:
    first, second = (
        place(uid(i), NOON + timedelta(seconds=i), Assessed(finding(s, 0.9)), ROUTINE, COMBINED)
        for i, s in enumerate([0.11, 0.09])
    )
    third = place(uid(2), NOON + timedelta(seconds=2), Assessed(finding(0.16, 0.9)), ROUTINE, COMBINED)
    assert third.sort_key < first.sort_key < second.sort_key


def test_a_time_in_another_zone_is_the_same_time() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert place(uid(1), elsewhere, scored(), ROUTINE, COMBINED).sort_key == (
        place(uid(1), NOON, scored(), ROUTINE, COMBINED).sort_key
    )


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time with its zone"):
        place(uid(1), NOON.replace(tzinfo=None), scored(), ROUTINE, COMBINED)


def test_a_waiting_study_stands_unscored_from_its_arrival() -> None:
    ranking = place(uid(1), NOON, Waiting.SLICES, ROUTINE, COMBINED)
    assert ranking.triage_class.value == "U"
    assert ranking.effective_at == NOON - timedelta(minutes=45)


def test_a_placement_is_a_value() -> None:
    ranking: Ranking = place(uid(1), NOON, scored(), ROUTINE, COMBINED)
    assert ranking == replace(ranking)
