"""Rank figures agree with the definition, with SciPy, and with published numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from triaged.lab.evaluation.estimate import mean_by_patient
from triaged.lab.evaluation.ranking import (
    auc,
    auc_estimate,
    delong_error,
    hanley_mcneil_error,
    inverted_hanley_mcneil,
    kendall,
    spearman,
    spearman_estimate,
)

RNG = np.random.default_rng(4)


def test_the_area_counts_pairs_and_ties_by_half() -> None:
    positive, negative = np.array([3.0, 2.0, 2.0]), np.array([1.0, 2.0])
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    assert auc(positive, negative) == pytest.approx(sum(pairs) / 6)


def test_the_area_is_that_of_the_rank_sum_test() -> None:
    positive, negative = RNG.normal(1, 1, 40).round(1), RNG.normal(0, 1, 55).round(1)
    u = stats.mannwhitneyu(positive, negative).statistic
    assert auc(positive, negative) == pytest.approx(u / (40 * 55))


def test_the_area_against_all_is_the_weighted_mean_of_those_against_each_group() -> None:
    """As in the paper's row: (31 x .97 + 30 x .87 + 30 x .93) / 91 = .924."""
    positive = RNG.normal(1, 1, 32)
    groups = [RNG.normal(mean, 1, n) for mean, n in ((-1.0, 31), (0.5, 30), (0.0, 30))]
    each = [auc(positive, group) for group in groups]
    weighted = sum((area or 0) * len(group) for area, group in zip(each, groups, strict=True)) / 91
    assert auc(positive, np.concatenate(groups)) == pytest.approx(weighted, abs=1e-12)
    paper = (31 * 0.97 + 30 * 0.87 + 30 * 0.93) / 91
    assert paper == pytest.approx(0.924, abs=5e-4)


def test_the_area_is_blind_to_a_monotone_map_of_scores() -> None:
    positive, negative = RNG.random(30), RNG.random(20)
    assert auc(positive**3, negative**3) == auc(positive, negative)


@pytest.mark.parametrize(
    ("area", "n1", "n0", "low", "high"),
    [(0.93, 32, 91, 0.87, 0.99), (0.87, 32, 30, 0.78, 0.96), (0.93, 32, 30, 0.86, 1.0), (0.62, 32, 30, 0.48, 0.76)],
)
def test_hanley_and_mcneil_give_the_intervals_of_the_specification(
    area: float, n1: int, n0: int, low: float, high: float
) -> None:
    half = 1.96 * hanley_mcneil_error(area, n1, n0)
    assert (area - half, min(1.0, area + half)) == pytest.approx((low, high), abs=0.006)


def test_delongs_error_is_that_of_its_structural_components() -> None:
    positive, negative = RNG.normal(1, 1, 25).round(1), RNG.normal(0, 1, 35).round(1)
    wins = np.array([[(p > n) + 0.5 * (p == n) for n in negative] for p in positive])
    expected = math.sqrt(np.var(wins.mean(axis=1), ddof=1) / 25 + np.var(wins.mean(axis=0), ddof=1) / 35)
    assert delong_error(positive, negative) == pytest.approx(expected, rel=1e-12)


def test_a_perfect_order_of_few_cases_still_has_a_wide_interval() -> None:
    low, high = inverted_hanley_mcneil(1.0, 5, 5)
    assert 0.4 < low < 0.85
    assert high == 1.0
    assert 1.0 - low == pytest.approx(1.959964 * hanley_mcneil_error(low, 5, 5), abs=1e-6)


def test_an_area_without_controls_is_undefined_and_says_so() -> None:
    found = auc_estimate([0.2, 0.3], [True, True], ["a", "b"])
    assert found.value is None
    assert "found 2 and 0" in found.why


def test_several_cases_of_a_patient_are_drawn_together() -> None:
    scores = [0.9, 0.8, 0.2, 0.85, 0.1, 0.3, 0.25, 0.15]
    labels = [True, True, True, True, False, False, False, False]
    found = auc_estimate(scores, labels, ["a", "a", "b", "c", "d", "e", "f", "f"])
    assert found.interval == "bootstrap over 6 patients"
    assert found.low is not None
    assert found.value is not None
    assert found.low < found.value


def test_spearman_and_kendall_agree_with_scipy_with_ties() -> None:
    first, second = RNG.integers(0, 9, 30).tolist(), RNG.integers(0, 9, 30).tolist()
    assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    assert kendall(first, second) == pytest.approx(stats.kendalltau(first, second).statistic)


@pytest.mark.parametrize(("rho", "low", "high"), [(0.97, 0.94, 0.99), (0.80, 0.62, 0.90), (0.92, 0.84, 0.96)])
def test_the_interval_of_spearman_is_that_of_the_specification_for_32_cases(
    rho: float, low: float, high: float
) -> None:
    order = np.arange(32.0)
    best = min(
        (order + RNG.normal(0, noise, 32) for noise in np.linspace(0.5, 30, 400)),
        key=lambda other: abs((spearman(order.tolist(), other.tolist()) or 0) - rho),
    )
    found = spearman_estimate(order.tolist(), best.tolist(), [str(i) for i in range(32)])
    assert (found.value, found.low, found.high) == pytest.approx((rho, low, high), abs=0.012)


@pytest.mark.parametrize("found", [[1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0]])
def test_a_rank_correlation_of_constants_or_of_three_cases_is_undefined_and_not_zero(found: list[float]) -> None:
    estimate = spearman_estimate(found, list(range(len(found))), [str(i) for i in range(len(found))])
    assert estimate.value is None
    assert estimate.why


def test_the_interval_of_a_mean_is_about_that_of_the_normal_distribution() -> None:
    values = RNG.normal(5, 2, 100).tolist()
    found = mean_by_patient(values, [str(i) for i in range(100)])
    half = 1.96 * float(np.std(values, ddof=1)) / 10
    assert found.low == pytest.approx(np.mean(values) - half, abs=0.06)
    assert found.high == pytest.approx(np.mean(values) + half, abs=0.06)


def test_cases_of_one_patient_do_not_narrow_an_interval() -> None:
    values = RNG.normal(0, 1, 12)
    once = mean_by_patient(values.tolist(), [str(i) for i in range(12)])
    often = mean_by_patient(np.repeat(values, 8).tolist(), [str(i // 8) for i in range(96)])
    assert (often.low, often.high) == pytest.approx((once.low, once.high), abs=1e-9)
    assert mean_by_patient([1.0, 2.0], ["a", "a"]).low is None
