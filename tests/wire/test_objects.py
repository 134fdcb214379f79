"""Result objects before independent judges: dciodvfy for the standard, DCMTK for reports, SimpleITK for places."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.unit.results.ct_study import (
    ORIENTATIONS,
    CtStudy,
    ct_study,
    encoded,
    enhanced_ct_study,
    placement,
    provenance,
    put,
    standard_objects,
)
from triaged.results.instance import ResultObject
from triaged.results.objects import reason_objects
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.records import ObjectKind

needs_dciodvfy = pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
needs_dcmtk = pytest.mark.skipif(shutil.which("dsrdump") is None, reason="dsrdump (DCMTK) is not installed")


def cyrillic(header: Dataset) -> None:
    header.SpecificCharacterSet = "ISO_IR 144"
    header.PatientName = "Иванова^Мария"


def japanese(header: Dataset) -> None:
    header.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    header.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"


def bare(header: Dataset) -> None:
    """Leave out all that our objects need and an image may lack."""
    for keyword in ("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"):
        delattr(header, keyword)
    for keyword in ("PatientName", "PatientBirthDate", "PatientSex", "FrameOfReferenceUID", "SeriesNumber"):
        delattr(header, keyword)


def invalid(header: Dataset) -> None:
    put(header, "SeriesInstanceUID", b"6f1ed3b2-8a3e-4b5a-9f50-0d3a6a8a6a11")
    put(header, "FrameOfReferenceUID", b"0.00.1")
    put(header, "SOPInstanceUID", f"instance {int(header.InstanceNumber):03d} ".encode())
    put(header, "StudyDate", b"2026-3-4")
    put(header, "PatientSex", b"X ")
    put(header, "PatientBirthDate", b"unknown ")


STUDIES: dict[str, Callable[[], CtStudy]] = {
    **{position: (lambda position=position: ct_study(position)) for position in ORIENTATIONS},  # type: ignore[misc]
    "enhanced": enhanced_ct_study,
    "cyrillic": lambda: ct_study(change=cyrillic),
    "japanese": lambda: ct_study(change=japanese),
    "bare": lambda: ct_study(change=bare),
    "invalid": lambda: ct_study(change=invalid),
    "no lesion": lambda: ct_study(lesion_radius_mm=0.0),
}


@needs_dciodvfy
@pytest.mark.parametrize("kind", STUDIES)
def test_dciodvfy_finds_no_error(kind: str, tmp_path: Path) -> None:
    study = STUDIES[kind]()
    assert complaints(study.objects(), tmp_path) == []


@needs_dciodvfy
@pytest.mark.parametrize("change", [lambda header: None, cyrillic, bare, invalid])
def test_dciodvfy_finds_no_error_in_the_page_of_a_study_without_score(
    change: Callable[[Dataset], None], tmp_path: Path
) -> None:
    study = ct_study(change=change)
    reason = Reason(ReasonCode.NOT_CHEST, "expected a chest in view, found a head")
    page = reason_objects(study.sources[:1], reason, placement(), provenance(study.sources))
    assert complaints(page, tmp_path) == []


@needs_dciodvfy
def test_the_judge_would_have_complained(tmp_path: Path) -> None:
    seg = dcmread(BytesIO(standard_objects()[0].part10))
    del seg.SegmentSequence[0].SegmentAlgorithmType
    (tmp_path / "broken.dcm").write_bytes(encoded(seg))
    assert verdict(tmp_path / "broken.dcm")


@needs_dcmtk
def test_dsrdump_reads_the_report(tmp_path: Path) -> None:
    (report,) = (one for one in standard_objects() if one.kind is ObjectKind.SR)
    (tmp_path / "sr.dcm").write_bytes(report.part10)
    dump = subprocess.run(["dsrdump", str(tmp_path / "sr.dcm")], capture_output=True, text=True, check=True, timeout=60)
    assert dump.stderr == ""
    assert "Verification Flag   : UNVERIFIED" in dump.stdout
    assert '"Probability of COVID-19 pattern")="0.91" (1,UCUM,"no units")' in dump.stdout
    page = subprocess.run(
        ["dsr2html", str(tmp_path / "sr.dcm")], capture_output=True, text=True, check=True, timeout=60
    )
    assert "Affected share of the worse lung" in page.stdout


@needs_dcmtk
def test_dcmtk_decodes_the_pictures_to_the_same_pixels(tmp_path: Path) -> None:
    for one in standard_objects():
        if one.kind is ObjectKind.SC:
            (tmp_path / "sc.dcm").write_bytes(one.part10)
            command = ["dcmdrle", str(tmp_path / "sc.dcm"), str(tmp_path / "raw.dcm")]
            subprocess.run(command, check=True, timeout=60, capture_output=True)
            raw = dcmread(tmp_path / "raw.dcm")
            assert raw.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
            np.testing.assert_array_equal(raw.pixel_array, dcmread(BytesIO(one.part10)).pixel_array)


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_simpleitk_sees_the_lesion_where_the_ct_has_it(position: str, tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    study = ct_study(position)
    ct = _ct_series(study, tmp_path / "ct", sitk)
    lesion = sitk.GetArrayFromImage(ct) == -500
    expected = _centroid_mm(np.argwhere(lesion).mean(axis=0), ct)
    seg_path = tmp_path / "seg.dcm"
    seg_path.write_bytes(study.objects()[0].part10)
    found = np.mean(list(_lesion_points_mm(seg_path, sitk)), axis=0)
    half_a_voxel = min(study.geometry.spacing_mm) / 2.0
    assert np.linalg.norm(found - expected) < half_a_voxel


def complaints(objects: tuple[ResultObject, ...], folder: Path) -> list[str]:
    """Return dciodvfy's error lines over all objects."""
    found = []
    for one in objects:
        path = folder / f"{one.name}.dcm"
        path.write_bytes(one.part10)
        found += [f"{one.name}: {line}" for line in verdict(path)]
    return found


def verdict(path: Path) -> list[str]:
    """Return dciodvfy's error lines on one object."""
    ran = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, timeout=120, check=False)
    lines = (ran.stderr + ran.stdout).splitlines()
    assert lines, "dciodvfy names the object's definition at least"
    return [line for line in lines if line.startswith(("Error", "Abort"))]


def _ct_series(study: CtStudy, folder: Path, sitk: Any) -> Any:
    """Write the study's images with their pixels and return what SimpleITK makes of them."""
    folder.mkdir()
    voxels = study.reorientation.undo(study.volume.voxels)
    for index, source in enumerate(study.sources):
        image = Dataset()
        image.update(source)
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated = image.BitsStored = 16
        image.HighBit, image.PixelRepresentation = 15, 1
        image.RescaleIntercept, image.RescaleSlope = 0, 1
        image.PixelData = np.ascontiguousarray(voxels[index]).astype("<i2").tobytes()
        image["PixelData"].VR = "OW"
        (folder / f"{index:03d}.dcm").write_bytes(encoded(image))
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def _centroid_mm(index: Any, image: Any) -> Any:
    return np.array(image.TransformContinuousIndexToPhysicalPoint([float(i) for i in index[::-1]]))


def _lesion_points_mm(path: Path, sitk: Any) -> Iterator[Any]:
    """Yield the places of the lesion's voxels: bits as SimpleITK unpacks them, frames where their headers put them."""
    frames = sitk.GetArrayFromImage(sitk.ReadImage(str(path))) > 0
    header = dcmread(path, stop_before_pixels=True)
    shared = header.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
    row_mm, column_mm = (float(mm) for mm in shared.PixelMeasuresSequence[0].PixelSpacing)
    for frame, groups in zip(frames, header.PerFrameFunctionalGroupsSequence, strict=True):
        if groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 3:
            origin = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
            for row, column in np.argwhere(frame):
                yield origin + cosines[0] * column * column_mm + cosines[1] * row * row_mm
