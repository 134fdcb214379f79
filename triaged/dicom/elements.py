"""Walks an encoded data set and picks the raw values of a few elements out of it (PS3.5 section 7).

Knows no meaning of any attribute. pydicom's reader is for whole data sets: it parses every sequence of undefined length
on the way, warns or raises at what senders get wrong, and takes several times as long. This walker never raises for bad
content: it stops where the encoding stops making sense and keeps what it had until then.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from triaged.dicom.tags import Tag
from triaged.dicom.text import decode_text, encodings_of

_UNDEFINED = 0xFFFFFFFF
_ITEM = 0xFFFEE000
_ITEM_DELIMITATION = 0xFFFEE00D
_SEQUENCE_DELIMITATION = 0xFFFEE0DD
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_DEEPEST = 32
"""No real object nests deeper; a hostile one may not exhaust the stack."""


class _Malformed(Exception):
    """The bytes from here on are no data elements."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the elements of a data set are encoded; follows from its transfer syntax, or from its first bytes."""

    explicit: bool
    little_endian: bool

    @property
    def order(self) -> str:
        """Return the byte order as `struct` writes it."""
        return "<" if self.little_endian else ">"


IMPLICIT_LITTLE_ENDIAN = Encoding(explicit=False, little_endian=True)


def sniff_encoding(content: bytes) -> Encoding:
    """Return the encoding that the first element shows; some senders write another than they negotiated.

    A data set begins with a low group number (0008 in practice), whose byte order tells the rest; in explicit VR, two
    capital letters follow the tag, and as the upper half of an implicit length they would mean over one gigabyte.
    """
    first, second = content[0:1], content[1:2]
    vr = content[4:6]
    explicit = len(vr) == 2 and vr.isalpha() and vr.isupper()
    return Encoding(explicit=explicit, little_endian=not (explicit and first == b"\0" and second != b"\0"))


class Elements:
    """The raw values of the wanted elements of one data set or item; absent, empty and unreadable are all None."""

    def __init__(self, content: bytes, encoding: Encoding, wanted: frozenset[int]) -> None:
        self._encoding = encoding
        self._wanted = wanted
        self._values: dict[int, bytes] = {}
        self._text_encodings: tuple[str, ...] = ("latin_1",)
        self.complete = _Walk(content, encoding, wanted, self._values).run()
        """Whether an element after the last wanted one was seen: more content would not add a value."""

    def inherit(self, text_encodings: tuple[str, ...]) -> None:
        """Use the enclosing data set's character sets."""
        self._text_encodings = text_encodings

    def has(self, tag: int) -> bool:
        """Tell whether the element is there with a value."""
        return bool(self._values.get(tag, b"").strip(b" \0"))

    def text(self, tag: int) -> str | None:
        """Return the whole value as text, whatever the character set claims to be."""
        raw = self._values.get(tag)
        if raw is None:
            return None
        return decode_text(raw, self._encodings()).strip(" \0") or None

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return the values of a multi-valued text, without padding."""
        text = self.text(tag)
        return () if text is None else tuple(part.strip(" \0") for part in text.split("\\"))

    def number(self, tag: int) -> float | None:
        """Return the first value of a decimal or integer string."""
        parts = self.texts(tag)
        return _finite(parts[0]) if parts else None

    def integer(self, tag: int) -> int | None:
        """Return the first value of an integer string; some senders write it with a decimal point."""
        number = self.number(tag)
        return None if number is None or not number.is_integer() else int(number)

    def numbers(self, tag: int, count: int) -> tuple[float, ...] | None:
        """Return the values of a decimal string that has exactly `count` of them."""
        found = tuple(_finite(part) for part in self.texts(tag))
        numbers = tuple(number for number in found if number is not None)
        return numbers if len(found) == len(numbers) == count else None

    def unsigned(self, tag: int) -> int | None:
        """Return the first value of an unsigned short."""
        raw = self._values.get(tag, b"")
        return int(struct.unpack_from(f"{self._encoding.order}H", raw)[0]) if len(raw) >= 2 else None

    def first_item(self, tag: int) -> Elements | None:
        """Return the first item of a sequence."""
        return next(self.items(tag), None)

    def items(self, tag: int) -> Iterator[Elements]:
        """Return the items of a sequence, one by one."""
        raw = self._values.get(tag, b"")
        for content in _item_contents(raw, self._encoding):
            item = Elements(content, self._encoding, self._wanted)
            item.inherit(self._encodings())
            yield item

    def _encodings(self) -> tuple[str, ...]:
        raw = self._values.get(Tag.SPECIFIC_CHARACTER_SET)
        return self._text_encodings if raw is None else encodings_of(raw)


class _Walk:
    """One pass over `content`; `values` receives the wanted elements' bytes, a sequence's as its encoded items."""

    def __init__(self, content: bytes, encoding: Encoding, wanted: frozenset[int], values: dict[int, bytes]) -> None:
        self._content = content
        self._wanted = wanted
        self._last = max(wanted)
        self._values = values
        self._encoding = encoding

    def run(self) -> bool:
        """Walk the content as far as it makes sense; tell whether that was past the last wanted element."""
        try:
            return self._elements()
        except (_Malformed, struct.error):
            return False

    def _elements(self) -> bool:
        content, end, position = self._content, len(self._content), 0
        while position + 8 <= end:
            tag, length, start = _element_header(content, position, self._encoding)
            if tag > self._last:
                return True
            stop = _end_of_value(content, start, length, self._encoding)
            if tag in self._wanted:
                self._values.setdefault(tag, content[start:stop])
            if stop is None or stop > end:
                raise _Malformed
            position = stop
        return False


def _element_header(content: bytes, position: int, encoding: Encoding) -> tuple[int, int, int]:
    """Return tag, length and where the value starts."""
    order = encoding.order
    group, element = struct.unpack_from(f"{order}HH", content, position)
    tag = group << 16 | element
    vr = content[position + 4 : position + 6]
    # Some writers fall back to implicit VR inside an explicit object; two bytes that are no capital letters tell.
    if not encoding.explicit or group == 0xFFFE or not (b"AA" <= vr <= b"ZZ"):
        return tag, struct.unpack_from(f"{order}L", content, position + 4)[0], position + 8
    if vr in _LONG_VRS:
        return tag, struct.unpack_from(f"{order}L", content, position + 8)[0], position + 12
    return tag, struct.unpack_from(f"{order}H", content, position + 6)[0], position + 8


def _end_of_value(content: bytes, start: int, length: int, encoding: Encoding) -> int | None:
    """Return where a value ends; None where its end is not in the content."""
    if length != _UNDEFINED:
        return start + length
    try:
        return _skip_items(content, start, encoding, 0)
    except (_Malformed, struct.error):
        return None


def _skip_items(content: bytes, position: int, encoding: Encoding, depth: int) -> int:
    """Return where a sequence of undefined length ends that starts at `position`."""
    if depth > _DEEPEST:
        raise _Malformed
    while True:
        tag, length, start = _element_header(content, position, encoding)
        if tag == _SEQUENCE_DELIMITATION:
            return start
        if tag != _ITEM:
            raise _Malformed
        position = _skip_item(content, start, encoding, depth) if length == _UNDEFINED else start + length


def _skip_item(content: bytes, position: int, encoding: Encoding, depth: int) -> int:
    """Return where an item of undefined length ends whose content starts at `position`."""
    while True:
        tag, length, start = _element_header(content, position, encoding)
        if tag == _ITEM_DELIMITATION:
            return start
        position = _skip_items(content, start, encoding, depth + 1) if length == _UNDEFINED else start + length


def _item_contents(raw: bytes, encoding: Encoding) -> Iterator[bytes]:
    position = 0
    while position + 8 <= len(raw):
        try:
            tag, length, start = _element_header(raw, position, encoding)
            if tag != _ITEM:
                return
            if length == _UNDEFINED:
                stop = _skip_item(raw, start, encoding, 0)
                yield raw[start : stop - 8]
            else:
                stop = start + length
                yield raw[start:stop]
        except (_Malformed, struct.error):
            return
        position = stop


def _finite(text: str) -> float | None:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
