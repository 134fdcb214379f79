"""A study whose CT files and segmentation are really there, to be scrolled through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian
from sqlalchemy import insert, select

from tests.dicom.written import written_study
from tests.exams.xray.files import image_of, written
from tests.results.ct_study import CtStudy, ct_study, provenance
from tests.results.xray_study import masks, xray_values
from tests.store.making import admit, at, instance, next_set, study_uid
from tests.web.scene import DESTINATIONS, OPTIONS, Scene, found, picture_bytes
from triaged.exams.ct.objects import TURNING
from triaged.exams.xray.squares import resampled
from triaged.results.page import Page
from triaged.results.sc import begun_turning, completed
from triaged.results.source import source_series
from triaged.store.studies.outcomes import Found, Made
from triaged.store.tables import schema
from triaged.study.assessment import Assessed
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import RequestPriority
from triaged.study.records import DerivedObject, Patient
from triaged.triage.ordering import place
from triaged.triage.scheme import Waiting


def sliced(
    scene: Scene,
    number: int,
    folder: Path,
    *,
    minutes: float = 0.0,
    name: str = "Roe^Jane",
    patient_id: str = "",
    date: str = "20260301",
    study: CtStudy | None = None,
) -> str:
    """Let the analytic study arrive with all its files and be scored; return its Study Instance UID."""
    uid, study = study_uid(number), study or ct_study()
    patient = Patient(name, patient_id or f"P-{number}", "19560412", "F", f"A-{number}", date, "115900", "CT thorax")
    pending = place(uid, at(minutes), Waiting.SLICES, RequestPriority.ROUTINE, OPTIONS)
    paths = received(scene, number, folder, study, patient, minutes=minutes)
    scene.studies.complete(uid, len(paths), ranking=pending, cause="whole", now=at(minutes))
    claim = scene.studies.claim_next("worker-1", lease_s=60, now=at(minutes))
    assert claim is not None
    assert claim.study_uid == uid
    made = study.segmentation()
    kept = scene.spool.keep_derived(uid.value, "seg.dcm", made.part10)
    region = DerivedObject(
        f"2.25.{number}1",
        ObjectKind.SEG.sop_class_uid,
        str(DeflatedExplicitVRLittleEndian),
        ObjectKind.SEG,
        kept.path,
        kept.sha256,
    )
    kept = scene.spool.keep_derived(uid.value, "sc.dcm", picture_bytes(UID(f"2.25.{number}2"), "Summary"))
    picture = replace(region, sop_instance_uid=f"2.25.{number}2", kind=ObjectKind.SC, path=kept.path)
    assessment = Assessed(found(0.31, 0.0, 0.9))
    scene.studies.commit(
        claim,
        Found(
            assessment,
            ranking=place(uid, claim.ready_at, assessment, claim.order_priority, OPTIONS),
            chosen=claim.series[0].series_uid,
            not_chosen=(),
            model="ct-test",
            scheme="combined",
            object_set=next_set(scene.studies, claim, f"revision {claim.revision}"),
        ),
        Made(objects=[picture, region], destinations=DESTINATIONS),
        now=at(minutes + 0.5),
    )
    return uid.value


def received(
    scene: Scene,
    number: int,
    folder: Path,
    study: CtStudy,
    patient: Patient,
    *,
    minutes: float = 0.0,
    most: int = 2**16,
) -> list[Path]:
    """Let a study arrive with its files, or with some of them."""
    uid = study_uid(number)
    folder.mkdir()
    pending = place(uid, at(minutes), Waiting.SLICES, RequestPriority.ROUTINE, OPTIONS)
    paths = written_study(study, folder)[:most]
    for index, path in enumerate(paths):
        kept = scene.spool.keep_derived(uid.value, path.name, path.read_bytes())
        one = replace(instance(number, index), path=kept.path)
        admit(scene.studies, one, minutes=minutes, where=pending, patient=patient)
    return paths


def radiographed(scene: Scene, number: int, folder: Path, rows: int, columns: int) -> str:
    """Let an X-ray of so many pixels arrive, unread; return its Study Instance UID.

    It is the analytic chest, and every second column is brighter than the one before it.
    """
    values = resampled(xray_values(masks()).astype(np.float32), (rows, columns)) * 12.0
    values[:, 1::2] += 6000.0
    spacing = ["0.14", "0.14"]
    image = image_of(values.astype(np.uint16), PatientOrientation=["L", "F"], ImagerPixelSpacing=spacing)
    kept = scene.spool.keep_derived(study_uid(number).value, "xray.dcm", written(folder, image).read_bytes())
    one = instance(number, 0)
    admit(scene.studies, replace(one, path=kept.path, image=replace(one.image, modality="CR")))
    return study_uid(number).value


def grey_of(index: int) -> int:
    """Return the grey of a view."""
    return 40 + 5 * index


def keep_views(scene: Scene, uid: str, count: int) -> None:
    """Let the lungs of a scored study be drawn from so many sides, each view of one grey."""
    study = ct_study()
    pages = [
        Page(f"view-{index}", "View", np.full((60, 90, 3), grey_of(index), np.uint8), None, None)
        for index in range(count)
    ]
    source = source_series(study.sources, study.geometry)
    begun = begun_turning(source, pages, provenance(study.sources), TURNING, 100.0)
    made = completed(begun, ObjectKind.TURNING, pages)
    kept = scene.spool.keep_derived(uid, "turning.dcm", made.part10)
    columns = {
        "sop_instance_uid": made.sop_instance_uid,
        "sop_class_uid": made.sop_class_uid,
        "transfer_syntax_uid": made.transfer_syntax_uid,
        "kind": made.kind.name,
        "path": kept.path,
        "sha256": kept.sha256,
    }
    of_study = schema.study.c.study_uid == uid
    with scene.database.begin() as connection:
        row = connection.execute(select(schema.study.c.id, schema.study.c.result_id).where(of_study)).one()
        values = {"study_id": row.id, "result_id": row.result_id, **columns}
        connection.execute(insert(schema.derived), values)
