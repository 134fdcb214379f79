"""Rows sum up to figures that counting by hand gives; what has no meaning is null and says why."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from triaged.lab.evaluation.row import Outcome, Row
from triaged.lab.evaluation.summary import HEADLINE, summary
from triaged.lab.evaluation.table import comparison, figures


def row(name: str, group: str = "covid", **figures: object) -> Row:
    return replace(Row(name, name, group, Outcome.MEASURED), **figures)  # type: ignore[arg-type]


ROWS = (
    row("a", lung_dice=0.98, lesion_dice=0.8, severity=0.30, severity_reference=0.25, identification=0.9),
    row("b", lung_dice=0.96, lesion_dice=0.6, severity=0.10, severity_reference=0.20, identification=0.4),
    row("c", lesion_dice=1.0, lesion_both_empty=True, severity=0.0, severity_reference=0.0, identification=0.7),
    row("d", lung_dice=0.9, severity=0.6, severity_reference=0.5),
    Row("e", "e", "covid", Outcome.FAILED, "no-lungs", lung_dice=0.0, lesion_dice=0.0, severity_reference=0.9),
    Row("f", "f", "covid", Outcome.NOT_READ, "line 7, images: nothing"),
    row("g", "normal", lung_dice=1.0, lesion_dice=0.0, severity=0.02, identification=0.5),
    row("h", "bacterial", severity=0.2, identification=0.1),
)


def test_failures_count_as_no_overlap_and_what_was_not_read_counts_nowhere() -> None:
    told = summary(ROWS)
    assert told["lung_dice"]["value"] == pytest.approx((0.98 + 0.96 + 0.9 + 0.0 + 1.0) / 5)
    assert told["lung_dice"]["n"] == 5
    assert (told["counts"]["measured"], told["counts"]["failed"]) == (6, 1)
    assert told["counts"]["not_read"] == 1


def test_lesions_are_those_of_positives_and_two_empty_masks_do_not_raise_the_mean() -> None:
    told = summary(ROWS)
    assert told["lesion_dice"]["value"] == pytest.approx((0.8 + 0.6 + 0.0) / 3)
    assert told["counts"]["lesion_both_empty"] == 1
    assert told["lesion_dice_all_groups"]["value"] == pytest.approx((0.8 + 0.6 + 0.0 + 0.0) / 4)


def test_severity_is_judged_on_positives_that_were_measured() -> None:
    told = summary(ROWS)
    assert told["severity_mae"]["value"] == pytest.approx((0.05 + 0.10 + 0.0 + 0.1) / 4)
    assert told["severity_bias"]["value"] == pytest.approx((0.05 - 0.10 + 0.0 + 0.1) / 4)
    assert told["severity_spearman"]["value"] == pytest.approx(1.0)
    assert told["severity_by_group"]["normal"]["largest"] == 0.02


def test_identification_is_judged_on_those_that_have_a_score() -> None:
    told = summary(ROWS)
    wins = [1, 1, 0, 1, 1, 1]  # 0.9, 0.4 and 0.7 against 0.5 and 0.1
    assert told["auc"]["value"] == pytest.approx(sum(wins) / 6)
    assert told["auc_by_group"]["bacterial"]["value"] == 1.0


def test_a_case_of_which_nobody_knows_who_is_ill_is_measured_and_separates_nothing() -> None:
    told, more = summary(ROWS), summary((*ROWS, row("i", "unknown", severity=0.9, identification=0.99, lung_dice=0.5)))
    for name in ("auc", "auc_by_severity", "auc_by_group", "lesion_dice", "severity_mae", "calibration"):
        assert more[name] == told[name], name
    assert more["lung_dice"]["n"] == told["lung_dice"]["n"] + 1
    assert more["counts"]["measured"] == told["counts"]["measured"] + 1


def test_nothing_measured_is_null_with_a_reason_and_never_zero() -> None:
    told = summary([Row("f", "f", "covid", Outcome.NOT_READ, "line 7")])
    for name in HEADLINE:
        assert told[name]["value"] is None
        assert told[name]["reason"]


def test_everything_is_plain_json() -> None:
    told = json.loads(json.dumps(summary(ROWS), allow_nan=False))
    assert [case["case"] for case in told["cases"]] == list("abcdefgh")
    assert told["cases"][4]["reason"] == "no-lungs"


def test_own_and_generated_figures_never_share_a_column() -> None:
    lines = comparison(ROWS, (), "Multitask-Spatial-1")
    assert {line.generated for line in lines} == {"–"}
    assert lines[0].own.startswith("0.83")
    assert lines[0].paper == ".93±.01"


def test_a_method_that_the_paper_does_not_know_stands_beside_nothing() -> None:
    lines = comparison(ROWS, (), "an ensemble")
    assert lines[0].own.startswith("0.83")
    assert {line.paper for line in lines} == {"–"}


def test_what_gives_no_probability_is_ranked_by_its_severity_as_in_the_paper() -> None:
    without = [replace(row, identification=None) for row in ROWS]
    positives, others = (0.30, 0.10, 0.0, 0.6), (0.02, 0.2)
    wins = sum(p > o for p in positives for o in others)
    assert figures(without)["vs all"].value == pytest.approx(wins / 8)
