"""How numbers are shown to people."""

from __future__ import annotations

import pytest

from triaged.study.coding import MILLILITRE, PROBABILITY, SHARE, Unit


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [
        (SHARE, 0.0, "0 %"),
        (SHARE, 0.0003, "<1 %"),
        (SHARE, 0.0099, "<1 %"),
        (SHARE, 0.225, "22 %"),
        (SHARE, 0.9999, ">99 %"),
        (SHARE, 1.0, "100 %"),
        (MILLILITRE, 0.0, "0 mL"),
        (MILLILITRE, 0.4, "<1 mL"),
        (PROBABILITY, 0.9956, ">0.99"),
        (PROBABILITY, 1.0, ">0.99"),
        (PROBABILITY, 0.004, "<0.01"),
        (PROBABILITY, 0.0, "0.00"),
    ],
)
def test_a_zero_stands_only_where_nothing_is_and_nothing_is_certain(unit: Unit, value: float, shown: str) -> None:
    assert unit.text(value) == shown
