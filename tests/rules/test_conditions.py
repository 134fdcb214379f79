"""What conditions ask, and what they prove of each other, against plain Python on generated facts."""

from __future__ import annotations

from datetime import date
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.rules.conditions import FlagCondition, NetworkCondition, NumberCondition, TextCondition

LETTERS = st.text(alphabet="abAB*? ", min_size=1, max_size=5).filter(str.strip)
GROUPS = st.none() | st.lists(LETTERS, min_size=1, max_size=2).map(tuple)
TEXTS = st.builds(TextCondition, any_of=GROUPS, equals=GROUPS, contains=GROUPS, matches=GROUPS)
FACTS = st.text(alphabet="abAB ", max_size=6)
BOUND = st.none() | st.integers(-1, 6).map(float)
NUMBERS = st.builds(
    NumberCondition,
    equals=st.none() | st.lists(st.integers(-1, 6).map(float), min_size=1, max_size=2).map(tuple),
    below=BOUND,
    above=BOUND,
    at_most=BOUND,
    at_least=BOUND,
    highest=st.just(5.0),
)
VALUES = [each / 2 for each in range(-4, 16)]


@pytest.mark.parametrize(
    ("condition", "fact", "met"),
    [
        (TextCondition(any_of=("RESEARCH", "TRIAL_*")), "research", True),
        (TextCondition(any_of=("RESEARCH", "TRIAL_*")), "Trial_7", True),
        (TextCondition(any_of=("RESEARCH", "TRIAL_*")), "MY_TRIAL_7", False),
        (TextCondition(equals=("TRIAL_*",)), "TRIAL_7", False),
        (TextCondition(equals=("TRIAL_*",)), "trial_*", True),
        (TextCondition(contains=("do not read",)), "Chest, DO NOT  READ (trial)", True),
        (TextCondition(contains=("[1]",)), "see [1]", True),
        (TextCondition(contains=("a*b",)), "axb", False),
        (TextCondition(matches=("LUNG*",)), "lung 1.0 B70f", True),
        (TextCondition(matches=("LUNG*",)), "1.0 lung", False),
        (TextCondition(contains=("lung",), matches=("*B70*",)), "lung 1.0 B70f", True),
        (TextCondition(contains=("lung",), matches=("*B70*",)), "lung 1.0 B31f", False),
        (TextCondition(any_of=("AXIAL",)), ("ORIGINAL", "PRIMARY", "AXIAL"), True),
        (TextCondition(any_of=("AXIAL",)), (), False),
        (TextCondition(matches=("*",)), "", False),
        (TextCondition(any_of=("1",)), 1, False),
        (NumberCondition(below=16.0), 15.9, True),
        (NumberCondition(below=16.0), 16.0, False),
        (NumberCondition(at_most=3.0), 3.0, True),
        (NumberCondition(above=3.0), 3.0, False),
        (NumberCondition(at_least=3.0, below=5.0), 5.0, False),
        (NumberCondition(equals=(1.0, 2.0)), 2.0, True),
        (NumberCondition(below=16.0), None, False),
        (NumberCondition(below=16.0), True, False),
        (NetworkCondition((ip_network("10.1.0.0/16"),)), "10.1.2.3", True),
        (NetworkCondition((ip_network("10.1.0.0/16"),)), "::ffff:10.1.2.3", True),
        (NetworkCondition((ip_network("10.1.0.0/16"),)), "10.2.2.3", False),
        (NetworkCondition((ip_network("10.1.0.0/16"),)), "", False),
        (FlagCondition(True), True, True),
        (FlagCondition(True), False, False),
    ],
)
def test_a_fact_meets_a_condition(condition: TextCondition, fact: object, met: bool) -> None:
    assert condition.is_met(fact) is met


@given(TEXTS, TEXTS, FACTS)
def test_what_covers_another_is_met_by_whatever_meets_that(one: TextCondition, other: TextCondition, fact: str) -> None:
    assert not (one.covers(other) and other.is_met(fact) and not one.is_met(fact))


@given(NUMBERS, NUMBERS)
def test_numbers_cover_others_only_where_none_is_outside(one: NumberCondition, other: NumberCondition) -> None:
    outside = [value for value in VALUES if other.is_met(value) and not one.is_met(value)]
    assert not (one.covers(other) and outside)


@given(NUMBERS)
def test_an_impossible_number_is_none_at_all(condition: NumberCondition) -> None:
    met = [value for value in VALUES if condition.is_met(value)]
    assert condition.is_impossible() == (not met)


@given(TEXTS, FACTS)
def test_nothing_meets_an_impossible_text(condition: TextCondition, fact: str) -> None:
    assert not (condition.is_impossible() and condition.is_met(fact))


@pytest.mark.parametrize(
    ("wider", "narrower", "covers"),
    [
        (TextCondition(any_of=("TRIAL_*",)), TextCondition(any_of=("TRIAL_A", "trial_b*")), True),
        (TextCondition(any_of=("TRIAL_A*",)), TextCondition(any_of=("TRIAL_*",)), False),
        (TextCondition(contains=("trial",)), TextCondition(equals=("my trial 7",)), True),
        (TextCondition(contains=("trial",)), TextCondition(contains=("trials",), equals=("x trials",)), True),
        (TextCondition(contains=("trials",)), TextCondition(contains=("trial",)), False),
        (TextCondition(matches=("a?*",)), TextCondition(matches=("a*",)), False),
        (NumberCondition(below=18.0), NumberCondition(at_most=16.0), True),
        (NumberCondition(below=16.0), NumberCondition(at_most=16.0), False),
        (NumberCondition(at_least=0.0), NumberCondition(below=3.0), True),
        (NetworkCondition((ip_network("10.0.0.0/8"),)), NetworkCondition((ip_network("10.1.0.0/16"),)), True),
        (NetworkCondition((ip_network("10.1.0.0/16"),)), NetworkCondition((ip_network("10.0.0.0/8"),)), False),
        (FlagCondition(True), FlagCondition(False), False),
        (TextCondition(any_of=("a",)), NumberCondition(below=1.0), False),
    ],
)
def test_what_is_proved(wider: TextCondition, narrower: TextCondition, covers: bool) -> None:
    assert wider.covers(narrower) is covers


def test_dates_are_asked_by_their_ordinals() -> None:
    condition = NumberCondition(at_least=float(date(2026, 1, 1).toordinal()))
    assert condition.is_met(date(2026, 1, 1))
    assert not condition.is_met(date(2025, 12, 31))
