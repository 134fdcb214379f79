"""What a probability rests on is coded in both reports, and said in one sentence to people; nobody else is told."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.results.ct_study import provenance, ranking
from tests.results.explained import FEATURES, WORDS, explained_study
from triaged.exams.ct.pictures.wording import analysis_lines
from triaged.results.instance import ResultObject
from triaged.study.agreement import Agreement
from triaged.study.coding import Output
from triaged.study.radiomics import RADIOMIC_CONCEPTS

CODED = {
    ("TLU2", "IBSI", "1"): 4.21,
    ("RADIOMIC_002", "99TRIAGED", "[hnsf'U]2.mm3"): 1.23457e13,
    ("RADIOMIC_042", "99TRIAGED", "1"): 0.000123456,
    ("RADIOMIC_124", "99TRIAGED", "1"): 2.5,
    ("MOVED_BY_003", "99TRIAGED", "1"): 0.1249,
    ("MOVED_BY_124", "99TRIAGED", "1"): -0.0304,
    ("LESIONS_01", "99TRIAGED", "%"): 3.27,
    ("LESIONS_03", "99TRIAGED", "1"): 0.366,
    ("LESIONS_04", "99TRIAGED", "1"): 8.0,
    ("LESIONS_09", "99TRIAGED", "[hnsf'U]"): -494.869,
    ("LESIONS_15", "99TRIAGED", "mm"): 10.2389,
    ("MOVED_BY_397", "99TRIAGED", "1"): 0.025,
}


def numbers(made: ResultObject) -> dict[tuple[str, str, str], float]:
    """Return the numbers of the first measurement group by code, scheme and unit, read without highdicom."""
    (measured,) = (item for item in dcmread(BytesIO(made.part10)).ContentSequence if _name(item)[0] == "126010")
    found = {}
    for item in measured.ContentSequence[0].ContentSequence:
        if item.ValueType == "NUM":
            value = item.MeasuredValueSequence[0]
            unit = value.MeasurementUnitsCodeSequence[0].CodeValue
            found[(*_name(item), unit)] = float(value.NumericValue)
    return found


def _name(item: Dataset) -> tuple[str, str]:
    code = item.ConceptNameCodeSequence[0]
    return str(code.CodeValue), str(code.CodingSchemeDesignator)


@pytest.mark.parametrize("which", ["first", "second"])
def test_features_are_in_the_report_with_their_codes_and_six_digits(which: str) -> None:
    study = explained_study()
    made = study.report() if which == "first" else study.second_report(Agreement(0.0, "lungs", 1.0))
    found = numbers(made)
    assert {key: found.get(key) for key in CODED} == pytest.approx(CODED)


def test_the_text_says_in_one_line_what_moved_the_probability_and_lists_no_feature() -> None:
    study = explained_study()
    lines = analysis_lines(study.sources[0], study.reading, ranking(), provenance(study.sources)).findings
    assert lines[1] == f"P most moved by: {WORDS}"
    assert not [line for line in lines[2:] if "moved" in line or "co-occurrence" in line]


def test_neither_list_nor_notifications_nor_evaluations_are_told() -> None:
    finding = explained_study().reading.finding
    for output in (Output.LIST, Output.NOTIFICATION, Output.EVALUATION):
        assert not set(finding.fields(output)) & set(RADIOMIC_CONCEPTS)
    assert set(finding.fields(Output.REPORT)) >= set(FEATURES)
