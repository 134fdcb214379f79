"""CT images on disk with an analytic chest in them, in any direction of the slices; written with pydicom alone.

The patient is described in LPS millimetres, and every tissue has a value of its own, so that whoever reads the images
finds the regions again by their values alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage

from tests.dicom.factory import set_pixels
from tests.results.ct_study import encoded

SHAPE, SPACING_MM = (28, 56, 72), (7.5, 4.25, 4.75)
CENTRE_MM = np.array((11.0, -137.0, -205.0))
AIR_HU, BODY_HU, RIGHT_HU, LEFT_HU, LESION_HU, CORE_HU = -1000, 40, -850, -800, -500, -100

Vector = NDArray[np.float64]


class Scan:
    """Slices in these directions: of growing column index, of growing row index, and of the slices' order."""

    def __init__(self, columns: Sequence[float], rows: Sequence[float], *, feet_first: bool = False) -> None:
        self.columns, self.rows = np.asarray(columns, float), np.asarray(rows, float)
        normal = np.cross(self.columns, self.rows)
        self.steps = np.stack([normal * SPACING_MM[0], self.rows * SPACING_MM[1], self.columns * SPACING_MM[2]])
        self.first = CENTRE_MM - ((np.array(SHAPE) - 1) / 2.0) @ self.steps
        self.position = "FFS" if feet_first else "HFS"

    def origin(self, index: int) -> list[float]:
        """Return Image Position (Patient) of a slice."""
        return [round(float(value), 6) for value in self.first + index * self.steps[0]]

    def hounsfield(self) -> NDArray[np.int16]:
        """Return the chest's values (slice, row, column)."""
        index = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1)
        x, y, z = np.moveaxis(index @ self.steps + self.first - CENTRE_MM, -1, 0)
        hu = np.full(SHAPE, AIR_HU, np.int16)
        hu[(x / 160.0) ** 2 + (y / 110.0) ** 2 < 1.0] = BODY_HU
        hu[((x + 74.0) / 56.0) ** 2 + (y / 78.0) ** 2 + (z / 96.0) ** 2 < 1.0] = RIGHT_HU
        hu[((x - 74.0) / 50.0) ** 2 + (y / 78.0) ** 2 + (z / 90.0) ** 2 < 1.0] = LEFT_HU
        hu[((x + 70.0) ** 2 + (y - 36.0) ** 2 + (z + 42.0) ** 2 < 30.0**2) & (hu == RIGHT_HU)] = LESION_HU
        hu[((x + 66.0) ** 2 + (y - 38.0) ** 2 + (z + 40.0) ** 2 < 14.0**2) & (hu == LESION_HU)] = CORE_HU
        return hu


def write_classic(scan: Scan, folder: Path) -> list[Path]:
    """Write one file per slice."""
    folder.mkdir(parents=True, exist_ok=True)
    hu, paths = scan.hounsfield(), []
    for index in range(SHAPE[0]):
        image = _image(CTImageStorage, f"1.2.3.4.{index + 1}")
        image.InstanceNumber, image.PatientPosition = index + 1, scan.position
        image.ImagePositionPatient = scan.origin(index)
        image.ImageOrientationPatient = _cosines(scan)
        image.PixelSpacing, image.SliceThickness = list(SPACING_MM[1:]), SPACING_MM[0]
        image.RescaleIntercept, image.RescaleSlope = -1024, 1
        set_pixels(image, hu[index] + 1024)
        paths.append(folder / f"{index:03d}.dcm")
        paths[-1].write_bytes(encoded(image))
    return paths


def write_enhanced(scan: Scan, folder: Path) -> list[Path]:
    """Write one Enhanced CT image whose frames stand in no order of place."""
    folder.mkdir(parents=True, exist_ok=True)
    order = [*range(1, SHAPE[0], 2), *range(0, SHAPE[0], 2)]
    image = _image(EnhancedCTImageStorage, "1.2.3.4.99")
    image.InstanceNumber, image.NumberOfFrames = 1, len(order)
    shared = Dataset()
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=_cosines(scan))]
    shared.PixelMeasuresSequence = [_item(PixelSpacing=list(SPACING_MM[1:]), SliceThickness=SPACING_MM[0])]
    shared.PixelValueTransformationSequence = [_item(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")]
    image.SharedFunctionalGroupsSequence = [shared]
    image.PerFrameFunctionalGroupsSequence = [
        _item(PlanePositionSequence=[_item(ImagePositionPatient=scan.origin(index))]) for index in order
    ]
    set_pixels(image, scan.hounsfield()[order] + 1024)
    path = folder / "enhanced.dcm"
    path.write_bytes(encoded(image))
    return [path]


def _cosines(scan: Scan) -> list[float]:
    return [round(float(value), 8) for value in (*scan.columns, *scan.rows)]


def _image(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = sop_class_uid, sop_instance_uid
    image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = "1.2.3.1", "1.2.3.2", "1.2.3.3"
    image.Modality, image.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.PatientName, image.PatientID, image.PatientBirthDate = "Phantom^Test", "0", "19700101"
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    return image


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item
