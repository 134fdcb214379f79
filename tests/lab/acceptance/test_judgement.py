"""A site's figures are judged only where there are enough patients, and then by the whole interval."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from tests.lab.acceptance.site_rows import row, site
from triaged.lab.acceptance.criteria import figure_criteria
from triaged.lab.acceptance.probability import fit_probability
from triaged.lab.acceptance.sizes import group_sizes, half_width_of_area, size_criteria
from triaged.lab.acceptance.thresholds import proposals, split_by_patient, threshold_criteria
from triaged.lab.evaluation.row import Outcome
from triaged.lab.simulation.evaluated import outcome_of, simulated_cases, truth_of
from triaged.lab.simulation.site import Truth
from triaged.lab.simulation.verdict import Verdict
from triaged.study.assessment import Assessed, Failed
from triaged.triage.scheme import Scheme, TriageOptions

POLICY = TriageOptions(scheme=Scheme.COMBINED)


def biased(score: float) -> float:
    """Return a score that is too sure of itself and too high."""
    return 1 / (1 + math.exp(-2 - 3 * math.log(score / (1 - score))))


def verdicts(criteria: object) -> dict[str, Verdict]:
    assert isinstance(criteria, tuple)
    return {criterion.asked: criterion.verdict for criterion in criteria}


def test_thirty_patients_in_a_group_are_enough_and_twenty_nine_are_not() -> None:
    found = verdicts(size_criteria(group_sizes(site(30, 29))))
    assert found["at least 30 patients in covid"] is Verdict.MEETS
    assert found["at least 30 patients in normal"] is Verdict.TOO_FEW


def test_many_cases_of_few_patients_are_few() -> None:
    rows = [row(str(number), patient=f"p{number % 5}") for number in range(200)]
    criteria = size_criteria(group_sizes(rows))
    assert criteria[0].verdict is Verdict.TOO_FEW
    assert "5 patients (200 cases)" in criteria[0].found
    assert verdicts(criteria)["at least 30 patients without the disease"] is Verdict.TOO_FEW


def test_cases_that_were_not_read_do_not_count() -> None:
    rows = [row(str(number), outcome=Outcome.NOT_READ) for number in range(40)]
    assert group_sizes(rows)[0].patients == 0


def test_thirty_cases_a_side_know_an_area_of_087_to_009_as_the_specification_says() -> None:
    assert half_width_of_area(30, 30) == pytest.approx(0.09, abs=0.005)


def test_a_perfect_figure_from_few_patients_is_not_accepted() -> None:
    few = [row(f"{number}", severity=number / 20, reference=number / 20, lung_dice=1.0) for number in range(20)]
    found = figure_criteria(few)
    assert len(found) >= 3
    assert {criterion.verdict for criterion in found} == {Verdict.TOO_FEW}


def test_figures_from_enough_patients_meet_or_do_not_meet() -> None:
    good = figure_criteria(site(60, 40))
    assert {criterion.verdict for criterion in good} == {Verdict.MEETS}
    worse = [
        row(f"{number}", severity=min(1.0, number / 60 + 0.2), reference=number / 60, lung_dice=0.9)
        for number in range(60)
    ]
    found = verdicts(figure_criteria(worse))
    assert found["lungs: mean Dice at least 0.976"] is Verdict.DOES_NOT_MEET
    assert found["severity: mean absolute error at most 0.05"] is Verdict.DOES_NOT_MEET


def test_healthy_lungs_in_which_disease_is_found_do_not_meet() -> None:
    rows = [row(f"n{number}", "normal", severity=0.16, reference=0.0) for number in range(40)]
    found = verdicts(figure_criteria(rows))
    assert found["severity: patients without disease stay, on average, under 0.02"] is Verdict.DOES_NOT_MEET


def test_no_patient_is_both_tuned_and_measured_on() -> None:
    rows = [row(f"{number}", patient=f"p{number // 3}") for number in range(90)]
    split = split_by_patient(rows)
    assert len(split.tuning) + len(split.rest) == 90
    assert not {each.patient for each in split.tuning} & {each.patient for each in split.rest}


def test_thresholds_keep_on_the_tuning_half_what_they_were_chosen_for() -> None:
    split = split_by_patient(site(80, 60))
    found = {proposal.name: proposal for proposal in proposals(split, lambda _, tau: abs(tau - 0.4))}
    scores = np.array([each.identification for each in split.tuning])
    truth = np.array([each.is_positive for each in split.tuning])
    assert np.mean(scores[truth] >= found["sensitive"].point.threshold) >= 0.95
    assert np.mean(scores[~truth] < found["specific"].point.threshold) >= 0.80
    closest = min(scores, key=lambda score: abs(score - 0.4))
    assert found["shortest severe wait"].point.threshold == pytest.approx(closest, abs=0.1)


def test_without_simulated_severe_patients_no_threshold_serves_them_best() -> None:
    split = split_by_patient(site(80, 60))
    names = [proposal.name for proposal in proposals(split, lambda _rows, _tau: math.nan)]
    assert names == ["sensitive", "specific"]


def test_too_few_to_tune_on_propose_nothing_and_say_why() -> None:
    split = split_by_patient(site(8, 40))
    assert proposals(split, lambda _rows, _tau: 1.0) == ()
    assert "needs 10 cases of each kind" in split.lacking


def test_a_threshold_measured_on_few_patients_cannot_say() -> None:
    split = split_by_patient(site(44, 30))
    found = verdicts(threshold_criteria(proposals(split, lambda _rows, _tau: math.nan), split))
    assert any("sensitivity" in asked and verdict is Verdict.TOO_FEW for asked, verdict in found.items())


def test_below_a_hundred_cases_only_the_prior_is_corrected() -> None:
    fit = fit_probability(site(20, 30))
    assert fit is not None
    assert (fit.cases, fit.method, fit.line.slope) == (80, "prior corrected", 1.0)
    assert fit.line.intercept == pytest.approx(math.log(20 / 60))


def test_from_a_hundred_cases_on_a_line_is_fitted_as_logistic_regression_does() -> None:
    rows = [replace(each, identification=biased(each.identification or 0.5)) for each in site(100, 60)]
    fit = fit_probability(rows)
    assert fit is not None
    odds = np.array([math.log(p / (1 - p)) for each in rows if (p := each.identification) is not None])
    truth = np.array([each.is_positive for each in rows])

    def loss(x: np.ndarray) -> float:
        z = x[0] * odds + x[1]
        return float(np.sum(np.logaddexp(0, np.where(truth, -z, z))))

    expected = optimize.minimize(loss, [1.0, 0.0], method="BFGS").x
    assert fit.method == "platt"
    assert [fit.line.slope, fit.line.intercept] == pytest.approx(expected.tolist(), abs=1e-3)


def test_one_kind_of_case_has_no_probability() -> None:
    assert fit_probability(site(120, 0)) is None


@pytest.mark.parametrize(
    ("group", "reference", "truth"),
    [
        ("covid", 0.80, Truth.CRITICAL),
        ("covid", 0.60, Truth.SEVERE),
        ("COVID-19", 0.30, Truth.MODERATE),
        ("covid", 0.05, Truth.MILD),
        ("covid", None, None),
        ("bacterial pneumonia", 0.60, Truth.SEVERE),
        ("bacterial pneumonia", None, Truth.OTHER_URGENT),
        ("nodules", None, Truth.NORMAL),
        ("normal", 0.0, Truth.NORMAL),
    ],
)
def test_what_a_case_is_comes_from_its_reference(group: str, reference: float | None, truth: Truth | None) -> None:
    assert truth_of(row("a", group, reference=reference), POLICY) is truth


def test_a_case_that_the_pipeline_could_not_read_is_a_failed_study_in_the_simulation() -> None:
    assert isinstance(outcome_of(row("a", outcome=Outcome.FAILED, severity=None)), Failed)
    scored = outcome_of(row("a", severity=0.6, identification=0.7))
    assert isinstance(scored, Assessed)
    assert (scored.finding.urgency, scored.finding.probability) == (0.6, 0.7)


def test_cases_are_drawn_at_the_prevalence_of_the_site() -> None:
    drawn = simulated_cases([*site(30, 30), row("unknown", reference=None)], POLICY, prevalence=0.02)
    diseased = {Truth.CRITICAL, Truth.SEVERE, Truth.MODERATE, Truth.MILD}
    weights = [case.weight for case in drawn.cases]
    assert drawn.left_out == 1
    assert sum(c.weight for c in drawn.cases if c.truth in diseased) / sum(weights) == pytest.approx(0.02)
