"""Radiographs of few pixels written with pydicom, whose stored values the tests choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

CR = "1.2.840.10008.5.1.4.1.1.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
RAW = "1.2.840.10008.5.1.4.1.1.1.1.1"
SHAPE = (60, 50)


def ramp(lowest: int = 0, step: int = 1, kind: str = "u2") -> NDArray[Any]:
    """Return stored values that rise along the rows and from row to row, each of 3000 different ones once."""
    return np.asarray(lowest + step * np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE[1], SHAPE[0]).T, dtype=kind)


def image_of(stored: NDArray[Any], **attributes: Any) -> Dataset:
    """Return a radiograph with these stored values; an attribute that is None is left out."""
    bits = 8 * stored.dtype.itemsize
    values = {
        "SOPClassUID": CR,
        "SOPInstanceUID": "1.2.3.1.1",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.1",
        "Modality": "CR",
        "ViewPosition": "PA",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": stored.shape[0],
        "Columns": stored.shape[1],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": None,
        "PixelRepresentation": int(np.issubdtype(stored.dtype, np.signedinteger)),
    }
    values |= attributes
    if values["HighBit"] is None:
        values["HighBit"] = values["BitsStored"] - 1
    image = Dataset()
    for keyword, value in values.items():
        if value is not None:
            setattr(image, keyword, value)
    image.PixelData = np.ascontiguousarray(stored).astype(stored.dtype.newbyteorder("<")).tobytes()
    image["PixelData"].VR = "OB" if bits == 8 else "OW"
    return image


def written(folder: Path, image: Dataset, transfer_syntax_uid: str = ExplicitVRLittleEndian) -> Path:
    """Write an image and return the file."""
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID, image.file_meta.MediaStorageSOPInstanceUID = UID(CR), UID("1.2.3.1.1")
    image.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    path = folder / "image.dcm"
    image.save_as(path, enforce_file_format=True)
    return path


def lookup(first: int, entries: NDArray[Any], bits: int, *, count: int | None = None, vr: str = "US") -> Dataset:
    """Return the item of a lookup table; its descriptor says `count` entries instead of how many there are."""
    item = Dataset()
    number = len(entries) if count is None else count
    item.add_new("LUTDescriptor", vr, [number % 0x10000, first, bits])
    item.add_new("LUTData", "OW", np.asarray(entries, "<u2").tobytes())
    return item
