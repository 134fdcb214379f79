"""Draws the small CT studies of the scenario as a scanner sends them: 13 slices of 40 by 55 with lungs by formula.

Knows pydicom and the drawn chests; must not know how a study is received or read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import CTImageStorage

from tests.exams.pipelines.bodies import Ball, Chest, draw, grid

SPACING_MM = (10.0, 6.0, 6.0)
SIZE_MM = (130.0, 240.0, 330.0)
LUNG_MM = (58.0, 85.0, 52.0)
HEALTHY = Chest(lungs=(((-72.0, 0.0, 0.0), LUNG_MM), ((72.0, 0.0, 0.0), LUNG_MM)), trachea=())
ONE_LUNG = Chest(lungs=(((72.0, 0.0, 0.0), LUNG_MM),), trachea=())
CHILD = Chest(lungs=(((-55.0, 0.0, 0.0), (40.0, 50.0, 40.0)), ((55.0, 0.0, 0.0), (40.0, 50.0, 40.0))), trachea=())
LITTLE_LUNG = Chest(lungs=(((-55.0, 0.0, 0.0), (30.0, 40.0, 35.0)), ((55.0, 0.0, 0.0), (30.0, 40.0, 35.0))), trachea=())


def diseased(*balls: Ball) -> Chest:
    """Return the healthy chest with balls of disease in it."""
    return Chest(lungs=HEALTHY.lungs, balls=balls, trachea=())


@dataclass(frozen=True)
class Scan:
    """A study as its sender describes it; `attributes` are those that only this study has."""

    number: int
    patient: int
    chest: Chest = HEALTHY
    name: str = "Test^Person"
    missing: Sequence[int] = ()
    count: int = 13
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        """The Study Instance UID."""
        return f"1.2.826.0.1.3680043.8.498.{self.number}"


def encoded_slices(scan: Scan) -> list[bytes]:
    """Return the slices in explicit VR little endian, the lowest first."""
    geometry = grid(SPACING_MM, SIZE_MM)
    voxels = draw(scan.chest, geometry).voxels
    slices = []
    for number in range(scan.count):
        if number not in scan.missing:
            position = [round(float(v), 3) for v in geometry.position_mm((number, 0.0, 0.0))]
            slices.append(_encoded(_slice(scan, number, position, np.asarray(voxels[number], np.int16))))
    return slices


def _slice(scan: Scan, number: int, position: list[float], hu: Any) -> Dataset:
    image = Dataset()
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, f"{scan.uid}.1.{number + 1}"
    image.StudyInstanceUID, image.SeriesInstanceUID = scan.uid, f"{scan.uid}.1"
    image.FrameOfReferenceUID = f"{scan.uid}.2"
    image.Modality, image.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.PatientName, image.PatientID = scan.name, f"P{scan.patient}"
    image.PatientBirthDate, image.PatientSex = "19600101", "F"
    image.StudyDate, image.StudyTime = f"202601{scan.number:02}", "101500"
    image.StudyDescription, image.StudyID = "CT chest", str(scan.number)
    image.AccessionNumber, image.ReferringPhysicianName = f"A{scan.number}", "Roe^Richard"
    image.SeriesNumber, image.InstanceNumber = 2, number + 1
    image.Manufacturer, image.ConvolutionKernel = "Scanner", "B60f"
    image.ImagePositionPatient, image.ImageOrientationPatient = position, [1, 0, 0, 0, 1, 0]
    image.PixelSpacing, image.SliceThickness = list(SPACING_MM[1:]), 2.0
    image.RescaleSlope, image.RescaleIntercept, image.RescaleType = 1, -1024, "HU"
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = hu.shape
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
    for keyword, value in scan.attributes.items():
        setattr(image, keyword, value)
    image.PixelData = np.ascontiguousarray(hu + 1024).tobytes()
    image["PixelData"].VR = "OW"
    return image


def _encoded(image: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, image)
    return buffer.getvalue()
