"""What is written on the pages: its order, its numbers, and that it never names a patient."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from pydicom.dataset import Dataset

from tests.findings import changed
from tests.results.ct_study import provenance, put, ranking, standard_study
from triaged.exams.ct.finding import Tissue
from triaged.exams.ct.pictures.keyslices import KeySlice, SliceName
from triaged.exams.ct.pictures.wording import analysis_lines, slice_line
from triaged.exams.ct.pictures.wording import changed as change_of
from triaged.results.wording import Lines, reason_lines, revision_note, written_date
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.concepts import SERVICE
from triaged.study.finding import QualityFlag
from triaged.study.records import Prior


def prior(algorithm: str = "multitask-spatial-1 1.2", **changes: Any) -> Prior:
    numbers: dict[str, Any] = {
        "severity": 0.02,
        "severity_right": 0.02,
        "severity_left": 0.04,
        "severity_total": 0.03,
        "lesion_ml": 100.0,
        "grade": 1,
    }
    finding = changed(standard_study().reading.finding, **(numbers | changes))
    return Prior("1.2.3", "20260201", "1.2.4", algorithm, finding, "")


def lines(header: Dataset | None = None, earlier: Prior | None = None, **finding: Any) -> Lines:
    study = standard_study()
    reading = replace(study.reading, finding=changed(study.reading.finding, **finding))
    return analysis_lines(header or study.sources[0], reading, ranking(), provenance(study.sources), earlier)


def test_the_text_keeps_its_order_and_says_everything() -> None:
    found = lines(quality=(QualityFlag.THICK_SLICES, QualityFlag.CONTRAST), earlier=prior())
    severity = round(standard_study().reading.finding.urgency * 100)
    assert found.headline == f"Right {severity} %   Left 0 % affected   CT-1   P 0.91 (experimental) flagged"
    starts = " ".join(line.split()[0] for line in found.body)
    measured = "AI P(COVID-19 Right Computed Right R L Thirds Affected,"
    assert starts == f"{measured} Change What Class Series multitask-spatial-1 triaged"
    assert found.body[1] == "P(COVID-19 pattern), experimental: 0.91 >= 0.62: flagged"
    assert "What limits trust: thick slices; contrast" in found.body
    assert "Class B: severity 20 % >= 15 %, flagged" in found.body
    assert "Series 2, slice 8.0 mm, kernel not stated" in found.body


def test_the_six_thirds_are_told_and_those_from_thirty_percent_on_counted() -> None:
    right, left, count = (line for line in lines().body if "hirds" in line)
    assert re.fullmatch(r"R thirds: upper 0 %, middle \d+ %, lower \d+ %", right)
    assert left == "L thirds: upper 0 %, middle 0 %, lower 0 %"
    lower = int(right.split()[-2])
    assert count == f"Thirds with 30 % or more: {int(lower >= 30)} of 6"


def test_the_change_is_told_in_points_and_millilitres() -> None:
    found = lines(earlier=prior(), severity_right=0.14, severity_left=0.01, severity_total=0.08, lesion_ml=220.0)
    assert "Change since 2026-02-01: right +12 points, left -3 points, total +5 points, affected +120 mL" in found.body
    assert not any("with care" in line for line in found.body)


def test_an_earlier_study_that_another_version_read_is_to_be_compared_with_care() -> None:
    found = lines(earlier=prior(algorithm="threshold 0.1"))
    assert "Earlier by threshold 0.1, now by multitask-spatial-1 1.2: compare with care" in found.body


def test_lungs_that_were_not_told_apart_then_are_compared_as_one() -> None:
    found = lines(earlier=prior(severity_right=None, severity_left=None), severity_total=0.05)
    assert any(re.match(r"Change since 2026-02-01: total \+2 points, affected", line) for line in found.body)


@pytest.mark.parametrize(
    ("now", "then", "said"),
    [(0.5, 0.5, "0 points"), (0.121, 0.1, "+2 points"), (0.103, 0.1, "+<1 point"), (0.1, 0.4, "-30 points")],
)
def test_a_change_has_its_sign(now: float, then: float, said: str) -> None:
    assert change_of(now, then) == said


@pytest.mark.parametrize(
    ("sent", "said"), [("20260304", "2026-03-04"), ("2026", "date not stated"), ("", "date not stated")]
)
def test_a_date_that_is_none_is_not_guessed(sent: str, said: str) -> None:
    assert written_date(sent) == said


def test_a_revision_says_what_it_supersedes() -> None:
    first = provenance(standard_study().sources)
    assert revision_note(first) == ""
    assert revision_note(replace(first, revision=3, follows="1.2")) == "Revision 3, supersedes 2"


def test_a_key_slice_says_where_to_jump_to_and_a_third_without_lesion_that_it_has_none() -> None:
    geometry = standard_study().volume.geometry
    place, found = slice_line(KeySlice("lower", 11, 50, 250), geometry, SliceName(19, 30, "instance 12"))
    assert place == "Slice 19 of 30 from the head, instance 12, z -238.0 mm"
    assert found == "Most lesion of this third: 9.0 cm2, 20 % of the lung on this slice"  # 50 of 4 x 4.5 mm
    _, found = slice_line(KeySlice("upper", 20, 0, 250), geometry, SliceName(10, 30, ""))
    assert found == "No lesion in this third; its middle is shown"


def test_no_patient_attribute_is_ever_drawn() -> None:
    study = standard_study()
    reason = Reason(ReasonCode.GAVE_UP, "expected an end, found none")
    why_not = reason_lines(study.sources[0], reason, ranking(), provenance(study.sources), SERVICE)
    for found in (lines(earlier=prior()), why_not):
        text = " ".join((found.headline, *found.body))
        for attribute in ("Doe", "Jane", "P-1", "1961", "ACC-1", "Roe"):
            assert attribute not in text


def test_text_that_the_font_cannot_draw_is_replaced() -> None:
    header = Dataset()
    put(header, "ConvolutionKernel", "Lung ФК50 ".encode("iso-8859-5"))
    assert all(line.isascii() and line.isprintable() for line in lines(header).body)


def test_what_is_uncertain_reads_as_about_and_not_as_a_question() -> None:
    study = standard_study()
    about = replace(ranking(), reason="B severe — right lung ≈54 %, no P")
    found = analysis_lines(study.sources[0], study.reading, about, provenance(study.sources))
    assert "Class B: B severe - right lung ~54 %, no P" in found.body


@pytest.mark.parametrize(("offset", "said"), [(None, "UTC"), ("+0900", "UTC+09:00")])
def test_the_time_on_a_picture_says_where_it_is_that_time(offset: str | None, said: str) -> None:
    header = Dataset()
    if offset is not None:
        put(header, "TimezoneOffsetFromUTC", offset.encode())
    assert re.search(r" \d\d:\d\d " + re.escape(said) + r"\Z", lines(header).body[-1])


def test_an_engine_without_probability_says_so() -> None:
    found = lines(identification=None, identification_threshold=None)
    assert "P " not in found.headline
    assert "no probability" in found.body[1]


def test_what_the_lungs_are_made_of_is_told_of_each_or_of_both() -> None:
    right, left = Tissue(12.0, 60.4, 0.01, 0.05, 0.83), Tissue(0.0, 0.3, 0.0, 0.0, 0.9)
    both = Tissue(12.0, 60.7, 0.005, 0.03, 0.865)
    told = lines(tissue_right=right, tissue_left=left, tissue_total=both).body
    assert "Consolidation right 12 mL, left 0 mL; ground glass right 60 mL, left <1 mL" in told
    assert "Well aerated (-950 to -700 HU) right 83 %, left 90 %" in told
    of_one = lines(tissue_total=both).body
    assert "Consolidation 12 mL; ground glass 61 mL" in of_one
    assert "Well aerated (-950 to -700 HU) 86 %" in of_one


def test_what_the_networks_do_not_look_for_is_told_where_it_is() -> None:
    assert "Solid or fluid within the lungs: 43 mL" in lines(solid_ml=43.2).body
    assert not any("fluid" in line for line in lines().body)


def test_an_engine_that_reads_by_slice_tells_its_positive_slices_by_both_rules() -> None:
    study = standard_study()
    reading = replace(study.reading, slice_mm2=1.0e6)
    told = analysis_lines(study.sources[0], reading, ranking(), provenance(study.sources)).body
    lung = reading.right_lung.voxels | reading.left_lung.voxels
    with_lung = int(lung.any(axis=(1, 2)).sum())
    with_lesion = int((reading.lesion.voxels & lung).any(axis=(1, 2)).sum())
    counted = f"0 of {with_lung} with lung positive from 1000000 mm2 of lesion on, {with_lesion} from one pixel on"
    assert f"Slices (mild by their mean share): {counted}" in told
    assert not any(line.startswith("Slices (") for line in lines().body)
