"""Reads the headers of DICOM files, within limits of memory; a file is never loaded as a whole."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.filereader import _read_file_meta_info, read_preamble

from triaged.dicom.attributes import DAMAGED, attribute, element_of, integer, numbers, text
from triaged.dicom.header import LONGEST_HEADER as LONGEST_BEGINNING
from triaged.dicom.header import read_header
from triaged.dicom.identity import derived_instance
from triaged.dicom.streams import Bounded, TooMuch, opened
from triaged.errors import TryLater, UnreadableInstance, UnreadableStudy
from triaged.study.assessment import ReasonCode
from triaged.study.records import InstanceHeader

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
LONG = 64 * 1024
_LONG_ONES = frozenset({0x52009229, 0x52009230})
"""Shared and Per-frame Functional Groups Sequence."""
ITEM = b"\xfe\xff\x00\xe0"
_MOST_ITEMS = 200_000
LONGEST_SEQUENCE = 16 * 1024 * 1024

_ABOUT_THE_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.EIO)


def read_header_only(path: Path, *, long_ones: Collection[int] = ()) -> Dataset:
    """Return a data set without pixels, its class and identity completed from the file meta information.

    Values of more than 64 KiB are left out, but those of functional groups and of the tags in `long_ones`.

    Raises:
        UnreadableStudy: it is no DICOM file, or the file is gone or cannot be read.
        TryLater: the operating system refuses for a reason that has nothing to do with this file.
    """
    with blaming(path), closing(opened(path)) as stream:
        return _with_identity(_lightened(whole_header(stream), long_ones))


@contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Read a file without warnings, and say of what it raises whom it is about."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except TooMuch as error:
        raise UnreadableStudy(ReasonCode.TOO_LARGE, f"{error} in {path.name}") from None
    except DAMAGED as error:
        blame(path, error)
        raise UnreadableStudy(
            ReasonCode.CORRUPT, f"expected a DICOM file, found {type(error).__name__} in {path.name}"
        ) from error


def read_image_header(path: Path) -> InstanceHeader:
    """Return of a file what is kept of an instance when it arrives.

    Raises:
        UnreadableStudy, TryLater: as `read_header_only`.
    """
    try:
        with blaming(path):
            with closing(opened(path)) as stream:
                read_preamble(stream, force=False)
                meta = _read_file_meta_info(stream)
                content = stream.read(LONGEST_BEGINNING)
            sop_class_uid, sop_instance_uid = (
                text(attribute(meta, f"MediaStorage{keyword}")) or "" for keyword in ("SOPClassUID", "SOPInstanceUID")
            )
            return read_header(
                content, transfer_syntax_uid="", sop_class_uid=sop_class_uid, sop_instance_uid=sop_instance_uid
            ).image
    except UnreadableInstance as error:
        raise UnreadableStudy(ReasonCode.CORRUPT, f"{error} in {path.name}") from None


def whole_header(stream: BinaryIO) -> Dataset:
    """Return all that is before the pixels, which the stream stands at then; `TooMuch` where that has no end."""
    bounded = Bounded(stream)
    try:
        header = dcmread(bounded, stop_before_pixels=True)
        if "StudyInstanceUID" not in header:  # a sender that writes elements out of order
            bounded.seek(0)
            header = dcmread(bounded)
            for keyword in _PIXELS:
                header.pop(keyword, None)
        return header
    except DAMAGED:
        if bounded.exceeded:
            raise TooMuch(bounded.exceeded) from None
        raise


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


def _lightened(header: Dataset, long_ones: Collection[int]) -> Dataset:
    """Drop long values that nobody looks at, and refuse sequences that would not fit once they are unfolded."""
    for tag, element in list(header._dict.items()):
        value = element.value
        if not isinstance(element, RawDataElement) or not isinstance(value, bytes) or len(value) <= LONG:
            continue
        if element.tag in long_ones and len(value) <= LONGEST_SEQUENCE:
            continue
        if element.tag not in _LONG_ONES:
            del header[tag]
        else:
            demand_few(value)
    return header


def demand_few(value: bytes) -> None:
    """Refuse a sequence that would not fit once it is unfolded."""
    if len(value) > LONGEST_SEQUENCE or value.count(ITEM) > _MOST_ITEMS:
        raise TooMuch(f"expected a sequence of at most {_MOST_ITEMS} items, found {len(value)} bytes")


def blame(path: Path, error: BaseException) -> None:
    """Tell the operating system's errors, which carry a number, from those that pydicom raises on odd content.

    Whether a file that is gone was lost, or all files are away with their file system, is for those to see who know it.
    """
    if not isinstance(error, OSError) or error.errno is None:
        return
    words = f"expected to read {path.name}, found: {error.strerror}"
    if error.errno in _ABOUT_THE_FILE:
        raise UnreadableStudy(ReasonCode.FILE_LOST, words) from error
    raise TryLater(words) from error
