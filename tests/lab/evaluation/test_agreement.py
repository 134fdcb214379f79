"""Agreement of severities and what thresholds and probabilities do, against worked and published examples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from triaged.lab.evaluation.agreement import grade_agreement, intraclass_correlation, limits
from triaged.lab.evaluation.calibration import (
    Line,
    bins,
    brier,
    calibration_error,
    fit_intercept,
    fit_platt,
    fit_temperature,
    log_loss,
    logit,
    mapped,
    prior_corrected,
)
from triaged.lab.evaluation.operating import (
    at_threshold,
    threshold_for_sensitivity,
    threshold_for_specificity,
    tuning_patients,
    wilson,
)
from triaged.lab.evaluation.ranking import auc

SHROUT_AND_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=np.float64
)


def test_the_intraclass_correlation_is_that_of_the_published_example() -> None:
    """Shrout and Fleiss 1979, table 4: ICC(2,1) = .29."""
    assert intraclass_correlation(SHROUT_AND_FLEISS) == pytest.approx(0.29, abs=0.005)


def test_equal_measurements_correlate_fully_and_a_shift_costs_agreement() -> None:
    values = np.array([0.1, 0.2, 0.5, 0.9])
    assert intraclass_correlation(np.stack([values, values], axis=1)) == pytest.approx(1.0)
    shifted = intraclass_correlation(np.stack([values, values + 0.3], axis=1))
    assert shifted is not None
    assert shifted < 0.85


def test_limits_of_agreement_are_in_percentage_points() -> None:
    found = limits([0.12, 0.20, 0.34], [0.10, 0.20, 0.30])
    assert found is not None
    assert found.bias_pp == pytest.approx(2.0)
    assert found.high_pp == pytest.approx(2.0 + 1.959964 * 2.0)
    assert found.low_pp == pytest.approx(2.0 - 1.959964 * 2.0)


def test_grades_are_counted_and_weighted_by_the_square_of_their_distance() -> None:
    reference, found = [0, 1, 1, 2, 4, 3], [0, 1, 2, 2, 2, 3]
    agreement = grade_agreement(found, reference)
    assert agreement is not None
    assert agreement.accuracy == pytest.approx(4 / 6)
    assert agreement.confusion[4][2] == 1
    assert agreement.under_graded == 1
    observed = (0 + 0 + 1 + 0 + 4 + 0) / 6
    expected = float(np.mean([(r - f) ** 2 for r in reference for f in found]))
    assert agreement.kappa == pytest.approx(1 - observed / expected)


def test_wilsons_interval_is_the_published_one() -> None:
    """22 of 30: .56 to .86 (specification, 1.0.7)."""
    found = wilson(22, 30)
    assert (found.value, found.low, found.high) == pytest.approx((0.733, 0.556, 0.858), abs=0.001)


def test_predictive_values_follow_from_bayes_at_another_prevalence() -> None:
    scores = [0.9] * 9 + [0.1] + [0.9] * 2 + [0.1] * 8
    point = at_threshold(scores, [True] * 10 + [False] * 10, 0.5)
    assert (point.sensitivity.value, point.specificity.value) == (0.9, 0.8)
    ppv, npv = point.predictive_values(0.1)
    assert ppv == pytest.approx(0.09 / (0.09 + 0.18))
    assert npv == pytest.approx(0.72 / (0.72 + 0.01))
    assert point.likelihood_ratios() == pytest.approx((4.5, 0.125))


def test_thresholds_reach_what_they_are_chosen_for_and_no_more() -> None:
    rng = np.random.default_rng(2)
    scores = np.concatenate([rng.normal(1, 1, 60), rng.normal(0, 1, 80)]).tolist()
    labels = [True] * 60 + [False] * 80
    sensitive, specific = threshold_for_sensitivity(scores, labels), threshold_for_specificity(scores, labels)
    assert sensitive is not None
    assert specific is not None
    assert (at_threshold(scores, labels, sensitive).sensitivity.value or 0) >= 0.95
    assert (at_threshold(scores, labels, np.nextafter(sensitive, 9)).sensitivity.value or 1) < 0.95
    assert (at_threshold(scores, labels, specific).specificity.value or 0) >= 0.80
    below = max(score for score in scores if score < specific)
    assert (at_threshold(scores, labels, below).specificity.value or 1) < 0.80


def test_half_of_the_patients_tune_and_it_is_always_the_same_half() -> None:
    names = [f"p{i}" for i in range(40)]
    half = tuning_patients(names)
    assert len(half) == 20
    assert half == tuning_patients([*reversed(names), *names])


def test_the_prior_of_training_is_taken_off_in_log_odds() -> None:
    """75 % positives in training are odds of 3: 0.75 becomes 0.5 at even odds, and 0.1 at one in ten."""
    trained = np.array([0.75])
    assert prior_corrected(trained, 0.5)[0] == pytest.approx(0.5)
    assert prior_corrected(trained, 0.1)[0] == pytest.approx(0.1)


def test_a_known_distortion_of_probabilities_is_found_and_undone() -> None:
    rng = np.random.default_rng(8)
    honest = rng.beta(1.5, 1.5, 6000)
    truth = rng.random(6000) < honest
    line = Line(2.0, 0.5)
    bold = mapped(honest, line)
    undo = fit_platt(bold, truth)
    assert undo is not None
    assert undo.slope == pytest.approx(1 / line.slope, rel=0.08)
    assert undo.intercept == pytest.approx(-line.intercept / line.slope, abs=0.1)
    assert calibration_error(mapped(bold, undo), truth) < 0.03 < calibration_error(bold, truth)
    assert log_loss(mapped(bold, undo), truth) < log_loss(bold, truth)


def test_temperature_and_intercept_are_the_best_of_their_kind() -> None:
    rng = np.random.default_rng(9)
    honest = rng.beta(2, 2, 4000)
    truth = rng.random(4000) < honest
    temperature, shift = fit_temperature(1 / (1 + np.exp(-3 * logit(honest))), truth), fit_intercept(honest, truth)
    assert temperature is not None
    assert shift is not None
    assert temperature.slope == pytest.approx(1 / 3, rel=0.08)
    assert shift.intercept == pytest.approx(0.0, abs=0.1)


def test_calibration_changes_no_order() -> None:
    rng = np.random.default_rng(10)
    positive, negative = rng.beta(3, 2, 40), rng.beta(2, 3, 50)
    line = fit_platt(np.concatenate([positive, negative]), np.arange(90) < 40)
    assert line is not None
    assert auc(mapped(positive, line), mapped(negative, line)) == auc(positive, negative)
    assert auc(prior_corrected(positive, 0.05), prior_corrected(negative, 0.05)) == auc(positive, negative)


def test_scores_without_a_mistake_have_no_best_line() -> None:
    assert fit_platt(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True])) is None


def test_the_parts_of_briers_score_add_up() -> None:
    probability, truth = np.array([0.1, 0.1, 0.8, 0.8, 0.8]), np.array([False, True, True, True, False])
    found = brier(probability, truth)
    assert found.score == pytest.approx(np.mean((probability - truth) ** 2))
    assert found.uncertainty == pytest.approx(0.24)
    total = found.reliability - found.resolution + found.uncertainty + found.within_bins
    assert total == pytest.approx(found.score)


def test_bins_hold_equal_numbers_of_cases() -> None:
    probability = np.linspace(0.05, 0.95, 103)
    found = bins(probability, probability > 0.5)
    assert len(found) == 10
    assert {each.n for each in found} == {10, 11}


def test_the_loss_of_a_coin_is_that_of_one_bit() -> None:
    assert log_loss(np.array([0.5, 0.5]), np.array([True, False])) == pytest.approx(math.log(2))
