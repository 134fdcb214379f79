"""Puts a finding through everything that tells others of it, and hands back what each tells, by name of output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from pydicom import Dataset, dcmread
from sqlalchemy import select

from tests.lab.evaluation.scans import save, scan
from tests.notify.changes import NOW, PATIENT, RESULT, push
from tests.results.ct_study import provenance, ranking, standard_study
from tests.store.making import study_uid
from tests.web.scene import Scene
from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.exams.ct.pictures.wording import analysis_lines
from triaged.imaging.volume import Mask, Volume
from triaged.lab.evaluation.cases import Case
from triaged.lab.evaluation.run import rows
from triaged.notify.body import body
from triaged.notify.oru import Ends, oru_r01
from triaged.store.tables import schema
from triaged.store.tables.findings import findings_of
from triaged.study.assessment import Assessed
from triaged.study.finding import Finding

UID = study_uid(1).value


@dataclass(frozen=True)
class Told:
    """What one finding became: JSON by name, HL7 and SR as pairs of code and value, texts; `stored` what was kept."""

    listed: Mapping[str, Any]
    hook: Mapping[str, Any]
    hl7: frozenset[tuple[str, str]]
    report: frozenset[tuple[str, float]]
    words: str
    page: str
    evaluated: Mapping[str, Any]
    stored: tuple[Finding | None, ...]


def told(finding: Finding, scene: Scene, folder: Path) -> Told:
    """Return what everybody is told of a finding, over an empty store."""
    scene.arrive(1, minutes=0)
    scene.complete(1, minutes=0)
    scene.end(1, Assessed(finding), minutes=1)
    with TestClient(scene.app()) as client:
        (listed,) = client.get("/api/worklist").json()
        page = client.get(f"/studies/{UID}").text
    change = push(result=replace(RESULT, assessment=Assessed(finding)))
    study = standard_study()
    reading = replace(study.reading, finding=finding)
    lines = analysis_lines(study.sources[0], reading, ranking(), provenance(study.sources))
    return Told(
        listed=listed,
        hook=json.loads(body(change, PATIENT, now=NOW))["result"],
        hl7=_observations(oru_r01(change, PATIENT, Ends("A", "B", "C", "D"), now=NOW)),
        report=_numbers(dcmread(BytesIO(replace(study, reading=reading).report().part10))),
        words="\n".join(lines.findings),
        page=page[page.index('<dl class="facts">') :].partition("</dl>")[0],
        evaluated=_evaluated(finding, folder),
        stored=_stored(scene),
    )


def _observations(message: bytes) -> frozenset[tuple[str, str]]:
    segments = [line.split("|") for line in message.decode("utf-8").split("\r")]
    return frozenset((one[3].partition("^")[0], one[5]) for one in segments if one[:3:2] == ["OBX", "NM"])


def _numbers(report: Dataset) -> frozenset[tuple[str, float]]:
    found = {
        (item.ConceptNameCodeSequence[0].CodeValue, float(item.MeasuredValueSequence[0].NumericValue))
        for item in _tree(report)
        if item.get("ValueType") == "NUM"
    }
    return frozenset(found)


def _tree(item: Dataset) -> list[Dataset]:
    return [item, *(below for child in item.get("ContentSequence", ()) for below in _tree(child))]


def _evaluated(finding: Finding, folder: Path) -> Mapping[str, Any]:
    class Finds:
        def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
            nothing = Mask(np.zeros(volume.geometry.shape, np.bool_), volume.geometry)
            return LungAnalysis(finding, nothing, nothing, nothing, nothing)

    chest = scan(spacing_mm=(10.0, 10.0, 10.0))
    images = save(folder / "ct.nii.gz", chest.volume.voxels, chest.geometry)
    (row,) = rows([Case("c", "p", "covid", images, None, None, None)], Finds(), (0.01, 0.25, 0.5, 0.75))
    assert row.reason == "", row.reason
    return row.as_json()


def _stored(scene: Scene) -> tuple[Finding | None, ...]:
    with scene.database.read() as connection:
        results = connection.execute(select(schema.result)).all()
        kept = tuple(findings_of(connection, results).values())
    entry = scene.worklist.entry(UID)
    assert entry is not None
    return (*kept, entry.finding)
