"""Findings to rows and back: what is in `result`, the numbers in `measurement`, and the text that the list shows.

Functions within a transaction of their callers. Knows no concept by name: every number of a finding is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, bindparam, insert, select

from triaged.store.tables import schema
from triaged.study.concepts import DISEASES, concept_named, site_named
from triaged.study.finding import Finding, Grade, Measurement, QualityFlag, Suspicion

NO_FINDING: Mapping[str, Any] = {"quality": "[]"}
"""The columns of `result` of a study that has no score."""


def finding_columns(finding: Finding) -> dict[str, Any]:
    """Return the columns of `result` that a finding is kept in, beside its measurements."""
    suspicion, grade = finding.suspicion, finding.grade
    return {
        "urgency": finding.urgency,
        "suspicion": None if suspicion is None else suspicion.of.name,
        "probability": None if suspicion is None else suspicion.probability,
        "threshold": None if suspicion is None else suspicion.threshold,
        "grade": None if grade is None else grade.level,
        "grade_scale": None if grade is None else grade.scale,
        "engine": finding.engine,
        "quality": json.dumps([flag.value for flag in finding.quality]),
    }


def write_measurements(
    connection: Connection, result_id: int, finding: Finding | None, table: Table = schema.measurement
) -> None:
    """Write the numbers of a finding; none where there is none."""
    numbers = [] if finding is None else _triples(finding)
    rows = [
        {"result_id": result_id, "number": number, "concept": concept, "site": site, "value": value}
        for number, (concept, site, value) in enumerate(numbers)
    ]
    if rows:
        connection.execute(insert(table), rows)


def findings_of(
    connection: Connection, results: Sequence[Row[Any]], table: Table = schema.measurement
) -> dict[int, Finding]:
    """Return the findings of rows of `result` by their ids, of those that have one; their numbers are in `table`."""
    scored = [row for row in results if row.urgency is not None]
    if not scored:
        return {}
    measured: dict[int, list[tuple[str, str, float]]] = {row.id: [] for row in scored}
    for row in connection.execute(_numbers_of(table), {"results": list(measured)}):
        measured[row.result_id].append((row.concept, row.site, row.value))
    return {row.id: _finding(row._asdict(), measured[row.id], json.loads(row.quality)) for row in scored}


def to_text(finding: Finding) -> str:
    """Return a finding as the row of its study keeps it."""
    columns = finding_columns(finding)
    columns["quality"] = [flag.value for flag in finding.quality]
    return json.dumps({**columns, "measurements": _triples(finding)})


@lru_cache(maxsize=16_384)
def from_text(text: str) -> Finding:
    """Return the finding that a row of `study` keeps; the list is read again and again, and few rows of it change."""
    values = json.loads(text)
    return _finding(values, values["measurements"], values["quality"])


def _triples(finding: Finding) -> list[tuple[str, str, float]]:
    return [(each.concept.name, each.site.name if each.site else "", each.value) for each in finding.measurements]


def _finding(values: Mapping[str, Any], measured: Sequence[tuple[str, str, float]], quality: Sequence[str]) -> Finding:
    suspicion, grade = None, None
    if values["suspicion"] is not None:
        suspicion = Suspicion(DISEASES[values["suspicion"]], values["probability"], values["threshold"])
    if values["grade"] is not None:
        grade = Grade(values["grade"], values["grade_scale"])
    return Finding(
        urgency=values["urgency"],
        suspicion=suspicion,
        measurements=tuple(Measurement(concept_named(name), value, site_named(site)) for name, site, value in measured),
        grade=grade,
        engine=values["engine"],
        quality=tuple(QualityFlag(flag) for flag in quality),
    )


def _numbers_of(table: Table) -> Select[Any]:
    of_results = select(table).where(table.c.result_id.in_(bindparam("results", expanding=True)))
    return of_results.order_by(table.c.result_id, table.c.number)
