"""A small CT study made with pydicom alone: an analytic chest, headers as a scanner writes them, and its reading."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence as ItemSequence
from pydicom.tag import Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from tests.findings import finding_of
from triaged.exams.ct.decoding.series import DecodedSeries
from triaged.exams.ct.finding import DENSE_HU, Acquisition, LungAnalysis
from triaged.exams.ct.objects import EXAMINED, SEGMENTATION, result_objects, segments
from triaged.exams.ct.pictures.wording import analysis_lines, found_lines
from triaged.exams.exam import Results
from triaged.imaging.geometry import Geometry, Reorientation, canonical_reorientation
from triaged.imaging.volume import Mask, Volume
from triaged.results.instance import ResultObject
from triaged.results.provenance import Provenance
from triaged.results.seg import segmentation
from triaged.results.source import source_series
from triaged.results.sr import report, second_report
from triaged.results.wording import Lines
from triaged.study.agreement import Agreement
from triaged.study.finding import Finding
from triaged.study.ranking import Lane, Ranking, TriageClass
from triaged.study.uids import SOPInstanceUID, StudyUID

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ROOT = "1.2.826.0.1.3680043.8.498"

ORIENTATIONS = {
    "HFS": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "FFS": ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    "HFP": ((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)),
    "FFP": ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0)),
}
"""Directions of column index, row index and slice index in LPS, for each patient position."""

SHAPE, SPACING_MM = (30, 60, 80), (8.0, 4.0, 4.5)
CENTRE_MM = np.array((7.0, -140.0, -210.0))


@dataclass(frozen=True)
class CtStudy:
    """Everything that goes into result objects, and the masks in the source's own order to compare with."""

    sources: tuple[Dataset, ...]
    geometry: Geometry
    reorientation: Reorientation
    volume: Volume
    reading: LungAnalysis
    source_masks: dict[str, NDArray[np.bool_]] = field(repr=False)

    def objects(self, **changes: Any) -> tuple[ResultObject, ...]:
        """Return the result objects, with any argument of `result_objects` replaced."""
        return self.results(**changes).objects

    def results(self, **changes: Any) -> Results:
        """Return all that comes of the study, with any argument of `result_objects` replaced."""
        arguments: dict[str, Any] = {
            "read": DecodedSeries(
                self.volume, self.geometry, self.reorientation, self.sources, (), Acquisition(None, None, None, None)
            ),
            "reading": self.reading,
            "ranking": ranking(),
            "provenance": provenance(self.sources),
        }
        return result_objects(**(arguments | changes))

    def segmentation(self) -> ResultObject:
        """Return the segmentation alone."""
        made_by = provenance(self.sources)
        source = source_series(self.sources, self.geometry)
        described = segments(self.reading, made_by)
        return segmentation(source, self.geometry, self.reorientation, described, made_by, SEGMENTATION)

    def report(self, **changes: Any) -> ResultObject:
        """Return the report alone, over the segmentation, made by a provenance with these changes."""
        made_by = provenance(self.sources, **changes)
        source = source_series(self.sources, self.geometry)
        described = segments(self.reading, made_by)
        finding = self.reading.finding
        lines = self.lines(**changes)
        return report(source, finding, ranking(), EXAMINED, lines, self.segmentation(), described, made_by)

    def lines(self, **changes: Any) -> Lines:
        """Return the words of the study, made by a provenance with these changes."""
        return analysis_lines(self.sources[0], self.reading, ranking(), provenance(self.sources, **changes))

    def second_report(self, agreement: Agreement, **changes: Any) -> ResultObject:
        """Return the report as of a second engine, made by a provenance with these changes."""
        made_by = provenance(self.sources, **{"advises": f"{ROOT}.88"} | changes)
        source = source_series(self.sources, self.geometry)
        lines = found_lines(self.sources[0], self.reading, made_by)
        return second_report(source, self.reading.finding, agreement, "ct-first 1.0", EXAMINED, lines, made_by)


def ct_study(
    position: str = "HFS",
    change: Callable[[Dataset], None] = lambda header: None,
    lesion_radius_mm: float = 38.0,
) -> CtStudy:
    """Return a study of single-frame CT images; `change` edits each header as its sender might have."""
    geometry = source_geometry(position)
    masks = analytic_masks(geometry, lesion_radius_mm)
    voxels = _hu(masks)
    sources = tuple(_received(_single_frame(geometry, index, position), change) for index in range(SHAPE[0]))
    return _study(sources, geometry, voxels, masks)


@cache
def standard_study() -> CtStudy:
    """Return the study that has nothing special, made once: nothing may be changed in it."""
    return ct_study()


@cache
def standard_objects() -> tuple[ResultObject, ...]:
    """Return the result objects of the study that has nothing special, made once."""
    return standard_study().objects()


def enhanced_ct_study(change: Callable[[Dataset], None] = lambda header: None) -> CtStudy:
    """Return a study of one Enhanced CT image whose frames are stored from head to foot, against the stack's order."""
    geometry = source_geometry("HFS")
    masks = analytic_masks(geometry)
    header = _enhanced(geometry, list(range(SHAPE[0]))[::-1])
    return _study((_received(header, change),), geometry, _hu(masks), masks)


def source_geometry(position: str) -> Geometry:
    """Return the grid of a study in this patient position, centred at one and the same place in the patient."""
    column, row, slices = (np.array(direction) for direction in ORIENTATIONS[position])
    affine = np.eye(4)
    for axis, (direction, step) in enumerate(zip((slices, row, column), SPACING_MM, strict=True)):
        affine[:3, axis] = direction * step
    affine[:3, 3] = CENTRE_MM - affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2.0)
    return Geometry(affine, SHAPE, f"{ROOT}.9")


def positions_mm(geometry: Geometry) -> NDArray[np.float64]:
    """Return the LPS position of every voxel, with a last axis of x, y and z relative to the chest's centre."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij"), axis=-1)
    return np.asarray(index @ geometry.affine[:3, :3].T + geometry.affine[:3, 3] - CENTRE_MM)


def analytic_masks(geometry: Geometry, lesion_radius_mm: float = 38.0) -> dict[str, NDArray[np.bool_]]:
    """Return body, lungs and a ball of lesion low at the back of the right lung, by their equations in LPS."""
    x, y, z = np.moveaxis(positions_mm(geometry), -1, 0)
    body = (x / 165.0) ** 2 + (y / 112.0) ** 2 < 1.0
    right = ((x + 75.0) / 58.0) ** 2 + (y / 80.0) ** 2 + (z / 105.0) ** 2 < 1.0
    left = ((x - 75.0) / 52.0) ** 2 + (y / 80.0) ** 2 + (z / 100.0) ** 2 < 1.0
    ball = (x + 75.0) ** 2 + (y - 40.0) ** 2 + (z + 50.0) ** 2 < lesion_radius_mm**2
    return {"body": body, "right": right, "left": left, "lesion": ball & right}


def ranking() -> Ranking:
    """Return a place in the order."""
    moment = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
    return Ranking(Lane.ORDERED, TriageClass.SEVERE, moment, "1", "severity 20 % \u2265 15 %, flagged")


def provenance(sources: tuple[Dataset, ...], **changes: Any) -> Provenance:
    """Return a provenance over these sources."""
    arguments: dict[str, Any] = {
        "study_uid": StudyUID.parse(_sent(sources[0], "StudyInstanceUID")),
        "input_sop_instance_uids": tuple(SOPInstanceUID.parse(_sent(one, "SOPInstanceUID")).value for one in sources),
        "engine": "multitask-spatial-1",
        "engine_version": "1.2",
        "model_sha256": "5e" * 32,
        "device_uid": f"{ROOT}.77",
        "scheme": "combined",
        "scheme_version": "3",
        "software_version": "0.1.0",
        "assessed_at": datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
    }
    return Provenance(**(arguments | changes))


def put(header: Dataset, keyword: str, value: bytes) -> None:
    """Set an attribute to bytes as a sender might have written them, valid or not."""
    tag = Tag(keyword)
    header[tag] = RawDataElement(tag, dictionary_VR(tag), len(value), value, 0, False, True)


def encoded(header: Dataset) -> bytes:
    """Return a header as the bytes of a Part 10 file."""
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = UID(str(header.SOPClassUID))
    header.file_meta.MediaStorageSOPInstanceUID = UID(f"{ROOT}.1")
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stream = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is invalid here is so on purpose
        dcmwrite(stream, header, enforce_file_format=True)
    return stream.getvalue()


def inflated(one: ResultObject) -> bytes:
    """Return an object's data set as bytes without its file meta information, inflated where it is deflated."""
    start = 132 + 12 + int.from_bytes(one.part10[140:144], "little")  # (0002,0000) holds the length of the rest
    if one.transfer_syntax_uid != DeflatedExplicitVRLittleEndian:
        return one.part10[start:]
    inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    plain = inflate.decompress(one.part10[start:])
    assert inflate.eof, "the stream is whole"
    assert inflate.unused_data in (b"", b"\0"), "nothing but padding follows"
    return plain


def _sent(source: Dataset, keyword: str) -> str:
    element = source.get_item(keyword)
    assert element is not None
    return element.value.decode("ascii") if isinstance(element.value, bytes) else str(element.value)


def _received(header: Dataset, change: Callable[[Dataset], None]) -> Dataset:
    """Return the header as a receiver holds it: parsed from bytes, nothing decoded yet."""
    change(header)
    return dcmread(BytesIO(encoded(header)), stop_before_pixels=True)


def _study(
    sources: tuple[Dataset, ...], geometry: Geometry, voxels: NDArray[np.int16], masks: dict[str, NDArray[np.bool_]]
) -> CtStudy:
    reorientation = canonical_reorientation(geometry)
    grid = reorientation.geometry(geometry)

    def canonical(mask: NDArray[np.bool_]) -> Mask:
        return Mask(np.ascontiguousarray(reorientation.apply(mask)), grid)

    right, left, lesion = (canonical(masks[name]) for name in ("right", "left", "lesion"))
    solid = canonical(masks["lesion"] & (voxels > DENSE_HU))
    reading = LungAnalysis(_finding(masks, geometry.voxel_ml), right, left, lesion, solid)
    volume = Volume(np.ascontiguousarray(reorientation.apply(voxels)), grid)
    return CtStudy(sources, geometry, reorientation, volume, reading, masks)


def _finding(masks: dict[str, NDArray[np.bool_]], voxel_ml: float) -> Finding:
    right, left, lesion = (int(masks[name].sum()) for name in ("right", "left", "lesion"))
    return finding_of(
        identification=0.91,
        severity=lesion / right,
        severity_right=lesion / right,
        severity_left=0.0,
        severity_total=lesion / (right + left),
        right_lung_ml=right * voxel_ml,
        left_lung_ml=left * voxel_ml,
        lungs_ml=(right + left) * voxel_ml,
        lesion_ml=lesion * voxel_ml,
        dense_share=0.25,
        grade=1,
        engine="multitask-spatial-1",
        identification_threshold=0.62,
    )


def _hu(masks: dict[str, NDArray[np.bool_]]) -> NDArray[np.int16]:
    voxels = np.full(masks["body"].shape, -1000, np.int16)
    for name, hu in (("body", 40), ("right", -850), ("left", -850), ("lesion", -500)):
        voxels[masks[name]] = hu
    return voxels


def _patient_and_study(header: Dataset) -> None:
    header.PatientName = "Doe^Jane"
    header.PatientID = "P-1"
    header.PatientBirthDate = "19610203"
    header.PatientSex = "F"
    header.StudyInstanceUID = f"{ROOT}.2"
    header.SeriesInstanceUID = f"{ROOT}.3"
    header.StudyDate, header.StudyTime = "20260304", "040500"
    header.StudyID, header.AccessionNumber = "7", "ACC-1"
    header.ReferringPhysicianName = "Roe^Richard"
    header.FrameOfReferenceUID = f"{ROOT}.9"
    header.PositionReferenceIndicator = ""
    header.Modality = "CT"
    header.SeriesNumber = 2
    header.Manufacturer = "Scanner"
    header.Rows, header.Columns = SHAPE[1:]


def _single_frame(geometry: Geometry, index: int, position: str) -> Dataset:
    header = Dataset()
    _patient_and_study(header)
    header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    header.SOPInstanceUID = f"{ROOT}.4.{index + 1}"
    header.InstanceNumber = index + 1
    header.PatientPosition = position
    column, row, _ = ORIENTATIONS[position]
    header.ImageOrientationPatient = [*column, *row]
    header.ImagePositionPatient = [round(float(x), 6) for x in geometry.position_mm((index, 0.0, 0.0))]
    header.PixelSpacing = list(SPACING_MM[1:])
    header.SliceThickness = SPACING_MM[0]
    return header


def _enhanced(geometry: Geometry, order: list[int]) -> Dataset:
    header = Dataset()
    _patient_and_study(header)
    header.SOPClassUID = ENHANCED_CT
    header.SOPInstanceUID = f"{ROOT}.5"
    header.InstanceNumber = 1
    header.NumberOfFrames = len(order)
    frames = []
    for index in order:
        position, group = Dataset(), Dataset()
        position.ImagePositionPatient = [round(float(x), 6) for x in geometry.position_mm((index, 0.0, 0.0))]
        group.PlanePositionSequence = ItemSequence([position])
        frames.append(group)
    header.PerFrameFunctionalGroupsSequence = ItemSequence(frames)
    return header
