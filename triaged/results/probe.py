"""A small picture without a patient, by which a destination shows that it stores what we send."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from triaged.results.instance import IMPLEMENTATION_CLASS_UID
from triaged.study.uids import derived_uid

NAME = "TEST^TRIAGED"
_SIDE = 64


def probe(destination: str, now: datetime) -> tuple[str, bytes]:
    """Return the UID and the Part 10 stream of a Secondary Capture image; another one at each moment."""
    dataset = Dataset()
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = derived_uid("probe", destination, now.isoformat())
    dataset.StudyInstanceUID = derived_uid("probe study", destination, now.isoformat())
    dataset.SeriesInstanceUID = derived_uid("probe series", destination, now.isoformat())
    dataset.PatientName, dataset.PatientID = NAME, "TRIAGED-TEST"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.StudyDate, dataset.StudyTime = f"{now:%Y%m%d}", f"{now:%H%M%S}"
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = "", 1, 1
    dataset.StudyDescription = "Test of a connection - no patient"
    dataset.Modality, dataset.ConversionType, dataset.Manufacturer = "OT", "SYN", "triaged"
    dataset.PatientOrientation = ""
    dataset.Rows = dataset.Columns = _SIDE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    ramp = np.add.outer(np.arange(_SIDE), np.arange(_SIDE)) * 2
    dataset.PixelData = ramp.astype(np.uint8).tobytes()
    dataset["PixelData"].VR = "OB"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID, meta.ImplementationClassUID = ExplicitVRLittleEndian, UID(IMPLEMENTATION_CLASS_UID)
    dataset.file_meta = meta
    stream = BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return str(dataset.SOPInstanceUID), stream.getvalue()
