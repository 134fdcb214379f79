"""Finds where the elements of a data set are, by their lengths alone, several times faster than pydicom walks it.

Nothing is decoded. Where a data set is anything but elements one after the other, and sequences of such, it gives up
and leaves it to pydicom: what it finds is what pydicom would find.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct, error
from typing import Final, cast

from pydicom._dicom_dict import DicomDictionary
from pydicom.dataelem import RawDataElement, empty_value_for_VR
from pydicom.filereader import ENCODED_VR
from pydicom.tag import BaseTag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

UNDEFINED_LENGTH: Final = 0xFFFFFFFF
_ITEM: Final = 0xFFFEE000
_END_OF_ITEM: Final = 0xFFFEE00D
_END_OF_SEQUENCE: Final = 0xFFFEE0DD
CHARACTER_SET: Final = 0x00080005
_DEEPEST: Final = 16
_VRS: Final = {name: name.decode() for name in ENCODED_VR}
_LONG: Final = frozenset(name for name, vr in _VRS.items() if vr in EXPLICIT_VR_LENGTH_32)
"""Value representations whose length takes 32 bits, after two reserved bytes (PS3.5 7.1.2)."""

Span = tuple[str | None, int, int, int]
"""Value representation, where the value begins, its length as written, and where the next element begins."""


class FlatElements(Mapping[int, RawDataElement]):
    """Elements by tag, each made when it is asked for; a sequence of undefined length as the bytes of its items.

    `is_complete` tells that an element after all wanted ones was seen; without it, the content has ended.
    """

    is_complete = False

    def __init__(self, content: bytes, spans: Mapping[int, Span], *, explicit: bool, little_endian: bool) -> None:
        self._content, self._spans = content, spans
        self._is_implicit_vr, self._is_little_endian = not explicit, little_endian

    @property
    def character_set(self) -> bytes:
        """Return the value of Specific Character Set (0008,0005); empty where there is none."""
        found = self.get(CHARACTER_SET)
        return (found.value if found is not None else None) or b""

    def __getitem__(self, tag: int) -> RawDataElement:
        vr, start, length, following = self._spans[tag]
        if length == UNDEFINED_LENGTH:
            value: bytes | None = self._content[start : following - 8]
        elif length:
            value = self._content[start:following]
        else:
            value = cast("bytes | None", empty_value_for_VR(vr, raw=True))
        return RawDataElement(BaseTag(tag), vr, length, value, start, self._is_implicit_vr, self._is_little_endian)

    def __iter__(self) -> Iterator[int]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)


def flat_elements(
    content: bytes,
    last: int,
    needed: frozenset[int],
    *,
    explicit: bool,
    little_endian: bool,
    within: int,
    at_most: int,
) -> FlatElements | None:
    """Return the elements up to and including the tag `last`, and all that are needed before the next one.

    None where this cannot be told: the content ends within an element, or is longer than `within` and has none after
    these; or it has `at_most` elements, or anything that is for pydicom to judge.
    """
    spans: dict[int, Span] = {}
    found = FlatElements(content, spans, explicit=explicit, little_endian=little_endian)
    walk = _Walk(content, min(len(content), within), explicit=explicit, little_endian=little_endian, at_most=at_most)
    position = 0
    try:
        while position != len(content):
            tag, span = walk.element(position)
            if tag > last and needed <= spans.keys():
                found.is_complete = True
                break
            vr, start, length, position = span
            if length == UNDEFINED_LENGTH:
                vr, position = walk.end_of_sequence(tag, vr, start, 0)
            if tag == CHARACTER_SET and tag in spans:
                return None
            spans.setdefault(tag, (vr, start, length, position))
    except (_Odd, error):
        return None
    return found


class _Odd(Exception):
    """Something that is for pydicom to judge."""


class _Walk:
    """Steps through the elements of a content; raises `_Odd`, or `struct.error` at its end."""

    def __init__(self, content: bytes, end: int, *, explicit: bool, little_endian: bool, at_most: int) -> None:
        order = "<" if little_endian else ">"
        self._content, self._end, self._left = content, end, at_most
        self._head = Struct(f"{order}HH2sH" if explicit else f"{order}HHL").unpack_from
        self._item_head, self._long_length = Struct(f"{order}HHL").unpack_from, Struct(f"{order}L").unpack_from
        self._explicit = explicit

    def element(self, position: int) -> tuple[int, Span]:
        """Return tag and span of the element at a position; of an undefined length nothing is known but that."""
        self._count(position)
        vr: str | None = None
        if self._explicit:
            group, element, name, length = self._head(self._content, position)
            vr = _VRS.get(name)
            if vr is None:
                raise _Odd
            position += 8
            if name in _LONG:
                (length,) = self._long_length(self._content, position)
                position += 4
        else:
            group, element, length = self._head(self._content, position)
            position += 8
        if group == 0xFFFE:
            raise _Odd
        return group << 16 | element, (vr, position, length, position + length)

    def end_of_sequence(self, tag: int, vr: str | None, position: int, depth: int) -> tuple[str, int]:
        """Return what represents a value of undefined length, which has to be items, and the end of its delimiter."""
        if depth == _DEEPEST or not (vr == "SQ" if self._explicit else self._is_sequence(tag, position)):
            raise _Odd
        while True:
            self._count(position)
            item, length = self._item(position)
            position += 8
            if item == _END_OF_SEQUENCE:
                return "SQ", position
            if item != _ITEM:
                raise _Odd
            position = self._end_of_item(position, length, depth)

    def _end_of_item(self, position: int, length: int, depth: int) -> int:
        end = self._end if length == UNDEFINED_LENGTH else position + length
        while position < end:
            if length == UNDEFINED_LENGTH and self._item(position)[0] == _END_OF_ITEM:
                return position + 8
            tag, (vr, start, size, following) = self.element(position)
            if tag == CHARACTER_SET:
                raise _Odd
            position = following if size != UNDEFINED_LENGTH else self.end_of_sequence(tag, vr, start, depth + 1)[1]
        if position != end or length == UNDEFINED_LENGTH:
            raise _Odd
        return position

    def _item(self, position: int) -> tuple[int, int]:
        group, element, length = self._item_head(self._content, position)
        return group << 16 | element, length

    def _is_sequence(self, tag: int, position: int) -> bool:
        known = DicomDictionary.get(tag)
        if known is not None:
            return known[0] == "SQ"
        return bool(tag >> 16 & 1) and self._item(position)[0] == _ITEM

    def _count(self, position: int) -> None:
        self._left -= 1
        if self._left <= 0 or position + 8 > self._end:
            raise _Odd
