"""The map from extent to share of volume rises, holds its interval, and finds lines that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.lab.packages.extent_map import MOST_KNOTS, fit_map, mean_error, rising


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        ([1, 2, 3], None, [1, 2, 3]),
        ([3, 1], None, [2, 2]),
        ([1, 4, 2, 3, 5], None, [1, 3, 3, 3, 5]),
        ([5, 4, 3], None, [4, 4, 4]),
        ([3, 0], [1, 3], [0.75, 0.75]),
    ],
)
def test_violators_are_pooled_as_by_hand(
    values: list[float], weights: list[float] | None, expected: list[float]
) -> None:
    found = rising(np.array(values, float), None if weights is None else np.array(weights, float))
    assert found.tolist() == pytest.approx(expected)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_what_rises_keeps_its_mean(values: list[float]) -> None:
    found = rising(np.array(values))
    assert np.all(np.diff(found) >= 0)
    assert found.mean() == pytest.approx(np.mean(values))


def test_a_curve_without_noise_is_found() -> None:
    """Share = extent squared, so the middle line has to pass through it at every knot."""
    extents = np.linspace(0, 0.9, 400)
    found = fit_map(extents, extents**2)
    assert len(found.extent) <= MOST_KNOTS
    for extent in (0.1, 0.35, 0.6, 0.8):
        assert found.estimate(extent).share == pytest.approx(extent**2, abs=0.03)
    error, _ = mean_error(found, extents, extents**2)
    assert error < 0.02


def test_eight_of_ten_lie_in_the_interval_of_even_noise() -> None:
    """Share = extent / 2, give or take an even .1: the interval is .08 to either side, its ends rise with the line."""
    rng = np.random.default_rng(1)
    extents = rng.uniform(0.2, 1, 4000)
    shares = extents / 2 + rng.uniform(-0.1, 0.1, 4000)
    found = fit_map(extents, shares)
    middle = found.estimate(0.6)
    assert middle.share == pytest.approx(0.3, abs=0.02)
    assert middle.high - middle.low == pytest.approx(0.16, abs=0.04)
    fresh = rng.uniform(0.25, 0.95, 2000)
    _, inside = mean_error(found, fresh, fresh / 2 + rng.uniform(-0.1, 0.1, 2000))
    assert 0.74 < inside < 0.9


@given(st.integers(0, 1000), st.integers(8, 60))
def test_every_map_may_stand_in_a_manifest(seed: int, count: int) -> None:
    """Extents rise from 0, no line falls, and the middle one lies between the others (the daemon refuses all else)."""
    rng = np.random.default_rng(seed)
    found = fit_map(rng.random(count) ** 3, rng.random(count))
    assert found.extent[0] == 0
    assert np.all(np.diff(found.extent) > 0)
    for line in (found.share, found.low, found.high):
        assert np.all(np.diff(line) >= 0)
        assert min(line) >= 0
        assert max(line) <= 1
    assert all(low <= share <= high for low, share, high in zip(found.low, found.share, found.high, strict=True))


def test_where_nothing_is_found_the_estimate_is_nothing_however_ill_the_people_are() -> None:
    """Half of the films show nothing although .1 of the lung is affected; the others show .5 of .6."""
    extents, shares = np.repeat([0.0, 0.5], 20), np.repeat([0.1, 0.6], 20)
    found = fit_map(extents, shares)
    nothing, much = found.estimate(0.0), found.estimate(0.5)
    assert (nothing.share, nothing.low) == (0, 0)
    assert nothing.high >= 0.1
    assert much.share == pytest.approx(0.6)


def test_too_few_films_fit_nothing() -> None:
    with pytest.raises(ValueError, match="at least 8"):
        fit_map(np.array([0.1, 0.2]), np.array([0.1, 0.2]))
