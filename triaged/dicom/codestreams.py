"""What a compressed frame says of its own size, before anything is decoded; knows no files and no decoders."""

from __future__ import annotations

import struct

from pydicom.uid import UID, JPEG2000TransferSyntaxes, JPEGLSTransferSyntaxes, JPEGTransferSyntaxes

_SIZ = b"\xff\x4f\xff\x51"
_HTJ2K = frozenset({"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"})
_MOST_TILES = 4096
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7, 0xDE}
"""JPEG's SOFn, that of JPEG-LS, and DHP, which says the size of a hierarchical image (ITU-T T.81 table B.1)."""
_START_OF_SCAN = 0xDA
_STANDALONE = frozenset({0x01, 0xD8, *range(0xD0, 0xD8)})

Size = tuple[int, int, int]
"""Rows, columns, samples per pixel."""


def announced(frame: bytes, syntax: UID) -> Size | None:
    """Return the size that a frame of this transfer syntax announces; None where its encoding announces none (RLE).

    Raises:
        ValueError: it should announce one and does not.
    """
    if syntax in JPEG2000TransferSyntaxes or syntax in _HTJ2K:
        return _jpeg_2000(frame)
    if syntax in JPEGTransferSyntaxes or syntax in JPEGLSTransferSyntaxes:
        return _jpeg(frame)
    return None


def _jpeg_2000(frame: bytes) -> Size:
    """Return the size in the SIZ marker segment (ITU-T T.800 A.5.1)."""
    at = frame.find(_SIZ)
    if at < 0 or len(frame) < at + 42:
        raise ValueError("expected a JPEG 2000 codestream, found no image size in it")
    wide, high, left, top, tile_wide, tile_high, _, _, samples = struct.unpack(">8LH", frame[at + 8 : at + 42])
    columns, rows = wide - left, high - top
    if rows < 1 or columns < 1 or tile_wide < 1 or tile_high < 1:
        raise ValueError(f"expected an image, found {rows} rows and {columns} columns of JPEG 2000")
    tiles = -(-columns // tile_wide) * -(-rows // tile_high)
    if tiles > _MOST_TILES:
        raise ValueError(f"expected at most {_MOST_TILES} tiles of JPEG 2000, found {tiles}")
    return rows, columns, samples


def _jpeg(frame: bytes) -> Size:
    """Return the size in the frame header; where there are several, all must agree."""
    found: set[Size] = set()
    at = frame.find(b"\xff\xd8")
    while 0 <= at < len(frame) - 3:
        marker = frame[at + 1]
        if frame[at] != 0xFF or marker == _START_OF_SCAN:
            break
        if marker == 0xFF:
            at += 1
            continue
        if marker in _STANDALONE:
            at += 2
            continue
        (length,) = struct.unpack(">H", frame[at + 2 : at + 4])
        if marker in _FRAME_HEADERS and len(frame) >= at + 10:
            rows, columns, samples = struct.unpack(">HHB", frame[at + 5 : at + 10])
            found.add((rows, columns, samples))
        at += 2 + length
    if len(found) != 1:
        raise ValueError(f"expected a JPEG codestream with one image size, found {len(found)}")
    return found.pop()
