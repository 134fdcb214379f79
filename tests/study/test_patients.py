"""When two studies of one Patient ID are of one patient, and when what they say contradicts it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.study.patients import Identity, contradiction, is_other_issuer

WORDS = st.text("abcdefghij^= -.", max_size=20)
DATES = st.sampled_from(["", "19560412", "1956.04.12", "19700101"])
IDENTITIES = st.builds(Identity, WORDS, DATES, st.sampled_from(["", "M", "F", "O"]), WORDS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Doe^Jane", "DOE^JANE"),
        ("Doe^Jane", "Doe^Jane^Mary^Dr."),
        ("Doe^Jane^M", "Doe^Jane^Mary"),
        ("Doe^J", "Doe^Jane"),
        ("Doe", "Doe^Jane"),
        ("Doe Jane", "Doe^Jane"),
        ("Jane Doe", "Doe^Jane"),
        ("M\u00fcller^J\u00f6rg", "Muller^Jorg"),
        ("O'Neil^Ann-Marie", "ONEIL^Ann Marie"),
        ("Yamada^Tarou=\u5c71\u7530^\u592a\u90ce", "Yamada^Taro=\u5c71\u7530^\u592a\u90ce"),
        ("Yamada^Tarou", "=\u5c71\u7530^\u592a\u90ce"),
        ("", "Doe^Jane"),
    ],
)
def test_a_name_that_is_written_otherwise_is_the_same_name(one: str, other: str) -> None:
    assert contradiction(Identity(name=one), Identity(name=other)) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Doe^Jane", "Doe^Richard"),
        ("Doe^Jane", "Roe^Jane"),
        ("Doe^Jane", "Roe"),
        ("Doe^Jane", "Anonymous"),
        ("\u5c71\u7530^\u592a\u90ce", "\u9234\u6728^\u592a\u90ce"),
    ],
)
def test_another_name_is_another_patient(one: str, other: str) -> None:
    assert contradiction(Identity(name=one), Identity(name=other)) == "name"


def test_the_first_attribute_that_differs_is_told() -> None:
    one = Identity("", "19560412", "F", "Doe^Jane")
    assert contradiction(one, Identity("", "19560413", "M", "Roe^Rick")) == "birth date"
    assert contradiction(one, Identity("", "1956.04.12", "M", "Roe^Rick")) == "sex"
    assert contradiction(one, Identity("", "", "O", "Doe^Jane")) == ""


def test_issuers_differ_where_both_are_said() -> None:
    assert is_other_issuer(Identity("NORTH"), Identity("SOUTH"))
    assert not is_other_issuer(Identity("NORTH"), Identity(" north "))
    assert not is_other_issuer(Identity("NORTH"), Identity(""))


@given(IDENTITIES, IDENTITIES)
def test_who_comes_first_makes_no_difference(one: Identity, other: Identity) -> None:
    assert contradiction(one, other) == contradiction(other, one)
    assert contradiction(one, one) == ""


@given(IDENTITIES)
def test_nothing_contradicts_who_says_nothing(one: Identity) -> None:
    assert contradiction(one, Identity()) == ""
