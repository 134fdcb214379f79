"""Lookup tables and windows of a header (PS3.3 C.11.1 and C.11.2), applied to values; knows no pixels and no files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from triaged.dicom.attributes import attribute, items, number, numbers, text
from triaged.errors import UnreadableStudy
from triaged.study.assessment import ReasonCode

Values = NDArray[np.float64]
Transform = Callable[[Values], Values]
"""Values to values, each by itself."""

LUT_SEQUENCES: Final = frozenset({0x00283000, 0x00283010})
"""Modality and VOI LUT Sequence: longer than what else a header holds."""
MOST_SLOPE, MOST_INTERCEPT = 1e6, 1e9
_ENTRIES = 65536
_NARROW_MAX: Final = 4095
"""Some makers write 16 bits of an entry where they use 10 or 12: nobody shows an image at a sixteenth of full light."""


class DamagedTable(ValueError):
    """A lookup table or window that cannot be applied; its text says what was expected and found."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A lookup table: `entries[0]` is for `first` and all below, the last one for all above; `top` is full light."""

    first: int
    entries: Values
    top: float

    def __call__(self, values: Values) -> Values:
        """Return the entry of each value."""
        index = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1).astype(np.intp)
        return np.asarray(self.entries[index])


def table_of(item: Dataset, *, is_signed: bool) -> Table:
    """Return the table in an item of a LUT sequence; `is_signed`: whether values that go in may be negative.

    Raises:
        DamagedTable: its descriptor or its data are not there, or do not fit each other.
    """
    descriptor = numbers(attribute(item, "LUTDescriptor"))
    if len(descriptor) != 3:
        raise DamagedTable(f"expected 3 numbers in LUT Descriptor, found {len(descriptor)}")
    count, first, bits = (int(value) & 0xFFFF for value in descriptor)
    count, bits = count or _ENTRIES, bits & 0xFF
    if is_signed and first > 0x7FFF:
        first -= 0x10000
    if not 8 <= bits <= 16:
        raise DamagedTable(f"expected 8 to 16 bits in an entry of a lookup table, found {bits}")
    entries = _entries(attribute(item, "LUTData"), count, bits, is_little_endian=_is_little_endian(item))
    highest = int(entries.max())
    if highest == int(entries.min()):
        raise DamagedTable("expected a lookup table of several values, found one")
    if highest >= 2**bits:
        bits = highest.bit_length()
    elif bits == 16 and highest <= _NARROW_MAX:
        bits = max(8, highest.bit_length())
    return Table(first, entries.astype(np.float64), float(2**bits - 1))


def modality_transform(header: Dataset, *, is_signed: bool) -> tuple[Transform, bool]:
    """Return what makes values of a modality of stored ones, and whether there may be negative ones among them.

    Raises:
        UnreadableStudy: it is damaged. Without it nothing is known of the values, not even which way they rise.
    """
    tables = items(header, "ModalityLUTSequence")
    if tables:
        try:
            return table_of(tables[0], is_signed=is_signed), False
        except DamagedTable as damage:
            raise UnreadableStudy(ReasonCode.CORRUPT, f"{damage}, in the Modality LUT") from None
    slope, intercept = (number(attribute(header, f"Rescale{part}")) for part in ("Slope", "Intercept"))
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    if not 0.0 < abs(slope) <= MOST_SLOPE or abs(intercept) > MOST_INTERCEPT:
        expected = f"expected a Rescale Slope other than zero and up to {MOST_SLOPE:g}"
        raise UnreadableStudy(ReasonCode.CORRUPT, f"{expected}, found {slope:g} with intercept {intercept:g}")
    lowest = min(intercept, intercept + slope * 0xFFFF)
    return lambda values: values * slope + intercept, is_signed or lowest < 0.0


def voi_transform(header: Dataset, *, is_signed: bool) -> Transform | None:
    """Return what makes light in [0, 1] of values of a modality; None where the header says nothing of it.

    A table counts before a window, and of several the first one. `is_signed`: see `modality_transform`.

    Raises:
        DamagedTable: what is said cannot be applied.
    """
    tables = items(header, "VOILUTSequence")
    if tables:
        table = table_of(tables[0], is_signed=is_signed)
        return lambda values: np.clip(table(values) / table.top, 0.0, 1.0)
    centers, widths = (numbers(attribute(header, f"Window{part}")) for part in ("Center", "Width"))
    if not centers and not widths:
        return None
    if not centers or not widths:
        raise DamagedTable("expected a Window Center with a Window Width, found one of them")
    return window(centers[0], widths[0], text(attribute(header, "VOILUTFunction")) or "LINEAR")


def window(center: float, width: float, function: str) -> Transform:
    """Return the function of a window (PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Raises:
        DamagedTable: there is no such function, or it has no such width.
    """
    least = 1.0 if function == "LINEAR" else 0.0
    if width < least or (width == 0.0):
        raise DamagedTable(f"expected a Window Width of {least:g} or more, found {width:g}")
    if function == "LINEAR" and width == 1.0:
        return lambda values: (values > center - 0.5).astype(np.float64)
    if function == "LINEAR":
        return lambda values: np.clip((values - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)
    if function == "LINEAR_EXACT":
        return lambda values: np.clip((values - center) / width + 0.5, 0.0, 1.0)
    if function == "SIGMOID":
        return lambda values: 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - center) / width, -700.0, 700.0)))
    raise DamagedTable("expected VOI LUT Function LINEAR, LINEAR_EXACT or SIGMOID, found another")


def _entries(data: object, count: int, bits: int, *, is_little_endian: bool) -> NDArray[np.int64]:
    """Return the entries as they are stored: words, or of 8 bits also bytes."""
    found: NDArray[np.unsignedinteger]
    if not isinstance(data, bytes):
        found = np.asarray([int(value) & 0xFFFF for value in numbers(data)], np.uint16)
    else:
        found = np.frombuffer(data[: len(data) // 2 * 2], "<u2" if is_little_endian else ">u2")
    if bits == 8 and len(found) == (count + 1) // 2 < count:
        found = found.astype("<u2").view(np.uint8)[:count]
    if len(found) != count:
        raise DamagedTable(f"expected {count} entries in a lookup table, found {len(found)}")
    return found.astype(np.int64)


def _is_little_endian(item: Dataset) -> bool:
    return getattr(item, "original_encoding", (None, True))[1] is not False
