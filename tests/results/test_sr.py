"""The report holds every number of the finding, and points at what it was counted on."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.findings import changed
from tests.results.ct_study import provenance, ranking, standard_objects, standard_study
from triaged.exams.ct.finding import CtNumbers
from triaged.exams.ct.objects import EXAMINED
from triaged.imaging.volume import Mask
from triaged.results.instance import ResultObject
from triaged.results.provenance import Referenced
from triaged.results.source import source_series
from triaged.results.sr import flag_code, report
from triaged.study.finding import QualityFlag
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import TriageClass


def parsed(report: ResultObject) -> Dataset:
    return dcmread(BytesIO(report.part10))


def standard_report() -> ResultObject:
    (found,) = (one for one in standard_objects() if one.kind is ObjectKind.SR)
    return found


def report_on(**changes: Any) -> Dataset:
    """Return the report on the standard study with these changes of its finding."""
    study = standard_study()
    finding = changed(study.reading.finding, **changes)
    return parsed(replace(study, reading=replace(study.reading, finding=finding)).report())


def numbers(made: Dataset, group: int) -> dict[str, float]:
    """Return the numeric items of a measurement group by code, read without highdicom."""
    (measurements,) = (item for item in made.ContentSequence if _name(item) == "126010")
    found = {}
    for item in measurements.ContentSequence[group].ContentSequence:
        if item.ValueType == "NUM":
            found[_name(item)] = float(item.MeasuredValueSequence[0].NumericValue)
    return found


def test_every_number_of_the_finding_is_there() -> None:
    study = standard_study()
    finding = study.reading.finding
    report = parsed(standard_report())
    assert numbers(report, 0) == pytest.approx(
        {
            "IDENTIFICATION": 0.91,
            "IDENT_THRESHOLD": 0.62,
            "SEVERITY": round(finding.urgency * 100, 1),
            "SHARE": round(CtNumbers.of(finding).severity_total * 100, 1),
            "LUNGS_VOLUME": round(CtNumbers.of(finding).lungs_ml),
            "AFFECTED_VOLUME": round(CtNumbers.of(finding).lesion_ml),
            "DENSE_SHARE": 25.0,
        },
        abs=1e-3,
    )
    assert numbers(report, 1) == pytest.approx(
        {"118565006": CtNumbers.of(finding).right_lung_ml, "SHARE": round(finding.urgency * 100, 1)}, abs=1e-3
    )
    assert numbers(report, 2) == pytest.approx(
        {"118565006": CtNumbers.of(finding).left_lung_ml, "SHARE": 0.0}, abs=1e-3
    )
    assert numbers(report, 3) == pytest.approx({"118565006": CtNumbers.of(finding).lesion_ml}, abs=1e-3)


def test_an_engine_without_probability_reports_none() -> None:
    made = report_on(identification=None, identification_threshold=None)
    assert not {"IDENTIFICATION", "IDENT_THRESHOLD"} & set(numbers(made, 0))


def test_grade_class_and_every_quality_flag_are_coded() -> None:
    made = report_on(quality=tuple(QualityFlag))
    (measurements,) = (item for item in made.ContentSequence if _name(item) == "126010")
    values = [
        item.ConceptCodeSequence[0].CodeMeaning
        for item in measurements.ContentSequence[0].ContentSequence
        if item.ValueType == "CODE" and item.RelationshipType == "CONTAINS"
    ]
    assert values == [
        "Computed CT-1",
        "Severe",
        "ACR Category 2 Actionable Finding",
        *(flag.value for flag in QualityFlag),
    ]


@pytest.mark.parametrize(
    ("triage_class", "category"),
    [
        ("E0", []),
        ("A", ["RID49481"]),
        ("B", ["RID49481"]),
        ("C", ["RID49482"]),
        ("D", ["RID49482"]),
        ("U", []),
        ("C'", []),
        ("N", []),
    ],
)
def test_a_category_is_suggested_where_something_was_found_and_nothing_is_ever_called_normal(
    triage_class: str, category: list[str]
) -> None:
    study = standard_study()
    placed = replace(ranking(), triage_class=TriageClass(triage_class))
    made_by, source = provenance(study.sources), source_series(study.sources, study.geometry)
    made = parsed(report(source, study.reading.finding, placed, EXAMINED, study.lines(), None, (), made_by))
    codes = [item.ConceptCodeSequence[0] for item in _tree(made) if item.ValueType == "CODE"]
    assert [code.CodeValue for code in codes if code.CodingSchemeDesignator == "RADLEX"] == category
    assert f"CLASS-{triage_class}" in [code.CodeValue for code in codes]


def test_every_group_names_the_algorithm_in_full_and_every_number_by_name_and_version() -> None:
    (measurements,) = (item for item in parsed(standard_report()).ContentSequence if _name(item) == "126010")
    assert len(measurements.ContentSequence) == 6, "both lungs, three regions, and the lesion on two slices"
    for group in measurements.ContentSequence:
        assert _algorithm(group) == {
            "111001": "multitask-spatial-1",
            "111003": "1.2",
            "122405": "triaged",
            "111002": f"sha256 {'5e' * 32}",
            "111000": "123110",
        }
        for number in (item for item in group.ContentSequence if item.ValueType == "NUM"):
            assert _algorithm(number) == {"111001": "multitask-spatial-1", "111003": "1.2"}


def test_lungs_that_were_not_told_apart_have_one_share() -> None:
    study = standard_study()
    reading = study.reading
    both = Mask(reading.right_lung.voxels | reading.left_lung.voxels, reading.right_lung.geometry)
    none = Mask(np.zeros_like(both.voxels), both.geometry)
    finding = changed(reading.finding, severity_right=None, severity_left=None, severity=0.05, severity_total=0.05)
    single = replace(reading, finding=finding, right_lung=both, left_lung=none)
    made = parsed(replace(study, reading=single).report())
    assert numbers(made, 1) == pytest.approx({"118565006": both.volume_ml, "SHARE": 5.0}, abs=1e-3)


def test_the_consolidation_has_a_group_of_its_own() -> None:
    study = standard_study()
    solid = replace(study.reading, consolidation=study.reading.lesion)
    made = parsed(replace(study, reading=solid).report())
    assert numbers(made, 4) == pytest.approx({"118565006": study.reading.lesion.volume_ml}, abs=1e-3)


def test_quality_flags_keep_apart_when_their_codes_are_cut_to_sixteen_letters() -> None:
    assert len({flag_code(flag).value for flag in QualityFlag}) == len(QualityFlag)


def test_the_evidence_names_every_source_and_the_segmentation() -> None:
    study = standard_study()
    objects = standard_objects()
    evidence = parsed(standard_report()).CurrentRequestedProcedureEvidenceSequence
    assert [item.StudyInstanceUID for item in evidence] == [study.sources[0].StudyInstanceUID]
    named = {
        str(image.ReferencedSOPInstanceUID)
        for series in evidence[0].ReferencedSeriesSequence
        for image in series.ReferencedSOPSequence
    }
    assert named == {str(one.SOPInstanceUID) for one in study.sources} | {objects[0].sop_instance_uid}


def test_nobody_has_verified_it() -> None:
    report = parsed(standard_report())
    assert report.VerificationFlag == "UNVERIFIED"
    assert report.PreliminaryFlag == "PRELIMINARY"


def test_a_report_that_supersedes_another_names_it() -> None:
    earlier = Referenced("1.2.840.10008.5.1.4.1.1.88.34", "1.2.3.4", "1.2.3.5")
    report = parsed(standard_study().report(replaces=(earlier,)))
    (predecessor,) = report.PredecessorDocumentsSequence
    series = predecessor.ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == "1.2.3.5"
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"


def test_highdicom_reads_the_groups_back() -> None:
    report = hd.sr.srread(BytesIO(standard_report().part10))
    content = report.content
    assert isinstance(content, hd.sr.MeasurementReport)
    groups = content.get_volumetric_roi_measurement_groups()
    referenced = [group.reference_type.value for group in groups]
    assert referenced == ["121191"] * 3
    assert len(content.get_image_measurement_groups()) == 1


def _algorithm(item: Dataset) -> dict[str, str]:
    """Return the algorithm identification (TID 4019) below an item, by code of its concept."""
    names = ("111000", "111001", "111002", "111003", "122405")
    found = {}
    for below in item.ContentSequence:
        if _name(below) in names:
            coded = below.ValueType == "CODE"
            found[_name(below)] = str(below.ConceptCodeSequence[0].CodeValue if coded else below.TextValue)
    return found


def _tree(item: Dataset) -> list[Dataset]:
    return [item, *(below for child in item.get("ContentSequence", []) for below in _tree(child))]


def _name(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)
