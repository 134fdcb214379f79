"""Reads whole headers, long values too, and finds the pixels behind them; knows no meaning of any attribute.

Most files are explicit VR little endian with a short header: that is read in one piece. Every other file goes the way
of pydicom's own reader, which also says what is wrong with it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import data_element_generator
from pydicom.tag import BaseTag

from triaged.dicom.attributes import DAMAGED
from triaged.dicom.files import ITEM, LONG, blaming, demand_few, whole_header
from triaged.dicom.streams import opened
from triaged.study.kinds import DEFLATED, IMPLICIT

_FIRST_PIECE: Final = 128 * 1024
_PIXEL_DATA: Final = 0x7FE00010
_PIXEL_TAGS: Final = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")
_BIG: Final = "1.2.840.10008.1.2.2"
_ENCODED_OTHERWISE: Final = frozenset({IMPLICIT, _BIG, DEFLATED, ""})
_STUDY_INSTANCE_UID: Final = 0x0020000D
_MAY_BE_SEQUENCES: Final = (None, "SQ", "UN")


@dataclass(frozen=True, slots=True)
class LongHeader:
    """A data set without pixels; `pixels_at` is where the element of the pixels begins, of a deflated file as if it
    were not, and `pixels_vr` its representation. Both are empty where there are none."""

    dataset: Dataset
    transfer_syntax_uid: str
    pixels_vr: str = ""
    pixels_at: int = 0


def read_long_header(path: Path) -> LongHeader:
    """Return the header of a file.

    Raises:
        UnreadableStudy: it is no DICOM file, or the file is gone or cannot be read.
        TryLater: the operating system refuses for a reason that has nothing to do with this file.
    """
    with blaming(path):
        return _short(path) or _any(path)


def _any(path: Path) -> LongHeader:
    with closing(opened(path)) as stream:
        dataset = whole_header(stream)
        at = stream.tell()
        start = stream.read(8)
    for element in dataset._dict.values():
        if isinstance(element, RawDataElement) and element.VR in _MAY_BE_SEQUENCES:
            value = element.value or b""
            if len(value) > LONG and value[:4] == ITEM:
                demand_few(value)
    return _found(dataset, str(dataset.file_meta.get("TransferSyntaxUID", "")), at, start)


def _short(path: Path) -> LongHeader | None:
    """Return a header that the first piece of the file holds whole; None where it does not, or is anything unusual."""
    with path.open("rb") as file:
        piece = file.read(_FIRST_PIECE)
    meta_end = _end_of_meta(piece)
    syntax = _syntax(piece[:meta_end])
    if syntax in _ENCODED_OTHERWISE:
        return None
    stream = BytesIO(piece)
    stream.seek(meta_end)
    stopped = False

    def is_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        nonlocal stopped
        stopped = int(tag) >= _PIXEL_DATA
        return stopped

    found: dict[BaseTag, DataElement | RawDataElement] = {}
    try:
        for element in data_element_generator(stream, False, True, stop_when=is_pixels):
            found[element.tag] = element
    except DAMAGED:
        return None
    if (not stopped and len(piece) == _FIRST_PIECE) or _STUDY_INSTANCE_UID not in found:
        return None
    at = stream.tell()
    return _found(Dataset(found), syntax, at, piece[at : at + 8])


def _found(dataset: Dataset, syntax: str, at: int, start: bytes) -> LongHeader:
    if start[:4] not in _PIXEL_TAGS:
        return LongHeader(dataset, syntax)
    vr = start[4:6].decode("latin-1")
    return LongHeader(dataset, syntax, vr if vr in ("OB", "OW") else "OW", at)


def _end_of_meta(piece: bytes) -> int:
    """Return where the data set begins, by the group length (0002,0000) UL; 0 where there is none (PS3.10 7.1)."""
    if piece[128:140] != b"DICM\x02\x00\x00\x00UL\x04\x00":
        return 0
    return 144 + int.from_bytes(piece[140:144], "little")


def _syntax(meta: bytes) -> str:
    """Return the Transfer Syntax UID (0002,0010); empty where it cannot be seen at once."""
    at = meta.find(b"\x02\x00\x10\x00UI", 144)
    if at < 0:
        return ""
    length = int.from_bytes(meta[at + 6 : at + 8], "little")
    return meta[at + 8 : at + 8 + length].decode("latin-1").strip(" \0")
