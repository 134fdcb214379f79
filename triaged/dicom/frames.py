"""Where the frames of a file lie, and their bytes as they are stored or decoded; one frame at a time is in memory.

Knows the encodings of pixels (PS3.5 section 8 and A.4), and no meaning of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.uid import UID

from triaged.dicom.attributes import DAMAGED, attribute, integer, text
from triaged.dicom.files import blame
from triaged.dicom.long_headers import LongHeader
from triaged.dicom.pixels import stored_frames, undecodable
from triaged.dicom.streams import TooMuch, opened
from triaged.errors import UnreadableStudy
from triaged.study.assessment import ReasonCode
from triaged.study.kinds import DEFLATED

MOST_PIXELS_OF_A_FRAME: Final = 128 * 1024 * 1024
LONGEST_FRAME: Final = 512 * 1024 * 1024
_EXPLICIT_HEADER, _IMPLICIT_HEADER = 12, 8


@dataclass(frozen=True, slots=True)
class FrameLayout:
    """How the pixels of a file are stored: where they begin, how many frames there are, and the bits of a native one.

    `is_swapped` tells of words with the high byte first.
    """

    transfer_syntax_uid: str
    begin: int
    frames: int
    frame_bits: int
    is_encapsulated: bool
    is_swapped: bool = False


def layout_of(path: Path, header: LongHeader) -> FrameLayout | None:
    """Return how the pixels behind a header are stored, None where there are none; `UnreadableStudy` for no size."""
    if not header.pixels_vr:
        return None
    syntax, dataset = UID(header.transfer_syntax_uid), header.dataset
    rows, columns, bits = (integer(attribute(dataset, each)) or 0 for each in ("Rows", "Columns", "BitsAllocated"))
    samples = (integer(attribute(dataset, each)) for each in ("SamplesPerPixel", "NumberOfFrames"))
    per_pixel, frames = (max(1, each or 1) for each in samples)
    frame_bits = rows * columns * per_pixel * bits
    if text(attribute(dataset, "PhotometricInterpretation")) == "YBR_FULL_422" and not syntax.is_compressed:
        frame_bits = frame_bits * 2 // 3
    if not 0 < frame_bits <= 8 * LONGEST_FRAME:
        raise undecodable(path, "frames with a size", f"{rows} rows, {columns} columns, {bits} bits")
    return FrameLayout(
        str(syntax),
        header.pixels_at + (_IMPLICIT_HEADER if syntax.is_implicit_VR else _EXPLICIT_HEADER),
        frames,
        frame_bits,
        syntax.is_encapsulated,
        not syntax.is_little_endian and bits == 16,
    )


def stored_frame(path: Path, layout: FrameLayout, index: int) -> bytes:
    """Return the bytes of one frame, from 0, as they are stored; native words with the low byte first.

    Raises:
        UnreadableStudy: the file ends before the frame does, or is gone.
        TryLater: the disk fails.
    """
    try:
        with closing(_opened(path, layout)) as stream:
            stream.seek(layout.begin)
            if layout.is_encapsulated:
                return get_frame(stream, index, number_of_frames=layout.frames)
            return _native(path, stream, layout, index)
    except TooMuch as error:
        raise UnreadableStudy(ReasonCode.TOO_LARGE, f"{error} in {path.name}") from None
    except DAMAGED as error:
        blame(path, error)
        raise undecodable(path, f"a frame {index + 1}", type(error).__name__) from error


def decoded_frames(path: Path, header: Dataset, indices: Sequence[int] | None = None) -> Iterator[bytes]:
    """Yield frames, all of them unless `indices` are given, decoded: samples side by side, low byte first.

    Raises:
        UnreadableStudy, TryLater: as `stored_frames`.
    """
    for frame in stored_frames(path, header, indices, most_pixels=MOST_PIXELS_OF_A_FRAME):
        yield np.ascontiguousarray(frame.astype(frame.dtype.newbyteorder("<"), copy=False)).tobytes()


def _opened(path: Path, layout: FrameLayout) -> BinaryIO:
    return opened(path) if layout.transfer_syntax_uid == DEFLATED else path.open("rb")


def _native(path: Path, stream: BinaryIO, layout: FrameLayout, index: int) -> bytes:
    """Read one frame; of single bits, frames follow each other without a gap, and one begins within a byte."""
    first, last = index * layout.frame_bits, (index + 1) * layout.frame_bits
    stream.seek(layout.begin + first // 8)
    content = _exactly(stream, -(-last // 8) - first // 8)
    if content is None:
        raise undecodable(path, f"{layout.frames} frames", f"fewer than {index + 1}")
    if layout.is_swapped:
        return np.frombuffer(content, ">u2").astype("<u2").tobytes()
    if first % 8 == 0 and last % 8 == 0:
        return content
    bits = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")[first % 8 :][: layout.frame_bits]
    return np.packbits(bits, bitorder="little").tobytes()


def _exactly(stream: BinaryIO, size: int) -> bytes | None:
    """Read so many bytes, piece by piece, as a deflated file gives them; None where there are fewer."""
    content = bytearray()
    while len(content) < size:
        piece = stream.read(min(size - len(content), 16 * 1024 * 1024))
        if not piece:
            return None
        content += piece
    return bytes(content)
