"""Reads DICOM files of the spool: headers without pixels, and stored pixel values one frame at a time."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.pixels.utils import iter_pixels

from triaged.dicom.attributes import DAMAGED, attribute, element_of, integer, numbers, text
from triaged.dicom.identity import derived_instance
from triaged.errors import TryLater, UnreadableStudy
from triaged.study.assessment import ReasonCode
from triaged.study.kinds import DEFLATED

_ABOUT_THE_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.EIO)


def read_header_only(path: Path) -> Dataset:
    """Return a data set without pixels, its class and identity completed from the file meta information.

    Raises:
        UnreadableStudy: it is no DICOM file, or the file is gone or cannot be read.
        TryLater: the operating system refuses for a reason that has nothing to do with this file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _with_identity(dcmread(path, stop_before_pixels=True))
    except DAMAGED as error:
        _blame(path, error)
        raise UnreadableStudy(
            ReasonCode.CORRUPT, f"expected a DICOM file, found {type(error).__name__} in {path.name}"
        ) from error


def completed(header: Dataset) -> tuple[str, ...]:
    """Return the keywords of what a header that was read here did not say itself."""
    return tuple(getattr(header, "triaged_completed", ()))


def _with_identity(header: Dataset) -> Dataset:
    """Name class and identity where the data set does not: some anonymisers empty what the file meta still says."""
    absent = {
        keyword: text(attribute(header.file_meta, f"MediaStorage{keyword}"))
        for keyword in ("SOPClassUID", "SOPInstanceUID")
        if text(attribute(header, keyword)) is None
    }
    if "SOPInstanceUID" in absent:
        absent["SOPInstanceUID"] = absent["SOPInstanceUID"] or _derived_instance(header)
    found = {keyword: value for keyword, value in absent.items() if value is not None}
    for keyword, value in found.items():
        header.add(element_of(keyword, value))
    header.triaged_completed = tuple(absent)
    return header


def _derived_instance(header: Dataset) -> str | None:
    study, series = (text(attribute(header, keyword)) or "" for keyword in ("StudyInstanceUID", "SeriesInstanceUID"))
    place = numbers(attribute(header, "ImagePositionPatient"))
    return derived_instance(study, series, integer(attribute(header, "InstanceNumber")), place)


def stored_frames(path: Path, header: Dataset, indices: Sequence[int] | None = None) -> Iterator[NDArray[np.generic]]:
    """Yield the stored values of frames, of all unless `indices` are given; only a deflated file is whole in memory."""
    try:
        deflated = header.file_meta.get("TransferSyntaxUID") == DEFLATED
        yield from iter_pixels(dcmread(path) if deflated else path, raw=True, indices=indices)
    except BaseException as error:
        # a panic in a decoder written in Rust (pylibjpeg-rle) is no Exception, and would take the worker down
        if not isinstance(error, DAMAGED) and type(error).__name__ != "PanicException":
            raise
        _blame(path, error)
        raise undecodable(path, "pixels that can be decoded", f"{type(error).__name__}: {error}") from error


def undecodable(path: Path, expected: str, found: str) -> UnreadableStudy:
    """Return the error that says why the pixels of a file cannot be used."""
    return UnreadableStudy(ReasonCode.UNDECODABLE, f"expected {expected}, found {found} in {path.name}")


def _blame(path: Path, error: BaseException) -> None:
    """Tell the operating system's errors, which carry a number, from those that pydicom raises on odd content.

    Whether a file that is gone was lost, or all files are away with their file system, is for those to see who know it.
    """
    if not isinstance(error, OSError) or error.errno is None:
        return
    words = f"expected to read {path.name}, found: {error.strerror}"
    if error.errno in _ABOUT_THE_FILE:
        raise UnreadableStudy(ReasonCode.FILE_LOST, words) from error
    raise TryLater(words) from error
