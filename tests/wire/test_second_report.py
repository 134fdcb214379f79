"""The report of a second engine before dciodvfy and DCMTK, and held to tables A.3-1 and A.3-3 of the statement."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from pydicom.datadict import dictionary_description

from tests.results.ct_study import provenance
from tests.results.explained import explained_study
from tests.statement import literals, table
from tests.wire.cases import STUDIES, study_of
from tests.wire.inventory import attributes_of, content_of
from tests.wire.judges import complaints, needs_dciodvfy, needs_dcmtk
from tests.wire.peers import dcmtk
from triaged.exams.ct.objects import EXAMINED
from triaged.exams.ct.pictures.wording import found_lines
from triaged.results.instance import ResultObject
from triaged.results.provenance import Referenced
from triaged.results.source import source_series
from triaged.results.sr import SECOND_REPORT_SERIES, second_report
from triaged.study.agreement import Agreement, Disagreement

AGREES = Agreement(0.5, "left lung", 0.81)
DISAGREES = Agreement(-12.5, "left lung", None, tuple(Disagreement))
BEFORE = Referenced("1.2.840.10008.5.1.4.1.1.88.34", "2.25.1", "2.25.2")


@cache
def reports(name: str) -> tuple[ResultObject, ...]:
    """Return the reports of a second engine that agrees and of one that does not, on a study of the matrix."""
    study = study_of(name)
    source = source_series(study.sources, study.geometry)
    finding = study.reading.finding
    engine = finding.engine if finding.engine == "threshold" else "multitask-spatial-1"
    changes = {"engine": engine, "advises": "2.25.3"}
    first = provenance(study.sources, **changes)
    later = provenance(study.sources, **changes, replaces=(BEFORE,), revision=2)
    pairs = ((AGREES, first), (DISAGREES, later))
    return tuple(
        second_report(
            source, finding, each, "ct-first 1", EXAMINED, found_lines(study.sources[0], study.reading, made), made
        )
        for each, made in pairs
    )


def _all() -> list[ResultObject]:
    return [one for name in STUDIES for one in reports(name)]


@needs_dciodvfy
@needs_dcmtk
@pytest.mark.parametrize("name", STUDIES)
def test_dciodvfy_finds_no_error(name: str, tmp_path: Path) -> None:
    assert complaints(reports(name), tmp_path) == []


@needs_dciodvfy
@needs_dcmtk
def test_dciodvfy_finds_no_error_where_features_explain_the_probability(tmp_path: Path) -> None:
    study = explained_study()
    made = (study.report(), study.second_report(AGREES))
    for folder, one in zip(("first", "second"), made, strict=True):
        (tmp_path / folder).mkdir()
        assert complaints([one], tmp_path / folder) == []


@needs_dcmtk
def test_dcmtk_renders_it_with_its_role_and_how_it_compares(tmp_path: Path) -> None:
    (tmp_path / "report.dcm").write_bytes(reports("HFS")[1].part10)
    page = dcmtk("dsrdump", "+Pc", tmp_path / "report.dcm").stdout
    assert "Second engine: advises, does not order" in page
    assert "other-outline" in page
    assert "Agreement with ct-first 1" in page


def test_its_content_is_that_of_the_first_report_and_of_its_own_table() -> None:
    known = {row["Content item"].lstrip(">") for row in table("A.3-2")}
    own = {row["Content item"]: row for row in table("A.3-3")}
    found = {path[-1].split(" | ")[2]: usage for path, usage in content_of(_all()).items()}
    assert found.keys() - known == own.keys()
    for name, row in own.items():
        assert literals(row["Value or unit"]) <= found[name].values
    assert not {name for name in found if name.startswith(("(TRIAGE_CLASS", "(ACTIONABLE", "(121191"))}


def test_its_attributes_are_those_of_the_first_report_but_for_the_series() -> None:
    names = {row["Attribute"].lstrip(">") for row in (*table("A.1-1"), *table("A.3-1"))}
    found = attributes_of(_all())
    assert {dictionary_description(path[-1]) for path in found if not path[-1].startswith("(")} <= names
    assert found[("SeriesNumber",)].values == {str(SECOND_REPORT_SERIES)}
