"""Small CT series written with pydicom, with values and places known from formulas; for tests of any room.

The picture is a body of 40 HU in air of -1000 HU, with one bright voxel at a known place in the patient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian

SPACING_MM = (2.0, 1.5, 1.25)
"""Between slices, rows and columns."""
SHAPE = (10, 16, 20)
AIR_HU, BODY_HU, MARK_HU = -1000, 40, 900
MARK = (3, 5, 7)
"""The (slice, row, column) of the bright voxel in the order of the plane positions."""

ORIENTATIONS: dict[str, tuple[float, ...]] = {
    "HFS": (1, 0, 0, 0, 1, 0),
    "HFP": (-1, 0, 0, 0, -1, 0),
    "HFDR": (0, 1, 0, -1, 0, 0),
    "HFDL": (0, -1, 0, 1, 0, 0),
    "FFS": (-1, 0, 0, 0, 1, 0),
    "FFP": (1, 0, 0, 0, -1, 0),
    "FFDR": (0, 1, 0, 1, 0, 0),
    "FFDL": (0, -1, 0, -1, 0, 0),
}
"""Row and column directions as a scanner writes them for each Patient Position (PS3.3 C.7.3.1.1.2): the image is shown
as the patient lies on the table."""

Change = Callable[[Dataset, int], None]
"""Alters one slice's data set, given its number, before it is written."""


def picture(shape: tuple[int, int, int] = SHAPE) -> NDArray[np.int16]:
    """Return Hounsfield units: an elliptic body in air, and the bright voxel."""
    row, column = np.ogrid[: shape[1], : shape[2]]
    middle = ((row - shape[1] / 2 + 0.5) / (shape[1] / 2.5)) ** 2 + (
        (column - shape[2] / 2 + 0.5) / (shape[2] / 2.5)
    ) ** 2
    hu = np.where(middle <= 1.0, BODY_HU, AIR_HU).astype(np.int16)
    volume = np.repeat(hu[None], shape[0], axis=0)
    volume[MARK] = MARK_HU
    return volume


def position_mm(index: Sequence[float], orientation: Sequence[float] = ORIENTATIONS["HFS"]) -> NDArray[np.float64]:
    """Return the LPS position of a (slice, row, column) index of the generated series."""
    row, column = np.asarray(orientation[:3], dtype=float), np.asarray(orientation[3:], dtype=float)
    origin = np.array([-150.0, -160.0, -300.0])
    return np.asarray(
        origin
        + index[0] * SPACING_MM[0] * np.cross(row, column)
        + index[1] * SPACING_MM[1] * column
        + index[2] * SPACING_MM[2] * row
    )


def ct_slice(number: int, hu: NDArray[np.int16], orientation: Sequence[float] = ORIENTATIONS["HFS"]) -> Dataset:
    """Return a classic CT image as data set: stored values are 16-bit signed, HU + 1024."""
    image = _image(CTImageStorage, f"1.2.3.4.{number + 1}")
    image.InstanceNumber = number + 1
    image.ImageOrientationPatient = [float(v) for v in orientation]
    image.ImagePositionPatient = [float(v) for v in position_mm((number, 0, 0), orientation)]
    image.PixelSpacing = [SPACING_MM[1], SPACING_MM[2]]
    image.SliceThickness = SPACING_MM[0]
    image.RescaleSlope, image.RescaleIntercept = 1, -1024
    _store(image, hu + 1024)
    return image


def set_pixels(image: Dataset, stored: NDArray[np.generic]) -> None:
    """Replace the stored values of a slice."""
    _store(image, stored)


def write_series(
    folder: Path,
    *,
    count: int = SHAPE[0],
    orientation: Sequence[float] = ORIENTATIONS["HFS"],
    change: Change | None = None,
) -> list[Path]:
    """Write a classic series, one file per slice, and return the paths in an order that is no slice order."""
    volume = picture((count, *SHAPE[1:]))
    paths = []
    for number in range(count):
        image = ct_slice(number, volume[number], orientation)
        if change is not None:
            change(image, number)
        paths.append(folder / f"{number:04}.dcm")
        image.save_as(paths[-1], enforce_file_format=True)
    return paths[1::2] + paths[::2][::-1]


def enhanced_ct(
    count: int = SHAPE[0],
    orientation: Sequence[float] = ORIENTATIONS["HFS"],
    order: Sequence[int] | None = None,
) -> Dataset:
    """Return an Enhanced CT image of the same picture; `order` gives the slice that each frame shows."""
    order = list(range(count)) if order is None else list(order)
    image = _image(EnhancedCTImageStorage, "1.2.3.4.99")
    image.NumberOfFrames = count
    shared = Dataset()
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=[float(v) for v in orientation])]
    shared.PixelMeasuresSequence = [_item(PixelSpacing=list(SPACING_MM[1:]), SliceThickness=SPACING_MM[0])]
    shared.PixelValueTransformationSequence = [_item(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")]
    shared.CTReconstructionSequence = [_item(ConvolutionKernel="B60f")]
    image.SharedFunctionalGroupsSequence = [shared]
    image.PerFrameFunctionalGroupsSequence = [
        _item(
            PlanePositionSequence=[
                _item(ImagePositionPatient=[float(v) for v in position_mm((number, 0, 0), orientation)])
            ],
            FrameContentSequence=[_item(StackID="1", InStackPositionNumber=number + 1)],
        )
        for number in order
    ]
    _store(image, picture((count, *SHAPE[1:]))[order] + 1024)
    return image


def _image(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    image.file_meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = sop_class_uid, sop_instance_uid
    image.StudyInstanceUID, image.SeriesInstanceUID = "1.2.3.1", "1.2.3.2"
    image.FrameOfReferenceUID = "1.2.3.3"
    image.Modality = "CT"
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.PatientName, image.PatientID, image.PatientBirthDate = "Phantom^Test", "0", "19700101"
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    return image


def _store(image: Dataset, stored: NDArray[np.generic]) -> None:
    bits = stored.dtype.itemsize * 8
    image.Rows, image.Columns = stored.shape[-2:]
    image.BitsAllocated, image.BitsStored, image.HighBit = bits, bits, bits - 1
    image.PixelRepresentation = int(np.issubdtype(stored.dtype, np.signedinteger))
    image.PixelData = np.ascontiguousarray(stored).tobytes()
    image["PixelData"].VR = "OB" if bits == 8 else "OW"


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item
