"""Picks the values of a few elements out of an encoded data set that pydicom's reader walks (PS3.5 section 7).

Knows no meaning of any attribute. The values stay bytes until one is asked for, as text or as a number: pydicom's data
elements would convert them to what the sender calls their representation, be it UN or wrong, and warn of each odd
one. Bad content never raises: the reading ends where the encoding stops making sense and keeps what it had until then.

pydicom warns of misspelled character sets nevertheless: call everything here within `without_warnings`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO

from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes, default_encoding
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import data_element_generator, read_sequence_item
from pydicom.tag import BaseTag
from pydicom.valuerep import PN_DELIMS
from pydicom.values import convert_string

from triaged.dicom import attributes
from triaged.dicom.flat import CHARACTER_SET, UNDEFINED_LENGTH, flat_elements

_LEFT_OVER = re.compile(r"\x1b(\$\)A)?")
"""pydicom leaves an unknown escape in the text, and that of ISO 2022 IR 58."""
_MOST_READS = 200_000
"""A read takes an element's header or its value. A header of 1000 frames needs half of it; a hostile one made of empty
items would take a hundred times its length in memory."""

_MOST_ELEMENTS = 20_000
"""Beside each other, items not counted: real headers have hundreds, and empty ones would keep a reader busy."""
_OUT_OF_ORDER_WITHIN = 4 * 1024 * 1024

DAMAGED = (*attributes.DAMAGED, AssertionError)
"""What pydicom raises at bytes that are no data elements, and at values that are none when it converts them."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the elements of a data set are encoded; follows from its transfer syntax, or from its first bytes."""

    explicit: bool
    little_endian: bool


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


def read_elements(content: bytes, encoding: Encoding, *, last: str, needed: Sequence[str] = ()) -> Elements:
    """Read a data set, or the beginning of one, up to and including the attribute `last`.

    Some senders write elements out of order: what is `needed` is looked for beyond `last` too, within 4 MiB.
    """
    last_tag, needed_tags = _tag(last), frozenset(map(_tag, needed))
    flat = flat_elements(
        content,
        last_tag,
        needed_tags,
        explicit=encoding.explicit,
        little_endian=encoding.little_endian,
        within=_OUT_OF_ORDER_WITHIN,
        at_most=_MOST_ELEMENTS,
    )
    if flat is not None and _is_read_by_pydicom(flat.character_set):
        return Elements(flat, [default_encoding], complete=flat.is_complete)
    return _walked(content, encoding, last_tag, needed_tags)


def _walked(content: bytes, encoding: Encoding, last_tag: int, needed_tags: frozenset[int]) -> Elements:
    """Read as `read_elements`, with pydicom."""
    found: dict[int, RawDataElement | DataElement] = {}
    complete = False

    def is_past_the_last(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        nonlocal complete
        has_all = needed_tags <= found.keys() or stream.tell() > _OUT_OF_ORDER_WITHIN
        complete = int(tag) > last_tag and has_all
        return complete

    stream = _Limited(content)
    try:
        elements = data_element_generator(
            stream, not encoding.explicit, encoding.little_endian, stop_when=is_past_the_last
        )
        for count, element in enumerate(elements, start=1):
            found.setdefault(int(element.tag), element)
            if count == _MOST_ELEMENTS:
                complete = True
                break
    except DAMAGED:
        complete = False
    return Elements(found, [default_encoding], complete=complete or stream.is_exhausted)


class Elements:
    """The elements of one data set or item, by keyword; absent, empty and unreadable values are all None.

    `complete` tells that more content would not add a value: an element after the last wanted one was seen, or the
    reading was given up.
    """

    def __init__(
        self, found: Mapping[int, RawDataElement | DataElement], text_encodings: Sequence[str], *, complete: bool = True
    ) -> None:
        self._found = found
        self.complete = complete
        character_set = self._bytes(CHARACTER_SET)
        self._text_encodings = text_encodings if character_set is None else _encodings_of(character_set)

    def is_cut(self) -> bool:
        """Tell whether a value is shorter than its length says: the content ended within it."""
        raw = (element for element in self._found.values() if isinstance(element, RawDataElement))
        return any(len(element.value or b"") < element.length != UNDEFINED_LENGTH for element in raw)

    def has(self, keyword: str) -> bool:
        """Tell whether the element is there with a value."""
        return bool((self._bytes(_tag(keyword)) or b"").strip(b" \0"))

    def text(self, keyword: str) -> str | None:
        """Return the whole value as text, whatever the character set claims to be."""
        raw = self._bytes(_tag(keyword))
        return None if raw is None else _decoded(raw, self._text_encodings).strip(" \0") or None

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return the values of a multi-valued text, without padding."""
        text = self.text(keyword)
        return () if text is None else tuple(part.strip(" \0") for part in text.split("\\"))

    def number(self, keyword: str) -> float | None:
        """Return the first value of a decimal or integer string."""
        parts = self.texts(keyword)
        return _finite(parts[0]) if parts else None

    def integer(self, keyword: str) -> int | None:
        """Return the first value of an integer string; some senders write it with a decimal point."""
        number = self.number(keyword)
        return None if number is None or not number.is_integer() else int(number)

    def numbers(self, keyword: str, count: int) -> tuple[float, ...] | None:
        """Return the values of a decimal string that has exactly `count` of them."""
        found = tuple(_finite(part) for part in self.texts(keyword))
        numbers = tuple(number for number in found if number is not None)
        return numbers if len(found) == len(numbers) == count else None

    def unsigned(self, keyword: str) -> int | None:
        """Return the first value of an unsigned short."""
        element = self._valued(_tag(keyword))
        if element is None or len(element.value or b"") < 2:
            return None
        return int.from_bytes((element.value or b"")[:2], "little" if element.is_little_endian else "big")

    def first_item(self, keyword: str) -> Elements | None:
        """Return the first item of a sequence."""
        return next(self.items(keyword), None)

    def items(self, keyword: str) -> Iterator[Elements]:
        """Return the items of a sequence, one by one."""
        element = self._found.get(_tag(keyword))
        if isinstance(element, RawDataElement):
            items = _items_of(element, list(self._text_encodings))
        else:
            items = iter(element.value if element is not None and element.VR == "SQ" else ())
        for item in items:
            yield Elements({int(found.tag): found for found in item.values()}, self._text_encodings)

    def _bytes(self, tag: int) -> bytes | None:
        element = self._valued(tag)
        return None if element is None else element.value

    def _valued(self, tag: int) -> RawDataElement | None:
        """Return an element that has a value of its own, which a sequence of undefined length has not."""
        element = self._found.get(tag)
        if not isinstance(element, RawDataElement) or (element.VR == "SQ" and element.length == UNDEFINED_LENGTH):
            return None
        return element


class _Limited(BytesIO):
    """Content that ends early where it would take more reads than any real header."""

    _reads = 0

    @property
    def is_exhausted(self) -> bool:
        """Tell whether more reads were asked for than there may be."""
        return self._reads > _MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        return b"" if self.is_exhausted else super().read(size)


@cache
def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"expected the keyword of an attribute, found {keyword!r}")
    return tag


def _items_of(element: RawDataElement, text_encodings: list[str]) -> Iterator[Dataset]:
    """Return the items in a sequence's value that are whole; nothing is read that is not asked for."""
    content = element.value or b""
    stream = _Limited(content)
    while stream.tell() < len(content):
        try:
            item = read_sequence_item(stream, element.is_implicit_VR, element.is_little_endian, text_encodings)
        except DAMAGED:
            return
        if item is None:
            return
        yield item


@lru_cache(maxsize=256)
def _is_read_by_pydicom(specific_character_set: bytes) -> bool:
    """Tell whether pydicom's walk goes on after a value of (0008,0005), which it converts on its way."""
    try:
        convert_encodings(convert_string(specific_character_set, is_little_endian=True))
    except DAMAGED:
        return False
    return True


def _encodings_of(specific_character_set: bytes) -> list[str]:
    """Return Python's names of the character sets in (0008,0005); an unknown one counts as Latin-1."""
    terms = specific_character_set.decode(default_encoding).split("\\")
    return convert_encodings([term.strip(" \0").upper() for term in terms])


def _decoded(raw: bytes, encodings: Sequence[str]) -> str:
    """Return a value as text; where its character set is not what it claims, as Latin-1, which maps every byte.

    A name that is mangled in one letter is worth more than an instance that is lost because of it.
    """
    try:
        text = decode_bytes(raw, encodings, PN_DELIMS)
    except (LookupError, ValueError):
        text = "\ufffd"
    return _LEFT_OVER.sub("", raw.decode(default_encoding) if "\ufffd" in text else text)


def _finite(text: str) -> float | None:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
