"""One rule of rounding, as properties that every shown number has."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.study.coding import MILLILITRE, PROBABILITY, SHARE, percent, percent_range
from triaged.study.rounding import documented, points, shown

SHARES = st.floats(0.0, 1.0, allow_subnormal=False)


@given(SHARES)
def test_a_share_is_nothing_only_where_nothing_is_and_all_only_where_all_is(share: float) -> None:
    text = percent(share)
    assert (text == "0 %") == (share == 0)
    assert (text == "100 %") == (share == 1)


@given(SHARES)
def test_what_is_shown_of_a_share_is_true(share: float) -> None:
    sign, number = re.fullmatch(r"([<>]?)(\d+) %", percent(share)).groups()  # type: ignore[union-attr]
    exact = Decimal(share) * 100
    if sign:
        assert (exact < Decimal(number)) == (sign == "<")
        assert number in ("1", "99")
    else:
        assert abs(exact - Decimal(number)) <= Decimal("0.5000001")


@given(SHARES)
def test_no_probability_is_shown_as_certain_and_none_as_impossible_but_zero(probability: float) -> None:
    text = PROBABILITY.text(probability)
    assert text != "1.00"
    assert (text == "0.00") == (probability == 0)


@given(SHARES, SHARES)
def test_beside_a_bound_a_probability_is_shown_on_its_own_side(probability: float, bound: float) -> None:
    text = PROBABILITY.text(probability, (bound,))
    if text[0] not in "<>":
        assert (float(text) >= bound) == (probability >= bound)


@given(SHARES, SHARES)
def test_of_two_shares_the_larger_is_never_shown_as_the_smaller(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert _order(percent(low)) <= _order(percent(high))


@given(st.floats(1e-9, 1e6), st.integers(0, 4))
def test_documents_have_no_zero_where_something_is(value: float, digits: int) -> None:
    assert float(documented(value, digits)) > 0


@given(SHARES)
def test_documents_have_no_certain_probability(probability: float) -> None:
    number = PROBABILITY.reported(probability)
    assert probability == 1 or number < 1
    assert abs(Decimal(str(number)) - Decimal(probability)) <= Decimal("0.0005")


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.76037, "76.0"), (0.5, "50.0"), (0.0, "0.0"), (0.0004, "0.04"), (1.0, "100.0")],
)
def test_documents_have_shares_with_one_digit(value: float, said: str) -> None:
    assert SHARE.document(value) == said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (0.0, "0 points"),
        (0.3, "+<1 point"),
        (-0.3, "−<1 point"),
        (1.2, "+1 point"),
        (-12.4, "−12 points"),
        (11.0, "+11 points"),
    ],
)
def test_a_change_is_none_only_where_there_is_none(change: float, said: str) -> None:
    assert points(change) == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.72, 0.80, "72 to 80 %"), (-0.01, 0.03, "up to 3 %"), (0.004, 0.03, "<1 to 3 %"), (0.97, 1.2, "97 to 100 %")],
)
def test_a_range_has_its_sign_once(low: float, high: float, said: str) -> None:
    assert percent_range(low, high) == said


def test_volumes_are_whole_millilitres() -> None:
    assert (MILLILITRE.text(0.4), MILLILITRE.text(12.4), MILLILITRE.document(0.4)) == ("<1 mL", "12 mL", "0.4")
    assert shown(3.0, 0) == "3"


def _order(text: str) -> float:
    number = float(text.removesuffix(" %").lstrip("<>"))
    return {"<": number - 0.5, ">": number + 0.5}.get(text[0], number)
