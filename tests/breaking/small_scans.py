"""Small chest CTs by formula, each with UIDs of its own: 13 slices of 5 kB, analysed in less than a second.

Knows what each must become on the list; must not know how it is sent or kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from tests.breaking.mutations import deflated
from tests.exams.pipelines.bodies import Ball, Chest
from tests.golden.scans import HEALTHY, Scan, diseased, encoded_slices

ROOT = "1.2.826.0.1.3680043.8.498"
_RIGHT, _LEFT = Ball((-72.0, 0.0, 0.0), 66.0, hu=-400), Ball((72.0, 0.0, 0.0), 66.0, hu=-400)
CHESTS: dict[str, Chest] = {"N": HEALTHY, "D": diseased(Ball((72.0, 0.0, 0.0), 40.0)), "A": diseased(_RIGHT, _LEFT)}
"""Chests by the class that the `threshold` engine must give them."""
SETTINGS = {"models": {"ct": "threshold"}}
"""What a daemon needs to read them."""


@dataclass(frozen=True, slots=True)
class SmallInstance:
    """One slice: its encoded data set (explicit VR little endian), and a Part 10 file that holds it."""

    study_uid: str
    sop_uid: str
    encoded: bytes
    path: Path

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the encoded data set."""
        return hashlib.sha256(self.encoded).hexdigest()


@dataclass(frozen=True, slots=True)
class SmallStudy:
    """A study whose class is known before anybody has looked."""

    study_uid: str
    triage_class: str
    instances: Sequence[SmallInstance]


def small_study(number: int, folder: Path, *, triage_class: str = "D") -> SmallStudy:
    """Write the study with this number, which makes its UIDs, into a folder of its own."""
    study_uid = f"{ROOT}.{number}"
    place = folder / f"study-{number}"
    place.mkdir(parents=True)
    templates = _templates(triage_class)
    instances = [_instance(template, study_uid, index + 1, number, place) for index, template in enumerate(templates)]
    return SmallStudy(study_uid, triage_class, instances)


def large_slices(number: int, count: int) -> Iterator[tuple[bytes, str]]:
    """Yield the slices of a chest of class D, each of 512 x 512 and deflated to some kB, with its SOP Instance UID."""
    study_uid = f"{ROOT}.{number}"
    templates = [pydicom.dcmread(BytesIO(each), force=True) for each in _templates("D")]
    planes = [np.frombuffer(each.PixelData, np.int16).reshape(each.Rows, each.Columns) for each in templates]
    for index in range(count):
        image, plane = templates[index * len(planes) // count], planes[index * len(planes) // count]
        plane = np.kron(plane, np.ones((12, 9), np.int16))
        plane = np.pad(plane, ((16, 16), (8, 9)), constant_values=24)
        image.StudyInstanceUID, image.SeriesInstanceUID = study_uid, f"{study_uid}.1"
        image.FrameOfReferenceUID, image.SOPInstanceUID = f"{study_uid}.2", f"{study_uid}.1.{index + 1}"
        image.Rows, image.Columns, image.PixelSpacing = *plane.shape, [0.5, 0.66]
        image.ImagePositionPatient = [-165.0, -120.0, round(-60 + index * 130 / count, 3)]
        image.PixelData = plane.tobytes()
        image["PixelData"].VR = "OW"
        yield deflated(_encoded(image)), str(image.SOPInstanceUID)


def altered(instance: SmallInstance) -> SmallInstance:
    """Return another content under the same identifiers: one pixel differs."""
    encoded = instance.encoded[:-1] + bytes([instance.encoded[-1] ^ 1])
    path = instance.path.with_suffix(".altered.dcm")
    path.write_bytes(_part10(encoded, instance.sop_uid))
    return SmallInstance(instance.study_uid, instance.sop_uid, encoded, path)


@cache
def _templates(triage_class: str) -> list[bytes]:
    return encoded_slices(Scan(1, 1, CHESTS[triage_class]))


def _instance(template: bytes, study_uid: str, index: int, number: int, place: Path) -> SmallInstance:
    image = pydicom.dcmread(BytesIO(template), force=True)
    image.StudyInstanceUID, image.SeriesInstanceUID = study_uid, f"{study_uid}.1"
    sop_uid = f"{study_uid}.1.{index}"
    image.FrameOfReferenceUID, image.SOPInstanceUID = f"{study_uid}.2", sop_uid
    image.PatientID, image.AccessionNumber = f"P{number}", f"A{number}"
    encoded = _encoded(image)
    path = place / f"{index:03}.dcm"
    path.write_bytes(_part10(encoded, sop_uid))
    return SmallInstance(study_uid, sop_uid, encoded, path)


def _encoded(image: Dataset) -> bytes:
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, image, implicit_vr=False, little_endian=True, enforce_file_format=False)
    return buffer.getvalue()


def _part10(encoded: bytes, sop_uid: str) -> bytes:
    """Return a DICOM file (PS3.10 7.1) around an encoded data set."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, UID(sop_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = DicomBytesIO()
    pydicom.filewriter.write_file_meta_info(buffer, meta, enforce_standard=True)
    return b"\0" * 128 + b"DICM" + buffer.getvalue() + encoded
