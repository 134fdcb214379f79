"""The matrix of studies that result objects are judged over: positions, character sets, omissions, engines, revisions.

Each study's objects are made once per process; nothing may be changed in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from tests.unit.results.ct_study import (
    ORIENTATIONS,
    ROOT,
    CtStudy,
    ct_study,
    enhanced_ct_study,
    placement,
    provenance,
    put,
)
from triaged.imaging.volume import Mask
from triaged.results.instance import ResultObject
from triaged.results.objects import reason_objects
from triaged.results.provenance import Replaced
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.finding import QualityFlag, Reading

Change = Callable[[Dataset], None]

CYRILLIC_NAME = "Иванова^Мария"
JAPANESE_NAME = "Yamada^Tarou=山田^太郎=やまだ^たろう"
CHINESE_NAME = "Wang^XiaoDong=王^小东"
ARABIC_NAME = "قباني^لنزار"


def cyrillic(header: Dataset) -> None:
    header.SpecificCharacterSet = "ISO_IR 144"
    header.PatientName = CYRILLIC_NAME
    header.ReferringPhysicianName = "Петров^Пётр"


def japanese(header: Dataset) -> None:
    header.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    header.PatientName = JAPANESE_NAME


def chinese(header: Dataset) -> None:
    header.SpecificCharacterSet = "GB18030"
    header.PatientName = CHINESE_NAME
    header.StudyDescription = "胸部CT"


def arabic(header: Dataset) -> None:
    header.SpecificCharacterSet = "ISO_IR 127"
    header.PatientName = ARABIC_NAME


def without_accession_number(header: Dataset) -> None:
    del header.AccessionNumber


def bare(header: Dataset) -> None:
    """Leave out all that our objects need and an image may lack."""
    for keyword in ("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"):
        delattr(header, keyword)
    for keyword in ("PatientName", "PatientBirthDate", "PatientSex", "FrameOfReferenceUID", "SeriesNumber"):
        delattr(header, keyword)


def empty(header: Dataset) -> None:
    """Send as empty what a careless modality does not fill in."""
    for keyword in ("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"):
        put(header, keyword, b"")
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"):
        put(header, keyword, b"")


def invalid(header: Dataset) -> None:
    put(header, "SeriesInstanceUID", b"6f1ed3b2-8a3e-4b5a-9f50-0d3a6a8a6a11")
    put(header, "FrameOfReferenceUID", b"0.00.1")
    put(header, "SOPInstanceUID", f"instance {int(header.InstanceNumber):03d} ".encode())
    put(header, "StudyDate", b"2026-3-4")
    put(header, "PatientSex", b"X ")
    put(header, "PatientBirthDate", b"unknown ")


def of_thresholding() -> CtStudy:
    """A study read without networks, with every remark on its quality that there is."""
    study = ct_study()
    finding = replace(
        study.reading.finding,
        identification=None,
        identification_threshold=None,
        engine="threshold",
        quality=tuple(flag for flag in QualityFlag if flag is not QualityFlag.SINGLE_LUNG),
    )
    return replace(study, reading=replace(study.reading, finding=finding))


def of_a_single_lung() -> CtStudy:
    """A study whose lungs could not be told apart."""
    study = ct_study()
    reading, grid = study.reading, study.volume.geometry
    both = Mask(reading.right_lung.voxels | reading.left_lung.voxels, grid)
    finding = replace(
        reading.finding,
        severity=reading.finding.severity_total,
        severity_right=None,
        severity_left=None,
        right_lung_ml=None,
        left_lung_ml=None,
        quality=(QualityFlag.SINGLE_LUNG,),
    )
    return replace(study, reading=Reading(finding, both, Mask(np.zeros(grid.shape, bool), grid), reading.lesion))


STUDIES: dict[str, Callable[[], CtStudy]] = {
    **{position: (lambda position=position: ct_study(position)) for position in ORIENTATIONS},  # type: ignore[misc]
    "enhanced": enhanced_ct_study,
    "cyrillic": lambda: ct_study(change=cyrillic),
    "japanese": lambda: ct_study(change=japanese),
    "chinese": lambda: ct_study(change=chinese),
    "arabic": lambda: ct_study(change=arabic),
    "without accession number": lambda: ct_study(change=without_accession_number),
    "bare": lambda: ct_study(change=bare),
    "empty": lambda: ct_study(change=empty),
    "invalid": lambda: ct_study(change=invalid),
    "no lesion": lambda: ct_study(lesion_radius_mm=0.0),
    "thresholding": of_thresholding,
    "single lung": of_a_single_lung,
    "revision 2": ct_study,
}
"""Every kind of study, by name."""

REASONS: dict[str, Change] = {
    "HFS": lambda header: None,
    "cyrillic": cyrillic,
    "japanese": japanese,
    "chinese": chinese,
    "arabic": arabic,
    "bare": bare,
    "empty": empty,
    "invalid": invalid,
}


@cache
def study_of(kind: str) -> CtStudy:
    """Return a study of the matrix."""
    return STUDIES[kind]()


@cache
def objects_of(kind: str) -> tuple[ResultObject, ...]:
    """Return all result objects of a study of the matrix."""
    study = study_of(kind)
    return study.objects(provenance=provenance(study.sources, **_provenance_of(kind)))


def reason_objects_of(kind: str) -> tuple[ResultObject, ...]:
    """Return the objects of a study that has no score."""
    study = ct_study(change=REASONS[kind])
    reason = Reason(ReasonCode.NOT_CHEST, "expected a chest in view, found a head")
    return reason_objects(study.sources[:1], reason, placement(), provenance(study.sources))


def _provenance_of(kind: str) -> dict[str, Any]:
    if kind == "revision 2":
        return {"replaces": (Replaced("1.2.840.10008.5.1.4.1.1.88.34", f"{ROOT}.60", f"{ROOT}.61"),)}
    if kind == "thresholding":
        return {"engine": "threshold", "engine_version": "0.1.0", "model_sha256": "7d" * 32}
    return {}
