"""Tells, of a DICOM file that arrives piece by piece, what its file meta information says (PS3.10 7.1).

Knows no sockets and no files: pieces come from whoever receives them, and what was read too far is given back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain
from typing import Final

from pydicom.filereader import _read_file_meta_info

from triaged.dicom.attributes import DAMAGED
from triaged.dicom.part10 import FileMeta, meta_of
from triaged.dicom.quiet import without_warnings
from triaged.errors import UnreadableInstance

_PREAMBLE: Final = 132
_LONGEST_META: Final = 64 * 1024
"""Real ones have a few hundred bytes; a private one may have more."""
_FIRST_LOOK: Final = 4096


def opened(content: Iterable[bytes]) -> tuple[FileMeta, Iterator[bytes]]:
    """Return what is in front of a data set, and the data set's bytes; `UnreadableInstance` where it is no file."""
    pieces = iter(content)
    begun = bytearray()
    for piece in pieces:
        begun += piece
        if len(begun) >= _FIRST_LOOK:
            break
    if begun[128:_PREAMBLE] != b"DICM":
        raise UnreadableInstance("expected a DICOM file, found something else")
    while _end_of_meta(begun) > len(begun) and len(begun) < _LONGEST_META:
        piece = next(pieces, b"")
        if not piece:
            break
        begun += piece
    stream = BytesIO(begun[:_LONGEST_META])
    stream.seek(_PREAMBLE)
    try:
        with without_warnings():
            meta = meta_of(_read_file_meta_info(stream))
    except DAMAGED as error:
        raise UnreadableInstance(f"expected file meta information, found {type(error).__name__}") from None
    return meta, chain([bytes(begun[stream.tell() :])], pieces)


def _end_of_meta(begun: bytearray) -> int:
    """Return where the data set begins, by the group length (0002,0000) UL; where the first look ends without one."""
    if begun[132:140] != b"\x02\x00\x00\x00UL\x04\x00":
        return min(len(begun), _FIRST_LOOK)
    return 144 + int.from_bytes(begun[140:144], "little")
