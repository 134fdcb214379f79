"""Lengths have the mean and deviation that their texts say, and texts that say none are refused."""

from __future__ import annotations

import numpy as np
import pytest

from triaged.errors import ConfigError
from triaged.lab.simulation.department.lengths import Length, Shape

CHANCES = (np.arange(200_000) + 0.5) / 200_000


@pytest.mark.parametrize(
    ("text", "mean", "sd"),
    [("exponential:10", 10, 10), ("lognormal:12:7", 12, 7), ("fixed:4.5", 4.5, 0), ("fixed:0", 0, 0)],
)
def test_lengths_have_the_mean_and_the_deviation_asked_for(text: str, mean: float, sd: float) -> None:
    length = Length.parse(text)
    drawn = length.at(CHANCES)
    assert (drawn.mean(), drawn.std()) == pytest.approx((mean, sd), rel=2e-3)
    assert length.mean_square == pytest.approx(mean**2 + sd**2)
    assert (np.diff(drawn) >= 0).all()


def test_seconds_become_minutes() -> None:
    assert Length.parse("lognormal:60:30", 1 / 60) == Length(Shape.LOGNORMAL, 1.0, 0.5)


WRONG = ["", "normal:3:1", "exponential", "exponential:0", "exponential:1:2", "exponential:inf", "lognormal:3"]
WRONG_TOO = ["lognormal:0:1", "lognormal:3:-1", "fixed:-1", "fixed:nan", "fixed:x"]


@pytest.mark.parametrize("text", [*WRONG, *WRONG_TOO])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected exponential:MEAN, lognormal:MEAN:SD or fixed:VALUE"):
        Length.parse(text)
