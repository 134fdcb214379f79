"""What a reader decides moves a study by one class, or to the top, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triage.cases import NOON, scored, uid, unread
from tests.triage.test_ordering import CHESTS, Arrival, keys_of, lists, results
from triaged.study.assessment import ReasonCode
from triaged.study.ranking import Lane, Override, Ranking, RequestPriority
from triaged.triage.ordering import place
from triaged.triage.scheme import Outcome, Scheme, TriageOptions, Waiting

ROUTINE = RequestPriority.ROUTINE
NOT_PIN = [Override.NONE, Override.RAISE, Override.LOWER]
decided = st.lists(st.sampled_from(Override), min_size=30, max_size=30)


def moved(
    outcome: Outcome, override: Override, scheme: Scheme = Scheme.COMBINED, order: RequestPriority = ROUTINE
) -> Ranking:
    return place(uid(1), NOON, outcome, order, TriageOptions(scheme=scheme), override=override)


def minutes_ahead(ranking: Ranking) -> int:
    return round((NOON - ranking.effective_at) / timedelta(minutes=1))


LADDERS = {
    # class: (lowered, own, raised), head starts in minutes, by the table of the specification
    "combined": {
        "N": (0, 0, 45),
        "U": (0, 45, 60),
        "C'": (45, 60, 90),
        "D": (60, 90, 120),
        "C": (90, 120, 180),
        "B": (120, 180, 240),
        "A": (180, 240, 240),
    },
    "severity": {"N": (0, 0, 30), "D": (0, 30, 45), "C": (60, 120, 180), "B": (120, 180, 240), "A": (180, 240, 240)},
    "identification": {"N": (0, 0, 45), "D": (60, 120, 180), "C": (60, 120, 180), "B": (120, 180, 240)},
}
SHOWN = {
    "N": scored(0.0, 0.1),
    "U": scored(0.0, None),
    "C'": scored(0.3, 0.1),
    "D": scored(0.1, 0.9),
    "C": scored(0.3, 0.9),
    "B": scored(0.6, 0.9),
    "A": scored(0.8, 0.9),
}


@pytest.mark.parametrize(("scheme", "letter"), [(s, letter) for s, ladder in LADDERS.items() for letter in ladder])
def test_a_study_moves_to_the_next_head_start_and_its_class_keeps_its_name(scheme: str, letter: str) -> None:
    for override, minutes in zip((Override.LOWER, Override.NONE, Override.RAISE), LADDERS[scheme][letter], strict=True):
        ranking = moved(SHOWN[letter], override, Scheme(scheme))
        assert (ranking.triage_class.value, minutes_ahead(ranking)) == (letter, minutes)


def test_a_high_order_adds_to_what_a_reader_decided_up_to_the_cap() -> None:
    assert minutes_ahead(moved(SHOWN["D"], Override.RAISE, order=RequestPriority.HIGH)) == 240
    assert minutes_ahead(moved(SHOWN["D"], Override.LOWER, order=RequestPriority.HIGH)) == 180


def test_a_pinned_study_is_read_with_the_emergencies_in_order_of_arrival() -> None:
    studies: list[tuple[Outcome, RequestPriority, Override]] = [
        (Waiting.SLICES, RequestPriority.STAT, Override.NONE),
        (scored(0.0, 0.1), ROUTINE, Override.PIN),
        (scored(0.9, 0.9), RequestPriority.STAT, Override.NONE),
        (unread(ReasonCode.CORRUPT), ROUTINE, Override.PIN),
        (scored(0.9, 0.9), ROUTINE, Override.RAISE),
    ]
    placed = [
        place(uid(9 - i), NOON + timedelta(seconds=i), outcome, order, TriageOptions(), override=override)
        for i, (outcome, order, override) in enumerate(studies)
    ]
    assert sorted(placed, key=lambda each: each.sort_key) == placed
    assert [each.lane for each in placed] == [*[Lane.EMERGENCY] * 4, Lane.ORDERED]
    assert placed[1].triage_class.value == "E0"
    assert placed[1].effective_at == NOON + timedelta(seconds=1)


def test_a_pinned_study_stays_pinned_while_it_is_read_again() -> None:
    ranking = place(uid(1), NOON, Waiting.ANALYSIS, ROUTINE, TriageOptions(), override=Override.PIN)
    assert ranking.lane is Lane.EMERGENCY


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (Override.PIN, "E0 emergency — pinned by hand, left lung 10 %, experimental P 0.90 ≥ 0.62"),
        (Override.RAISE, "D suspected, mild — raised by hand, left lung 10 %, experimental P 0.90 ≥ 0.62"),
        (Override.LOWER, "D suspected, mild — lowered by hand, left lung 10 %, experimental P 0.90 ≥ 0.62"),
        (Override.NONE, "D suspected, mild — left lung 10 %, experimental P 0.90 ≥ 0.62"),
    ],
)
def test_the_reason_says_that_a_person_moved_the_study(override: Override, said: str) -> None:
    assert moved(scored(0.1, 0.9), override).reason == said


def test_an_urgent_order_is_still_named_first() -> None:
    assert moved(scored(0.6, 0.9), Override.LOWER, order=RequestPriority.HIGH).reason.startswith(
        "B severe — HIGH order, lowered by hand, "
    )


@given(lists, decided, st.sampled_from(Scheme))
def test_the_list_stays_a_permutation_whatever_readers_decide(
    studies: list[Arrival], overrides: list[Override], scheme: Scheme
) -> None:
    options = TriageOptions(scheme=scheme)
    keys = {
        place(*study, options, override=override).sort_key for study, override in zip(studies, overrides, strict=False)
    }
    assert sorted(key.rsplit(":", 1)[1].rstrip("-") for key in keys) == sorted(study[0].value for study in studies)
    assert {len(key) for key in keys} <= {len(key) for key in keys_of(studies, options)}


@given(lists, st.lists(st.sampled_from(NOT_PIN), min_size=30, max_size=30), st.sampled_from(Scheme))
def test_nobody_but_the_pinned_overtakes_by_more_than_the_longest_head_start(
    studies: list[Arrival], overrides: list[Override], scheme: Scheme
) -> None:
    options = TriageOptions(scheme=scheme)
    rankings = [
        (place(*study, options, override=override), study[1])
        for study, override in zip(studies, overrides, strict=False)
        if study[3] is not RequestPriority.STAT
    ]
    listed = sorted(rankings, key=lambda each: each[0].sort_key)
    assert [ranking.lane for ranking, _ in listed] == sorted(ranking.lane for ranking, _ in rankings)
    placed = [(ranking, ready_at) for ranking, ready_at in listed if ranking.lane is not Lane.BELOW]
    for position, (_, ready_at) in enumerate(placed):
        latest_before = max((other for _, other in placed[:position]), default=ready_at)
        assert latest_before - ready_at < timedelta(minutes=241)


@given(
    st.sampled_from([*[unread(code) for code in CHESTS], *Waiting]),
    st.floats(0, 0.0099),
    st.floats(0, 0.6199),
    st.sampled_from(NOT_PIN),
    st.sampled_from(Scheme),
)
def test_a_study_without_a_score_never_stands_below_one_that_is_not_flagged_even_when_it_is_lowered(
    outcome: Outcome, severity: float, p: float, override: Override, scheme: Scheme
) -> None:
    options = TriageOptions(scheme=scheme)
    for other_override in (Override.NONE, Override.LOWER):
        other = place(uid(1), NOON, scored(severity, p), ROUTINE, options, override=other_override)
        assert place(uid(2), NOON, outcome, ROUTINE, options, override=override).sort_key < other.sort_key


@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.none() | st.floats(0, 1),
    st.sampled_from(RequestPriority),
    st.sampled_from(Override),
    st.sampled_from(Scheme),
)
def test_more_disease_never_lowers_a_study_that_a_reader_moved(
    one: float, other: float, p: float | None, priority: RequestPriority, override: Override, scheme: Scheme
) -> None:
    less, more = (moved(scored(s, p), override, scheme, priority).sort_key for s in sorted([one, other]))
    assert more <= less


@given(results, st.sampled_from(RequestPriority), st.sampled_from(Scheme))
def test_raising_never_lowers_and_lowering_never_raises(
    outcome: Outcome, priority: RequestPriority, scheme: Scheme
) -> None:
    keys = [
        moved(outcome, override, scheme, priority).sort_key
        for override in (Override.PIN, Override.RAISE, Override.NONE, Override.LOWER)
    ]
    assert keys == sorted(keys)
