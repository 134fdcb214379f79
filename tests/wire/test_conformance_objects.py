"""Annexes A to C of the conformance statement, held to the objects that are made over the whole matrix of studies.

Both ways: what an object holds stands in its table, with tag, VR, presence and literal values, and what stands in a
table is in an object. The tables are read by `tests.statement`, the objects counted by `tests.wire.inventory`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.datadict import dictionary_description, dictionary_keyword

from tests.house.xray_numbers import XRAY_FINDING
from tests.results.ct_study import provenance, ranking, standard_study
from tests.statement import Row, literals, table
from tests.wire.cases import (
    REASONS,
    STUDIES,
    XRAYS,
    objects_of,
    reason_objects_of,
    study_of,
    xray_objects_of,
    xray_of,
    xray_reason_objects_of,
)
from tests.wire.inventory import Path, Usage, attributes_of, codes_of, content_of
from triaged.exams.ct.objects import EXAMINED
from triaged.results.instance import PRIVATE_CREATOR, ResultObject
from triaged.results.source import source_series
from triaged.results.sr import report, second_report
from triaged.study.agreement import Agreement, Disagreement
from triaged.study.concepts import CONCEPTS
from triaged.study.finding import Grade, QualityFlag
from triaged.study.kinds import KINDS, ObjectKind
from triaged.study.ranking import TriageClass

ATTRIBUTES = {
    ObjectKind.SEG: "A.2-1",
    ObjectKind.SR: "A.3-1",
    ObjectKind.TEXT: "A.4-1",
    ObjectKind.SC: "A.5-1",
    ObjectKind.SC_MULTIFRAME: "A.6-1",
    ObjectKind.KOS: "A.7-1",
    ObjectKind.GSPS: "A.10-1",
    ObjectKind.SIDES: "A.8-1",
    ObjectKind.TURNING: "A.9-1",
}
CONTENT = {ObjectKind.SR: "A.3-2", ObjectKind.TEXT: "A.4-2", ObjectKind.KOS: "A.7-2"}
OF_AN_XRAY = {ObjectKind.SEG: "A.10-2", ObjectKind.SR: "A.10-3"}
"""What is otherwise in an X-ray's objects has tables of its own: the attributes of one, the content of the other."""
PRIVATE = {"(7783,0010)": "Private Creator", "(7783,1001)": "UIDs as sent"}


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_an_object_holds_the_attributes_of_its_tables_and_no_others(kind: ObjectKind) -> None:
    assert differences(_attribute_rows(kind), _attributes_found(kind)) == []


@pytest.mark.parametrize("kind", CONTENT)
def test_a_report_holds_the_content_items_of_its_table_and_no_others(kind: ObjectKind) -> None:
    made = _of_cts(kind) if kind in OF_AN_XRAY else _all(kind)
    assert differences(_content_rows(CONTENT[kind]), _content_found(made)) == []


def test_the_segmentation_of_an_x_ray_holds_the_attributes_of_its_tables_and_no_others() -> None:
    rows = _nested(table("A.1-1"), "Attribute", _keyword) | _nested(
        table(OF_AN_XRAY[ObjectKind.SEG]), "Attribute", _keyword
    )
    assert differences(rows, _found(_of_xrays(ObjectKind.SEG))) == []


def test_the_report_of_an_x_ray_holds_the_content_items_of_its_table_and_no_others() -> None:
    rows = _content_rows(OF_AN_XRAY[ObjectKind.SR])
    assert differences(rows, _content_found(_of_xrays(ObjectKind.SR))) == []


def test_what_is_copied_is_what_the_source_says() -> None:
    for kind in KINDS.values():
        is_of_xray = kind is ObjectKind.GSPS
        sources = xray_of("rich").image if is_of_xray else study_of("rich").sources[0]
        objects = xray_objects_of("rich") if is_of_xray else objects_of("rich")
        made = [dcmread(BytesIO(one.part10)) for one in objects if one.kind is kind]
        copied = [path[0] for path, row in _attribute_rows(kind).items() if row["Source"] == "COPY" and len(path) == 1]
        assert len(copied) > 15
        for keyword in copied:
            assert {str(one[keyword].value) for one in made} == {str(sources[keyword].value)}, keyword


def test_each_kind_of_object_is_listed_with_its_class_and_stored_transfer_syntax() -> None:
    listed = {(row["SOP Class UID"], row["Stored transfer syntax"]) for row in table("A-1")}
    made = [dcmread(BytesIO(one.part10)) for kind in KINDS.values() for one in _all(kind)]
    assert listed == {(str(one.SOPClassUID), one.file_meta.TransferSyntaxUID.name) for one in made}


def test_every_code_of_every_object_is_listed_and_no_other() -> None:
    listed = {f'({row["Code"]}, {row["Scheme"]}, "{row["Meaning"]}")' for row in table("C-1") + table("C-2")}
    assert listed == codes_of([*(one for kind in KINDS.values() for one in _all(kind)), *_reports_of_every_outcome()])


def test_private_elements_are_those_that_are_listed() -> None:
    (row,) = table("B-1")
    made = attributes_of(one for one in objects_of("invalid"))
    private = {path[0]: usage for path, usage in made.items() if path[0].startswith("(7783")}
    assert set(private) == set(PRIVATE)
    assert private["(7783,0010)"].values == literals(row["Private creator"]) == {PRIVATE_CREATOR}
    assert (row["Tag"].replace("xx", "10"), row["VR"]) == ("(7783,1001)", private["(7783,1001)"].vr)


def test_a_table_that_differs_in_anything_is_noticed() -> None:
    rows, found = _attribute_rows(ObjectKind.SEG), _attributes_found(ObjectKind.SEG)
    first = next(iter(rows))
    for broken in (
        {path: row for path, row in rows.items() if path != first},
        rows | {("Nothing",): rows[first]},
        rows | {first: rows[first] | {"Presence": "EMPTY"}},
        rows | {first: rows[first] | {"Tag": "(0008,0000)"}},
        rows | {first: rows[first] | {"VR": "UN"}},
        rows | {first: rows[first] | {"Value": "`something else`"}},
    ):
        assert len(differences(broken, found)) == 1


def differences(rows: dict[Path, Row], found: dict[Path, Row]) -> list[str]:
    """Say where a table and the objects differ; a value is compared where the table gives it literally."""
    said = [f"not in the table: {' > '.join(path)}" for path in found.keys() - rows.keys()]
    said += [f"in no object: {' > '.join(path)}" for path in rows.keys() - found.keys()]
    for path in rows.keys() & found.keys():
        row, usage = rows[path], found[path]
        wrong = [name for name in usage if name != "Value" and row[name] != usage[name]]
        values = literals(row["Value"])
        if values and values != literals(usage["Value"]):
            wrong.append("Value")
        if row["Value"].split(":")[0] == "one item" and usage["Value"] != "one item":
            wrong.append("Value")
        said += [f"{' > '.join(path)}: {name} is {usage[name]}, the table says {row[name]}" for name in wrong[:1]]
    return sorted(said)


def _all(kind: ObjectKind) -> tuple[ResultObject, ...]:
    return (*_of_cts(kind), *_of_xrays(kind))


@cache
def _of_cts(kind: ObjectKind) -> tuple[ResultObject, ...]:
    made = [*(objects_of(name) for name in STUDIES), *(reason_objects_of(name) for name in REASONS)]
    return tuple(one for objects in made for one in objects if one.kind is kind)


@cache
def _of_xrays(kind: ObjectKind) -> tuple[ResultObject, ...]:
    made = [*(xray_objects_of(name) for name in XRAYS), *(xray_reason_objects_of(name) for name in REASONS)]
    return tuple(one for objects in made for one in objects if one.kind is kind)


def _attribute_rows(kind: ObjectKind) -> dict[Path, Row]:
    """Return the rows that hold for a kind of object by their path of keywords."""
    return _nested(table("A.1-1"), "Attribute", _keyword) | _nested(table(ATTRIBUTES[kind]), "Attribute", _keyword)


@cache
def _attributes_found(kind: ObjectKind) -> dict[Path, Row]:
    return _found(_of_cts(kind) if kind is ObjectKind.SEG else _all(kind))


def _found(made: Iterable[ResultObject]) -> dict[Path, Row]:
    return {
        path: {"Tag": usage.tag, "VR": usage.vr, "Presence": usage.presence, "Value": _value(usage)}
        for path, usage in attributes_of(made).items()
    }


def _content_rows(name: str) -> dict[Path, Row]:
    def key(row: Row) -> str:
        return f"{row['Relationship']} | {row['Value type']} | {row['Content item'].lstrip('>')}"

    rows = _nested(table(name), "Content item", key)
    return {path: {"Value": row["Value or unit"], "Presence": row["Presence"]} for path, row in rows.items()}


def _content_found(made: Iterable[ResultObject]) -> dict[Path, Row]:
    found = content_of(made)
    return {path: {"Value": _value(usage), "Presence": usage.presence} for path, usage in found.items()}


def _value(usage: Usage) -> str:
    """Return the values as a table gives them literally; of a sequence without codes, how many items it has."""
    if usage.vr == "SQ" and not usage.values:
        return "one item" if usage.most_items == 1 else "items"
    return " or ".join(f"`{value}`" for value in sorted(usage.values))


def _nested(rows: Iterable[Row], column: str, key: Callable[[Row], str]) -> dict[Path, Row]:
    """Return rows by the keys of those above them, as the `>` in front tell, and their own."""
    found: dict[Path, Row] = {}
    above: list[str] = []
    for row in rows:
        depth = len(row[column]) - len(row[column].lstrip(">"))
        above = [*above[:depth], key(row)]
        assert tuple(above) not in found, f"twice in a table: {above}"
        found[tuple(above)] = row
    return found


def _keyword(row: Row) -> str:
    """Return the keyword of a row's attribute, whose name has to be that of its tag."""
    name = row["Attribute"].lstrip(">")
    if PRIVATE.get(row["Tag"]) == name:
        return row["Tag"]
    tag = int(row["Tag"].strip("()").replace(",", ""), 16)
    assert dictionary_description(tag) == name
    return dictionary_keyword(tag)


def _reports_of_every_outcome() -> list[ResultObject]:
    """Return reports with every grade, class and remark that there is."""
    study = standard_study()
    made_by, source = provenance(study.sources), source_series(study.sources, study.geometry)
    findings = [
        replace(study.reading.finding, grade=Grade(level, "CT"), quality=tuple(QualityFlag)) for level in range(5)
    ]
    places = [replace(ranking(), triage_class=triage_class) for triage_class in TriageClass]
    agreements = Agreement(0.0, "lungs", 1.0), Agreement(9.0, "lungs", 0.1, tuple(Disagreement))
    return [
        *(
            report(source, finding, place, EXAMINED, study.lines(), None, (), made_by)
            for finding in findings
            for place in places
        ),
        *(
            second_report(source, findings[0], each, "ct-first 1", EXAMINED, study.lines(), made_by)
            for each in agreements
        ),
    ]


def test_the_richest_study_has_every_number_that_there_is() -> None:
    """Else a number would be in reports and in no table of the statement."""
    measured = {each.concept.name for each in study_of("rich").reading.finding.measurements}
    of_x_rays = {each.concept.name for each in XRAY_FINDING.measurements}
    assert measured | of_x_rays == set(CONCEPTS)
