"""Tells whether two files hold the same image in two transfer syntaxes; knows no spool and no study.

`python -m triaged.dicom.sameness ONE OTHER` ends with 0 where they do: decoders are other people's C and Rust, which a
receiver keeps out of its own process. Whatever cannot be read is not the same.
"""

from __future__ import annotations

import resource
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Final

import numpy as np
from pydicom import Dataset
from pydicom.dataelem import DataElement

from triaged.dicom.attributes import DAMAGED, attribute, integer
from triaged.dicom.files import read_header_only
from triaged.dicom.pixels import stored_frames
from triaged.dicom.quiet import without_warnings
from triaged.errors import TryLater, UnreadableStudy

MOST_PIXELS: Final = 64 * 1024 * 1024
"""Of all frames together: what decodes within seconds. Beyond it, another syntax is other content."""
_MOST_MEMORY: Final = 1024 * 1024 * 1024
_CHANGED_BY_SYNTAX = frozenset(
    {
        0x00280006,  # Planar Configuration
        0x7FE00001,  # Extended Offset Table, and its lengths
        0x7FE00002,
        0x7FE00010,  # Pixel Data
        0xFFFCFFFC,  # Data Set Trailing Padding
    }
)


_BINARY: Mapping[str, str] = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}


@without_warnings()
def same_image(one: Path, other: Path) -> bool:
    """Tell whether two files have the same attributes, but for those that a syntax changes, and the same pixels."""
    try:
        first, second = read_header_only(one), read_header_only(other)
        rows, columns, frames = (integer(attribute(first, each)) or 1 for each in ("Rows", "Columns", "NumberOfFrames"))
        if rows * columns * frames > MOST_PIXELS or not _same_values(first, second):
            return False
        frames_of_both = zip_longest(stored_frames(one, first), stored_frames(other, second))
        return all(a is not None and b is not None and np.array_equal(a, b) for a, b in frames_of_both)
    except (*DAMAGED, UnreadableStudy, TryLater, MemoryError):
        return False


def _same_values(one: Dataset, other: Dataset) -> bool:
    """Compare element by element, as bytes where one of them does not say its representation."""
    pairs = zip_longest(_told(one), _told(other))
    return all(a is not None and b is not None and a.tag == b.tag and _equal(a, b) for a, b in pairs)


def _told(dataset: Dataset) -> Iterator[DataElement]:
    for element in dataset:
        if element.tag not in _CHANGED_BY_SYNTAX and element.tag.element != 0:  # 0: a retired group length
            yield element


def _equal(one: DataElement, other: DataElement) -> bool:
    if one.VR == "SQ" and other.VR == "SQ":
        items = zip_longest(one.value or (), other.value or ())
        return all(a is not None and b is not None and _same_values(a, b) for a, b in items)
    if one.VR != other.VR and "UN" in (one.VR, other.VR):
        return _raw(one) == _raw(other)
    return bool(one.value == other.value) or (one.is_empty and other.is_empty)


def _raw(element: DataElement) -> bytes:
    """Return a private value, which implicit VR leaves without a representation, as bytes without padding."""
    value = element.value
    if isinstance(value, bytes):
        return value.rstrip(b" \0")
    parts = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if element.VR in _BINARY:
        return b"".join(struct.pack(f"<{_BINARY[element.VR]}", part) for part in parts).rstrip(b" \0")
    return "\\".join(str(part) for part in parts).encode("latin-1", "replace").rstrip(b" \0")


if __name__ == "__main__":
    _, allowed = resource.getrlimit(resource.RLIMIT_DATA)
    most = _MOST_MEMORY if allowed == resource.RLIM_INFINITY else min(_MOST_MEMORY, allowed)
    resource.setrlimit(resource.RLIMIT_DATA, (most, allowed))
    sys.exit(0 if same_image(Path(sys.argv[1]), Path(sys.argv[2])) else 1)
