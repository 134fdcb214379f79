"""Pairs of scans whose change is known; the figures are counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from triaged.lab.evaluation.dynamics import changes, dynamics, said
from triaged.lab.evaluation.row import Outcome, Row


def scan(case: str, found: tuple[float, float], true: tuple[float, float], follows: str | None = None) -> Row:
    right, left = found
    row = Row(
        case, case[0], "covid", Outcome.MEASURED, follows=follows, severity=max(found), severity_reference=max(true)
    )
    return replace(row, severity_right=right, severity_left=left, reference_right=true[0], reference_left=true[1])


PAIRS = (
    scan("a1", (0.10, 0.20), (0.10, 0.20)),
    scan("a2", (0.13, 0.20), (0.15, 0.20), follows="a1"),  # +3 found, +5 true: progression
    scan("b1", (0.30, 0.20), (0.30, 0.20)),
    scan("b2", (0.30, 0.15), (0.30, 0.10), follows="b1"),  # -5 found, -10 true: regression
    scan("c1", (0.30, 0.20), (0.30, 0.20)),
    scan("c2", (0.32, 0.20), (0.30, 0.20), follows="c1"),  # +2 found, stable in truth
    scan("d1", (0.05, 0.00), (0.05, 0.00)),
    scan("d2", (0.05, 0.00), (0.05, 0.00), follows="d1"),  # stable
)


def test_the_lung_that_changed_most_gives_the_class_and_each_lung_an_error() -> None:
    told = dynamics(PAIRS)
    assert told["pairs"] == 4
    assert told["accuracy"] == pytest.approx(3 / 4)
    by_chance = (1 * 1 + 2 * 1 + 1 * 2) / 16  # true times found: regression, stable, progression
    assert told["kappa"] == pytest.approx((3 / 4 - by_chance) / (1 - by_chance))
    assert told["confusion_reference_by_found"]["stable"]["progression"] == 1
    assert told["error_pp_by_lung"]["value"] == pytest.approx((2 + 0 + 0 + 5 + 2 + 0 + 0 + 0) / 8)
    assert told["largest_error_pp"] == pytest.approx(5)
    assert told["test_retest_sd_pp"]["value"] == pytest.approx((2**2 / 4 / 2) ** 0.5)
    assert told["test_retest_sd_pp"]["pairs"] == 2


def test_the_figures_are_said_in_one_line() -> None:
    """An interval over four patients comes from resampling; what stands around it is counted by hand."""
    line = said(dynamics(PAIRS))
    assert line.startswith("change between scans: accuracy 0.75 of growing, stable, shrinking; kappa 0.6")
    assert "; error by lung 1.1 points (" in line
    assert line.endswith(", at most 5.0; test-retest deviation 0.7 points, n=2; n=4 pairs")
    assert said(dynamics(PAIRS[:1])) == ""


def test_lungs_that_were_not_told_apart_are_compared_as_one() -> None:
    one = replace(PAIRS[1], severity_right=None, severity_left=None)
    (change,) = changes([PAIRS[0], one])
    assert change.found_pp == pytest.approx((0.0,))
    assert change.true_pp == pytest.approx((0.0,))


def test_a_scan_that_failed_or_has_no_reference_makes_no_pair() -> None:
    failed = Row("a2", "a", "covid", Outcome.FAILED, "no-lungs", follows="a1", severity_reference=0.2)
    assert not changes([PAIRS[0], failed])
    assert not changes([PAIRS[1]])
    told = dynamics([PAIRS[0]])
    assert (told["pairs"], told["accuracy"], told["kappa"]) == (0, None, None)
    assert told["error_pp_by_lung"]["reason"] == "no pair of scans"
    assert told["test_retest_sd_pp"] == {"value": None, "pairs": 0}
