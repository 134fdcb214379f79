"""The report of a second engine: its own numbers in groups of its own, how it compares, and nothing of the order."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.findings import changed
from tests.results.ct_study import ROOT, standard_objects, standard_study
from triaged.exams.ct.finding import CtNumbers
from triaged.results.provenance import Referenced
from triaged.study.agreement import Agreement, Disagreement
from triaged.study.finding import QualityFlag
from triaged.study.kinds import ObjectKind

SR = "1.2.840.10008.5.1.4.1.1.88.34"
AGREES = Agreement(-0.5, "left lung", 0.8125)
DISAGREES = Agreement(12.5, "right lung", None, (Disagreement.GRADE, Disagreement.SHARE))


def report(agreement: Agreement = AGREES, **changes: Any) -> Dataset:
    return dcmread(BytesIO(standard_study().second_report(agreement, **changes).part10))


def groups(made: Dataset) -> dict[str, Dataset]:
    """Return the measurement groups by their labels, read without highdicom."""
    (measured,) = (item for item in made.ContentSequence if _name(item) == "126010")
    return {_text(group, "112039"): group for group in measured.ContentSequence}


def numbers(group: Dataset) -> dict[str, float]:
    found = (item for item in group.ContentSequence if item.ValueType == "NUM")
    return {_name(item): float(item.MeasuredValueSequence[0].NumericValue) for item in found}


def codes(group: Dataset, name: str) -> list[str]:
    found = (item for item in group.ContentSequence if item.ValueType == "CODE" and _name(item) == name)
    return [item.ConceptCodeSequence[0].CodeValue for item in found]


def texts(group: Dataset, name: str) -> list[str]:
    return [str(item.TextValue) for item in group.ContentSequence if _name(item) == name]


def _name(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def _text(group: Dataset, name: str) -> str:
    return next(str(item.TextValue) for item in group.ContentSequence if _name(item) == name)


def test_every_number_is_there_by_the_part_it_is_of_with_the_engine_that_measured_it() -> None:
    found = groups(report())
    known = CtNumbers.of(standard_study().reading.finding)
    assert known.severity_right is not None
    assert known.right_lung_ml is not None
    assert set(found) == {"Both lungs", "Right lung", "Left lung", "Agreement with ct-first 1.0"}
    assert numbers(found["Both lungs"])["SEVERITY"] == round(known.severity * 100, 1)
    assert numbers(found["Right lung"]) == (
        {"SHARE": round(known.severity_right * 100, 1), "118565006": round(known.right_lung_ml)}
    )
    assert {_text(group, "111001") for group in found.values()} == {"multitask-spatial-1"}
    assert {_text(group, "111003") for group in found.values()} == {"1.2"}


def test_it_says_that_it_orders_nothing_and_has_no_triage_class() -> None:
    whole = groups(report())["Both lungs"]
    assert codes(whole, "ENGINE_ROLE") == ["SECOND_ENGINE"]
    assert codes(whole, "TRIAGE_CLASS") == codes(whole, "ACTIONABLE") == []
    assert codes(whole, "GRADE") == [str(standard_study().reading.finding.grade)]


def test_it_says_in_words_what_it_found_as_the_first_one_does_without_a_class() -> None:
    study = standard_study()
    first, second = (
        groups(dcmread(BytesIO(one.part10)))["Both lungs"] for one in (study.report(), study.second_report(AGREES))
    )
    for name in ("INTENDED_USE", "SOUGHT", "NOT_SOUGHT", "IN_WORDS"):
        assert texts(second, name) == texts(first, name) != []
    assert texts(first, "WHY") != []
    assert texts(second, "WHY") == []


@pytest.mark.parametrize(
    ("agreement", "said", "compared"),
    [
        (AGREES, ["AGREES"], {"DIFFERENCE": -0.5, "OVERLAP": 0.8125}),
        (DISAGREES, ["OTHER-GRADE", "OTHER-SHARE"], {"DIFFERENCE": 12.5}),
    ],
)
def test_it_says_how_it_compares_with_the_first(
    agreement: Agreement, said: list[str], compared: dict[str, float]
) -> None:
    group = groups(report(agreement))["Agreement with ct-first 1.0"]
    assert (codes(group, "AGREEMENT"), numbers(group)) == (said, compared)


def test_what_makes_its_numbers_uncertain_is_said_as_the_first_one_does() -> None:
    study = standard_study()
    finding = changed(study.reading.finding, quality=(QualityFlag.THICK_SLICES,))
    other = replace(study, reading=replace(study.reading, finding=finding))
    made = dcmread(BytesIO(other.second_report(AGREES).part10))
    assert codes(groups(made)["Both lungs"], "111050") == ["THICK-SLICES"]


def test_it_is_a_series_of_its_own_that_tells_it_from_the_first_report() -> None:
    made = report()
    (first,) = (dcmread(BytesIO(one.part10)) for one in standard_objects() if one.kind is ObjectKind.SR)
    assert made.SOPClassUID == first.SOPClassUID == SR
    assert (made.SeriesNumber, first.SeriesNumber) == (9012, 9002)
    assert made.SeriesDescription == "AI second report multitask-spatial-1 1.2"
    assert made.StudyInstanceUID == first.StudyInstanceUID
    assert made.PatientID == first.PatientID
    assert made.VerificationFlag == "UNVERIFIED"


def test_the_same_engine_as_first_and_as_second_gives_other_objects() -> None:
    """Else switching `models.ct` would send two contents under one UID."""
    made = report()
    (first,) = (dcmread(BytesIO(one.part10)) for one in standard_objects() if one.kind is ObjectKind.SR)
    assert {made.SOPInstanceUID, made.SeriesInstanceUID}.isdisjoint({first.SOPInstanceUID, first.SeriesInstanceUID})
    assert report(advises=f"{ROOT}.89").SOPInstanceUID != made.SOPInstanceUID
    assert report().SOPInstanceUID == made.SOPInstanceUID


def test_it_names_the_report_of_the_same_engine_that_it_supersedes() -> None:
    before = Referenced(SR, f"{ROOT}.90", f"{ROOT}.91")
    made = report(replaces=(before,), revision=2)
    (study,) = made.PredecessorDocumentsSequence
    assert study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == f"{ROOT}.90"
    assert made.SeriesDescription.endswith("rev 2, supersedes rev 1")
    assert "PredecessorDocumentsSequence" not in report()
