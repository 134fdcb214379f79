"""The DICOM modules that every object of a phantom study shares (PS3.3 C.7 and C.12).

Must not know: how voxels are drawn; what CT objects look like. All persons are fictitious.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

Position = Literal["HFS", "HFP", "FFS", "FFP"]

# Row and column directions (x, y, z) of the image axes that a gantry delivers for each posture.
ORIENTATION: dict[Position, tuple[float, ...]] = {
    "HFS": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    "HFP": (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0),
    "FFS": (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    "FFP": (1.0, 0.0, 0.0, 0.0, -1.0, 0.0),
}


def orientation(position: Position, tilt_deg: float) -> tuple[float, ...]:
    """Return the row and column directions (x, y, z) of the images of a gantry that leans by `tilt_deg`."""
    row, column = ORIENTATION[position][:3], ORIENTATION[position][4]
    lean = math.radians(tilt_deg)
    return (*row, 0.0, round(column * math.cos(lean), 8), round(column * math.sin(lean), 8))


@dataclass(frozen=True, slots=True)
class StudyHeader:
    """What the objects of one study have in common.

    `key` is any text that is unique to the study's content: all UIDs are derived from it. `study_date` is YYYYMMDD,
    `study_time` HHMMSS. `tilt_deg` is how far the gantry leans.
    """

    key: str
    patient_name: str
    patient_id: str
    patient_sex: str
    study_date: str
    study_time: str
    position: Position
    tilt_deg: float = 0.0

    @property
    def birth_date(self) -> str:
        """The patient's, a function of the Patient ID alone, so that all studies of one agree (PS3.5 6.2, DA)."""
        drawn = uuid.uuid5(uuid.NAMESPACE_OID, f"triaged phantom born {self.patient_id}").int
        return f"{1935 + drawn % 50}{1 + drawn // 50 % 12:02d}{1 + drawn // 600 % 28:02d}"

    def uid(self, purpose: str) -> str:
        """Return the UID of one thing of this study: 2.25 and a name-based UUID (PS3.5 B.2)."""
        return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'triaged phantom {self.key} {purpose}').int}"


def new_object(
    header: StudyHeader, sop_class_uid: str, purpose: str, modality: str, series: tuple[int, str]
) -> Dataset:
    """Return a dataset with the patient, study, series, equipment and SOP common modules.

    `purpose` names the instance within the study; `series` is (number, description).
    """
    number, description = series
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = sop_class_uid
    ds.SOPInstanceUID = header.uid(f"instance {purpose}")
    ds.PatientName = header.patient_name
    ds.PatientID = header.patient_id
    ds.PatientBirthDate = header.birth_date
    ds.PatientSex = header.patient_sex
    ds.StudyInstanceUID = header.uid("study")
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = header.study_date
    ds.StudyTime = ds.SeriesTime = ds.ContentTime = header.study_time
    ds.ReferringPhysicianName = ""
    ds.StudyID = "1"
    ds.AccessionNumber = ""
    ds.StudyDescription = "CT chest (phantom)"
    ds.Modality = modality
    ds.SeriesInstanceUID = header.uid(f"series {number}")
    ds.SeriesNumber = number
    ds.SeriesDescription = description
    ds.Manufacturer = "triaged"
    ds.InstitutionName = "Phantom hospital"
    ds.StationName = "PHANTOM"
    ds.ManufacturerModelName = "phantom"
    ds.DeviceSerialNumber = "1"
    ds.SoftwareVersions = "1"
    return ds


def add_frame_of_reference(ds: Dataset, header: StudyHeader) -> None:
    """Add the frame of reference shared by all series of the study, and the patient's position in the gantry."""
    ds.FrameOfReferenceUID = header.uid("frame of reference")
    ds.PositionReferenceIndicator = ""


def save(ds: Dataset, path: Path) -> Path:
    """Write the dataset as a DICOM file in Explicit VR Little Endian and return its path."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta = meta
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path
