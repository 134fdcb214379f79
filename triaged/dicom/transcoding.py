"""Whole files in explicit VR little endian, whatever they are stored in; knows no web and no store.

A file that is decoded is in memory as a whole: what would take too much is refused, and can be had as it is stored.
"""

from __future__ import annotations

import warnings
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

from triaged.dicom.attributes import DAMAGED, attribute, integer
from triaged.dicom.files import blame, read_header_only
from triaged.dicom.frames import decoded_frames
from triaged.dicom.pixels import undecodable
from triaged.dicom.streams import TooMuch, opened
from triaged.errors import UnreadableStudy
from triaged.study.assessment import ReasonCode

MOST_BYTES: Final = 256 * 1024 * 1024
"""Of the decoded pixels of one file, and of a file that is written anew."""
_AFTER_DECODING: Final = {"YBR_FULL_422": "YBR_FULL", "YBR_RCT": "RGB", "YBR_ICT": "RGB"}


def as_explicit(path: Path) -> bytes:
    """Return a file in explicit VR little endian, its pixels decoded.

    Raises:
        UnreadableStudy: it is damaged, cannot be decoded, or would take too much memory.
        TryLater: the disk fails.
    """
    header = read_header_only(path)
    demanded = ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated")
    rows, columns, frames, samples, bits = (integer(attribute(header, each)) or 1 for each in demanded)
    size = rows * columns * frames * samples * max(bits, 8) // 8
    if max(size, path.stat().st_size) > MOST_BYTES:
        raise UnreadableStudy(ReasonCode.TOO_LARGE, f"expected at most {MOST_BYTES} bytes to decode in {path.name}")
    try:
        with warnings.catch_warnings(), closing(BytesIO()) as written:
            warnings.simplefilter("ignore")
            dcmwrite(written, _plain(path, header), enforce_file_format=True)
            return written.getvalue()
    except TooMuch as error:
        raise UnreadableStudy(ReasonCode.TOO_LARGE, f"{error} in {path.name}") from None
    except DAMAGED as error:
        blame(path, error)
        raise undecodable(path, "a file that can be decoded", type(error).__name__) from error


def _plain(path: Path, header: Dataset) -> Dataset:
    """Return a data set whose pixels are native, low byte first."""
    syntax = UID(str(header.file_meta.get("TransferSyntaxUID", "")))
    if syntax.is_encapsulated:
        dataset = dcmread(path, stop_before_pixels=True)
        _add_pixels(dataset, b"".join(decoded_frames(path, header)))
    else:
        with closing(opened(path, MOST_BYTES)) as stream:
            dataset = dcmread(stream)
        if not syntax.is_little_endian and "PixelData" in dataset and dataset.get("BitsAllocated") == 16:
            dataset.PixelData = np.frombuffer(dataset.PixelData, ">u2").astype("<u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _add_pixels(dataset: Dataset, pixels: bytes) -> None:
    """Put decoded pixels into a data set, and say how they are now (PS3.5 section 8.2)."""
    dataset.add_new("PixelData", "OB" if dataset.BitsAllocated <= 8 else "OW", pixels + b"\0" * (len(pixels) % 2))
    if (integer(attribute(dataset, "SamplesPerPixel")) or 1) > 1:
        dataset.PlanarConfiguration = 0
    said = str(dataset.get("PhotometricInterpretation", ""))
    if said in _AFTER_DECODING:
        dataset.PhotometricInterpretation = _AFTER_DECODING[said]
