"""The text report says what the page says, in its order, and never passes for a radiologist's report."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.results.ct_study import provenance, ranking, standard_study
from triaged.exams.ct.pictures.wording import analysis_lines
from triaged.results.instance import ResultObject
from triaged.results.provenance import Referenced
from triaged.results.source import source_series
from triaged.results.text import text_report
from triaged.results.wording import INTENDED_USE, Lines, reason_lines
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.concepts import SERVICE
from triaged.study.kinds import ObjectKind

REPORT_3D, REPORT_TEXT = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.11"
REASON = Reason(ReasonCode.MISSING_SLICES, "expected slices every 5.0 mm, found a gap of 15.0 mm after slice 12")


def made(**changes: Any) -> ResultObject:
    study = standard_study()
    made_by = provenance(study.sources, **changes)
    return text_report(source_series(study.sources, study.geometry), standard_lines(), made_by)


@cache
def standard_lines() -> Lines:
    study = standard_study()
    return analysis_lines(study.sources[0], study.reading, ranking(), provenance(study.sources))


def why_not(reason: Reason = REASON) -> ResultObject:
    study = standard_study()
    made_by = provenance(study.sources)
    lines = reason_lines(study.sources[0], reason, ranking(), made_by, SERVICE)
    return text_report(source_series(study.sources, study.geometry), lines, made_by, reason_key=reason.detail)


def parsed(one: ResultObject) -> Dataset:
    return dcmread(BytesIO(one.part10))


def sections(document: Dataset) -> dict[str, list[str]]:
    """Return the statements under each heading, by the heading's LOINC code."""
    containers = [item for item in document.ContentSequence if item.ValueType == "CONTAINER"]
    return {
        item.ConceptNameCodeSequence[0].CodeValue: [said.TextValue for said in item.ContentSequence]
        for item in containers
    }


def test_it_is_a_basic_text_report_in_a_series_of_its_own() -> None:
    document = parsed(made())
    assert made().kind is ObjectKind.TEXT
    assert (document.SOPClassUID, document.Modality, document.SeriesNumber) == (REPORT_TEXT, "SR", 9003)
    assert {item.ValueType for item in _tree(document)} <= {"CONTAINER", "TEXT", "CODE", "UIDREF"}


def test_it_says_what_the_page_says_in_the_order_of_the_page() -> None:
    lines, said = standard_lines(), sections(parsed(made()))
    assert list(said) == ["55112-7", "59776-5", "19005-8", "55111-9"], "Summary, Findings, Impressions, Procedure"
    assert said["55112-7"] == [lines.headline, INTENDED_USE, *lines.purpose]
    assert "COVID-19" in lines.purpose[0]
    assert "pneumothorax" in lines.purpose[1]
    in_order = [text for texts in list(said.values())[1:] for text in texts]
    assert (INTENDED_USE, *in_order) == lines.body
    assert any("Right 10 %" in text for text in said["59776-5"])
    assert said["19005-8"][0].startswith("Class B")


def test_nobody_has_verified_it_and_its_title_says_that_it_is_no_diagnosis() -> None:
    document = parsed(made())
    assert (document.VerificationFlag, document.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert document.CompletionFlag == "COMPLETE"
    assert "no diagnostic report" in document.ConceptNameCodeSequence[0].CodeMeaning


def test_its_evidence_is_every_source_image() -> None:
    document = parsed(made())
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == standard_study().sources[0].SeriesInstanceUID
    named = [image.ReferencedSOPInstanceUID for image in series.ReferencedSOPSequence]
    assert named == [source.SOPInstanceUID for source in standard_study().sources]


def test_a_study_without_score_gets_a_partial_document_with_the_reason() -> None:
    document = parsed(why_not())
    assert document.CompletionFlag == "PARTIAL"
    assert "missing-slices" in document.CompletionFlagDescription
    said = sections(document)
    assert any("gap of 15.0 mm after slice 12" in text for text in said["59776-5"])
    assert any("nothing about the patient" in text for text in said["59776-5"])
    assert not any("%" in text for text in said["59776-5"]), "a study that was not scored is never 0 %"


def test_another_reason_is_another_document() -> None:
    other = why_not(Reason(ReasonCode.GAVE_UP, "gave up after 3 attempts"))
    assert len({other.sop_instance_uid, why_not().sop_instance_uid, made().sop_instance_uid}) == 3


@pytest.mark.parametrize(
    ("replaced", "named"),
    [
        ([(REPORT_3D, "1.2.3"), (REPORT_TEXT, "1.2.4")], ["1.2.4"]),
        ([(REPORT_3D, "1.2.3")], ["1.2.3"]),
        ([], []),
    ],
)
def test_it_names_the_text_that_it_supersedes_or_else_the_report(
    replaced: list[tuple[str, str]], named: list[str]
) -> None:
    document = parsed(made(replaces=tuple(Referenced(sop_class, uid, f"{uid}.9") for sop_class, uid in replaced)))
    found = [
        (series.SeriesInstanceUID, one.ReferencedSOPInstanceUID)
        for study in document.get("PredecessorDocumentsSequence", [])
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    ]
    assert found == [(f"{uid}.9", uid) for uid in named]


def test_a_revision_says_what_it_supersedes() -> None:
    document = parsed(made(revision=3, follows="1.2.3"))
    assert document.SeriesDescription.endswith("rev 3, supersedes rev 2")
    assert sections(document)["55111-9"][-1] == "rev 3, supersedes rev 2"
    assert made(revision=3, follows="1.2.3").sop_instance_uid != made().sop_instance_uid


def _tree(item: Dataset) -> list[Dataset]:
    return [item, *(below for child in item.get("ContentSequence", []) for below in _tree(child))]
