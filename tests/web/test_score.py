"""The score of an X-ray on the list: six cells, those that it counts told apart, and the modality beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.results.ct_study import standard_study
from tests.results.xray_study import standard_xray
from triaged.study.concepts import ZONES
from triaged.study.finding import Finding
from triaged.study.lifecycle import State
from triaged.study.ranking import Lane, TriageClass
from triaged.study.records import Patient, WorklistEntry
from triaged.web.entries import as_json, as_row
from triaged.web.score import cells_of, score_of

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
PATIENT = Patient("Doe^Jane", "P-1", "19610203", "F", "ACC-1", "20260304", "040500", "Chest")


def entry(finding: Finding | None) -> WorklistEntry:
    return WorklistEntry(
        "1.2.3", 1, Lane.ORDERED, TriageClass.SEVERE, "B severe — why", finding, State.TRIAGED, NOW, 1, NOW, 1, PATIENT
    )


def test_an_x_ray_has_six_cells_and_the_counted_one_is_the_most_affected() -> None:
    cells = cells_of(standard_xray().reading.finding)
    assert [cell.noun for cell in cells] == [zone.noun for zone in ZONES]
    assert [cell.share for cell in cells] == ["0 %", "44 %", "0 %", "0 %", "0 %", "0 %"]
    assert [cell.is_counted for cell in cells] == [False, True, False, False, False, False]
    assert score_of(standard_xray().reading.finding) == "1 of 6"


def test_the_cells_of_the_right_lung_are_on_the_left_as_one_looks_at_it() -> None:
    cells = cells_of(standard_xray().reading.finding)
    starts = [float(cell.shape[1:].partition(" ")[0].partition("V")[0]) for cell in cells]
    assert max(starts[:3]) < 50 < min(starts[3:])
    assert len({cell.shape for cell in cells}) == 6


def test_a_ct_and_a_study_without_a_score_have_none() -> None:
    for finding in (standard_study().reading.finding, None):
        assert cells_of(finding) == ()
        assert score_of(finding) == ""


@pytest.mark.parametrize(
    ("finding", "modality"),
    [(standard_xray().reading.finding, "CR"), (standard_study().reading.finding, "CT"), (None, None)],
    ids=["X-ray", "CT", "no score"],
)
def test_list_and_api_say_what_was_scored(finding: Finding | None, modality: str | None) -> None:
    assert as_json(entry(finding))["modality"] == modality
    assert bool(as_row(entry(finding), now=NOW).cells) == (modality == "CR")


def test_a_score_of_nothing_counts_no_cell() -> None:
    finding = standard_xray().reading.finding
    none = replace(
        finding,
        measurements=tuple(
            replace(each, value=0.0) if each.concept.name in ("zone_score", "zone_share") else each
            for each in finding.measurements
        ),
    )
    assert score_of(none) == "0 of 6"
    assert not any(cell.is_counted for cell in cells_of(none))
