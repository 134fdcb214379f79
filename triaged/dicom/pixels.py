"""Stored pixel values of DICOM files, one frame at a time, each judged by its size before anything is decoded.

Decoders allocate what a codestream announces, and a few bytes announce 8 GB: what it says has to be what the header
says, and that has to be the size of a frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames, get_frame, parse_fragments
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID

from triaged.dicom.attributes import DAMAGED, attribute, integer
from triaged.dicom.codestreams import announced
from triaged.dicom.files import blame
from triaged.dicom.streams import TooMuch, opened
from triaged.errors import UnreadableStudy
from triaged.study.assessment import ReasonCode

MOST_PIXELS: Final = 4096 * 4096
"""Of one frame."""
_PIXEL_DATA_HEADER = 12  # tag, VR, two reserved bytes and length: encapsulated pixels are always explicit VR
_SLACK = 1024 * 1024
_WORKING_COPIES = 12
"""How often a decoder may hold a frame at once: JPEG 2000 takes 6 times as much, in 32 bits and several copies."""
_WORKING_SPACE = 16 * 1024 * 1024


def stored_frames(
    path: Path,
    header: Dataset,
    indices: Sequence[int] | None = None,
    *,
    most_pixels: int = MOST_PIXELS,
    every_bit: bool = False,
) -> Iterator[NDArray[np.generic]]:
    """Yield the stored values of frames, of all unless `indices` are given; one frame at a time is in memory.

    A frame has `most_pixels` at most. With `every_bit`, bits of pixels that are not compressed are left as they are,
    also those beyond Bits Stored.

    Raises:
        MemoryError: there is too little memory to begin.
        UnreadableStudy: they cannot be decoded, or are larger than a frame is, or than their header says.
        TryLater: the disk fails.
    """
    try:
        _judge(path, header, indices, most_pixels)
        options = _unsaid(header) | ({"correct_unused_bits": False} if every_bit else {})
        with closing(opened(path)) as stream:
            yield from iter_pixels(stream, raw=True, indices=indices, **options)
    except TooMuch as error:
        raise UnreadableStudy(ReasonCode.TOO_LARGE, f"{error} in {path.name}") from None
    except BaseException as error:
        # a panic in a decoder written in Rust (pylibjpeg-rle) is no Exception, and would take the worker down
        if not isinstance(error, DAMAGED) and type(error).__name__ != "PanicException":
            raise
        blame(path, error)
        raise undecodable(path, "pixels that can be decoded", f"{type(error).__name__}: {error}") from error


def _unsaid(header: Dataset) -> dict[str, Any]:
    """Return what a header of one sample leaves out though there is only one thing that it can be."""
    bits = integer(attribute(header, "BitsAllocated"))
    only = {
        "SamplesPerPixel": ("samples_per_pixel", 1),
        "PhotometricInterpretation": ("photometric_interpretation", "MONOCHROME2"),
        "BitsStored": ("bits_stored", bits),
    }
    absent = {option: value for keyword, (option, value) in only.items() if attribute(header, keyword) is None}
    return {option: value for option, value in absent.items() if value is not None}


def undecodable(path: Path, expected: str, found: str) -> UnreadableStudy:
    """Return the error that says why the pixels of a file cannot be used."""
    return UnreadableStudy(ReasonCode.UNDECODABLE, f"expected {expected}, found {found} in {path.name}")


def native_length(path: Path) -> int | None:
    """Return how many bytes of pixels a file announces; None where they are compressed, or there are none.

    Raises:
        UnreadableStudy, TryLater: as `stored_frames`.
    """
    try:
        with closing(opened(path)) as stream:
            header = dcmread(stream, stop_before_pixels=True, specific_tags=["Rows"])
            start = stream.read(_PIXEL_DATA_HEADER)
        syntax = UID(str(header.file_meta.get("TransferSyntaxUID", "")))
        if syntax.is_encapsulated or len(start) < _PIXEL_DATA_HEADER:
            return None
        order: Literal["little", "big"] = "little" if syntax.is_little_endian else "big"
        return int.from_bytes(start[4:8] if syntax.is_implicit_VR else start[8:12], order)
    except TooMuch as error:
        raise UnreadableStudy(ReasonCode.TOO_LARGE, f"{error} in {path.name}") from None
    except DAMAGED as error:
        blame(path, error)
        raise undecodable(path, "pixels after a header", type(error).__name__) from error


def _judge(path: Path, header: Dataset, indices: Sequence[int] | None, most_pixels: int) -> None:
    rows, columns, samples, bits = (
        integer(attribute(header, keyword)) or 0 for keyword in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    )
    size = rows, columns, max(samples, 1)
    pixels = rows * columns * size[2]
    if pixels > most_pixels:
        raise TooMuch(f"expected frames of at most {most_pixels} pixels, found {size}")
    if bits > 64:
        raise undecodable(path, "at most 64 bits allocated", str(bits))
    syntax = UID(str(header.file_meta.get("TransferSyntaxUID", "")))
    if not syntax.is_transfer_syntax:
        raise undecodable(path, "a transfer syntax of the standard", str(syntax) or "none")
    if syntax.is_encapsulated:
        _demand_memory(pixels * max(bits, 8) // 8)
        for frame in _encapsulated(path, header, pixels * max(bits, 8) // 8, indices):
            found = announced(frame, syntax)
            if found not in (None, size):
                raise undecodable(path, f"frames of {size} rows, columns and samples", f"{found} in a codestream")


def _demand_memory(raw: int) -> None:
    """Raise MemoryError where a decoder could not allocate what it may need, which is let go again untouched.

    Decoders say of a want of memory that the frame is damaged, and pylibjpeg-rle ends the process.
    """
    np.empty(_WORKING_COPIES * raw + _WORKING_SPACE, np.uint8)


def _encapsulated(path: Path, header: Dataset, raw: int, indices: Sequence[int] | None) -> Iterator[bytes]:
    """Yield the codestreams of the frames that will be decoded."""
    count = max(1, integer(attribute(header, "NumberOfFrames")) or 1)
    with path.open("rb") as stream:
        dcmread(stream, stop_before_pixels=True, specific_tags=["Rows"])
        stream.seek(_PIXEL_DATA_HEADER, 1)
        _demand_short_fragments(path, stream, raw)
        if indices is None:
            yield from generate_frames(stream, number_of_frames=count)
        else:
            for index in indices:
                begin = stream.tell()
                yield get_frame(stream, index, number_of_frames=count)
                stream.seek(begin)


def _demand_short_fragments(path: Path, stream: BinaryIO, raw: int) -> None:
    """Refuse fragments that are much longer than what they decode to; none is read."""
    begin = stream.tell()
    stream.seek(0, 2)
    end = stream.tell()
    stream.seek(begin)
    longest = 2 * raw + _SLACK
    if end - begin <= longest:
        return
    _, offsets = parse_fragments(stream)
    stream.seek(begin)
    if max(after - before for before, after in zip(offsets, [*offsets[1:], end], strict=True)) > longest:
        raise undecodable(path, f"frames of at most {longest} bytes", "a longer one")
