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

from tests.findings import changed
from tests.results.ct_study import (
    ORIENTATIONS,
    ROOT,
    CtStudy,
    ct_study,
    enhanced_ct_study,
    provenance,
    put,
    ranking,
)
from tests.results.senders import invalid
from tests.results.xray_study import XrayStudy, of_every_flag, xray_study
from triaged.exams.ct.finding import CtNumbers, LungAnalysis, Tissue
from triaged.exams.ct.objects import reason_objects
from triaged.exams.ct.pictures.coronal import decode_coronal
from triaged.exams.ct.pictures.sides import blank_pages, blank_views, decode_draft
from triaged.exams.exam import Earlier
from triaged.exams.xray.decoding.turning import Turn
from triaged.exams.xray.objects import reason_objects as xray_reason_objects
from triaged.imaging.volume import Mask, Volume
from triaged.results.instance import ResultObject
from triaged.results.provenance import Referenced
from triaged.results.sc import completed
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.finding import QualityFlag
from triaged.study.kinds import ObjectKind
from triaged.study.records import Prior

Change = Callable[[Dataset], None]
COMPREHENSIVE_3D_SR, BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.11"

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


def rich(header: Dataset) -> None:
    """Send all that our objects copy where it is there, and a time zone."""
    header.IssuerOfPatientID, header.PatientBirthTime = "HOSPITAL", "0102"
    header.PatientComments, header.StudyDescription = "Walks with a stick", "CT chest"
    header.PatientAge, header.PatientSize, header.PatientWeight = "065Y", "1.71", "68.5"
    header.TimezoneOffsetFromUTC = "+0530"
    header.SpecificCharacterSet = "ISO_IR 192"


def of_dense_opacity() -> CtStudy:
    """A study whose opacity has a core above -300 HU."""
    study = ct_study()
    voxels = study.volume.voxels.copy()
    rows, columns = np.nonzero(study.reading.lesion.voxels.any(axis=0))
    core = np.zeros(voxels.shape, bool)
    core[:, int(rows.mean()) - 3 : int(rows.mean()) + 3, int(columns.mean()) - 3 : int(columns.mean()) + 3] = True
    solid = core & study.reading.lesion.voxels
    voxels[solid] = -100
    grid = study.volume.geometry
    return replace(study, volume=Volume(voxels, grid), reading=replace(study.reading, consolidation=Mask(solid, grid)))


def with_every_number() -> CtStudy:
    """A study whose header says all that there is to say, and whose engine measured all that can be measured."""
    study = ct_study(change=rich)
    finding = changed(
        study.reading.finding,
        tissue_right=Tissue(12.0, 60.0, 0.01, 0.05, 0.8),
        tissue_left=Tissue(0.0, 0.0, 0.0, 0.0, 0.9),
        tissue_total=Tissue(12.0, 60.0, 0.005, 0.025, 0.85),
        solid_ml=43.0,
        solid_share=0.01,
        ensemble_spread=0.02,
        slices_share=0.03,
        mild_probability=0.61,
        severe_probability=0.07,
        nat_probability=0.58,
    )
    return replace(study, reading=replace(study.reading, finding=finding))


def of_thresholding() -> CtStudy:
    """A study read without networks, with every remark on its quality that there is."""
    study = ct_study()
    finding = replace(
        study.reading.finding,
        suspicion=None,
        engine="threshold",
        quality=tuple(flag for flag in QualityFlag if flag is not QualityFlag.SINGLE_LUNG),
    )
    return replace(study, reading=replace(study.reading, finding=finding))


def of_a_single_lung() -> CtStudy:
    """A study whose lungs could not be told apart."""
    study = ct_study()
    reading, grid = study.reading, study.volume.geometry
    both = Mask(reading.right_lung.voxels | reading.left_lung.voxels, grid)
    finding = changed(
        reading.finding,
        severity=CtNumbers.of(reading.finding).severity_total,
        severity_right=None,
        severity_left=None,
        right_lung_ml=None,
        left_lung_ml=None,
    )
    finding = replace(finding, quality=(QualityFlag.SINGLE_LUNG,))
    return replace(
        study,
        reading=LungAnalysis(
            finding, both, Mask(np.zeros(grid.shape, bool), grid), reading.lesion, reading.consolidation
        ),
    )


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
    "rich": with_every_number,
    "no lesion": lambda: ct_study(lesion_radius_mm=0.0),
    "dense opacity": of_dense_opacity,
    "thresholding": of_thresholding,
    "single lung": of_a_single_lung,
    "revision 2": ct_study,
    "with a prior": lambda: ct_study(change=without_accession_number),
}
"""Every kind of study, by name."""


def bare_xray(header: Dataset) -> None:
    """Leave out all that our objects need and a radiograph may lack."""
    for keyword in ("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"):
        delattr(header, keyword)
    for keyword in ("PatientName", "PatientBirthDate", "PatientSex", "SeriesNumber", "PatientOrientation"):
        delattr(header, keyword)
    for keyword in ("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "RescaleType"):
        delattr(header, keyword)
    del header.ImagerPixelSpacing, header.PresentationLUTShape


def lossy(header: Dataset) -> None:
    """Say that the image was once compressed with loss, and give a window with a function."""
    header.LossyImageCompression, header.LossyImageCompressionRatio = "01", "12"
    header.LossyImageCompressionMethod, header.VOILUTFunction = "ISO_10918_1", "SIGMOID"


def with_tables(header: Dataset) -> None:
    """Give lookup tables in the place of rescale and window."""
    del header.RescaleSlope, header.RescaleIntercept, header.RescaleType
    for keyword in ("ModalityLUTSequence", "VOILUTSequence"):
        table = Dataset()
        table.add_new("LUTDescriptor", "US", [4096, 0, 16])
        table.add_new("LUTData", "OW", (16 * np.arange(4096)).astype("<u2").tobytes())
        if keyword == "ModalityLUTSequence":
            table.ModalityLUTType = "US"
        setattr(header, keyword, [table])


XRAYS: dict[str, Callable[[], XrayStudy]] = {
    "upright": xray_study,
    "mirrored": lambda: xray_study(Turn(mirrored=True)),
    "turned": lambda: xray_study(Turn(1)),
    "inverse": lambda: xray_study(photometric="MONOCHROME1"),
    "cyrillic": lambda: xray_study(change=cyrillic),
    "bare": lambda: xray_study(change=bare_xray),
    "empty": lambda: xray_study(change=empty),
    "invalid": lambda: xray_study(change=invalid),
    "rich": lambda: xray_study(change=rich),
    "lossy": lambda: xray_study(change=lossy),
    "tables": lambda: xray_study(change=with_tables),
    "gate closed": lambda: xray_study(presence=0.2),
    "no consolidation told": lambda: xray_study(tells_consolidation=False),
    "every flag": of_every_flag,
    "revision 2": xray_study,
}
"""Every kind of chest X-ray, by name."""

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
    """Return all result objects of a study of the matrix; those in 3-D with a pixel each, which is drawn quickly."""
    study = study_of(kind)
    earlier = _earlier() if kind == "with a prior" else None
    found = study.results(provenance=provenance(study.sources, **_provenance_of(kind)), earlier=earlier)
    return (*found.objects, *quickly_completed(found.draft or b""))


def quickly_completed(draft: bytes) -> tuple[ResultObject, ...]:
    """Return the objects that a draft is of, nothing drawn on them."""
    *pages, views = decode_draft(draft).begun
    single = (completed(begun, ObjectKind.SIDES, [page]) for begun, page in zip(pages, blank_pages(), strict=True))
    return (*single, completed(views, ObjectKind.TURNING, blank_views()))


@cache
def xray_of(kind: str) -> XrayStudy:
    """Return a chest X-ray of the matrix."""
    return XRAYS[kind]()


@cache
def xray_objects_of(kind: str) -> tuple[ResultObject, ...]:
    """Return all result objects of a chest X-ray of the matrix."""
    return xray_of(kind).objects(**_provenance_of(kind))


def xray_reason_objects_of(kind: str) -> tuple[ResultObject, ...]:
    """Return the objects of an X-ray that has no score."""
    study = xray_study(change=REASONS[kind] if kind != "bare" else bare_xray)
    reason = Reason(ReasonCode.LUNG_NOT_SEGMENTED, "expected two lungs on a frontal chest X-ray, found none")
    made_by = provenance((study.image,), outcome=reason.code.value)
    return xray_reason_objects(study.radiograph.header, reason, ranking(), made_by)


def reason_objects_of(kind: str) -> tuple[ResultObject, ...]:
    """Return the objects of a study that has no score."""
    study = ct_study(change=REASONS[kind])
    reason = Reason(ReasonCode.NOT_CHEST, "expected a chest in view, found a head")
    return reason_objects(study.sources[0], reason, ranking(), provenance(study.sources))


def _earlier() -> Earlier:
    """Return what a study of the same patient a month before was scored, and its view as the spool keeps it."""
    shown = decode_coronal(ct_study(lesion_radius_mm=24.0).results().view or b"")
    prior = Prior(
        study_uid=f"{ROOT}.70",
        study_date="20260204",
        object_set_uid=f"{ROOT}.71",
        algorithm="multitask-spatial-1 1.2",
        finding=changed(
            ct_study().reading.finding,
            severity=0.03,
            severity_right=0.03,
            severity_left=0.0,
            severity_total=0.015,
            lesion_ml=58.0,
            grade=1,
        ),
        coronal_path="never read",
    )
    return Earlier(prior, shown)


def _provenance_of(kind: str) -> dict[str, Any]:
    if kind == "revision 2":
        replaced = (
            Referenced(COMPREHENSIVE_3D_SR, f"{ROOT}.60", f"{ROOT}.61"),
            Referenced(BASIC_TEXT_SR, f"{ROOT}.62", f"{ROOT}.63"),
        )
        return {"revision": 2, "follows": f"{ROOT}.64", "replaces": replaced}
    if kind == "with a prior":
        return {"compares": f"{ROOT}.71"}
    if kind == "thresholding":
        return {"engine": "threshold", "engine_version": "0.1.0", "model_sha256": "7d" * 32}
    return {}
