"""Reads DICOM files of the spool: headers without pixels, and stored pixel values one frame at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.pixels.utils import iter_pixels

from triaged.dicom.attributes import DAMAGED
from triaged.errors import TryLater, UnreadableStudy
from triaged.study.assessment import ReasonCode
from triaged.study.kinds import DEFLATED


def read_header_only(path: Path) -> Dataset:
    """Return a data set without pixels; `UnreadableStudy` where it is no DICOM file, `TryLater` if the disk fails."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dcmread(path, stop_before_pixels=True)
    except DAMAGED as error:
        _require_disk(path, error)
        raise UnreadableStudy(
            ReasonCode.CORRUPT, f"expected a DICOM file, found {type(error).__name__} in {path.name}"
        ) from error


def stored_frames(path: Path, header: Dataset, indices: Sequence[int] | None = None) -> Iterator[NDArray[np.generic]]:
    """Yield the stored values of frames, of all unless `indices` are given; only a deflated file is whole in memory."""
    try:
        deflated = header.file_meta.get("TransferSyntaxUID") == DEFLATED
        yield from iter_pixels(dcmread(path) if deflated else path, raw=True, indices=indices)
    except BaseException as error:
        # a panic in a decoder written in Rust (pylibjpeg-rle) is no Exception, and would take the worker down
        if not isinstance(error, DAMAGED) and type(error).__name__ != "PanicException":
            raise
        _require_disk(path, error)
        raise undecodable(path, "pixels that can be decoded", f"{type(error).__name__}: {error}") from error


def undecodable(path: Path, expected: str, found: str) -> UnreadableStudy:
    """Return the error that says why the pixels of a file cannot be used."""
    return UnreadableStudy(ReasonCode.UNDECODABLE, f"expected {expected}, found {found} in {path.name}")


def _require_disk(path: Path, error: BaseException) -> None:
    """Tell the operating system's errors, which carry a number, from those that pydicom raises on odd content."""
    if isinstance(error, OSError) and error.errno is not None:
        raise TryLater(f"expected to read {path.name}, found: {error.strerror}") from error
