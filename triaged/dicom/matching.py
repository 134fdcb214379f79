"""What a query asks for, and whether something matches it: attribute matching of C-FIND (PS3.4 section C.2.2.2).

Knows neither sockets nor what is queried: that is anything from which an attribute can be had by its tag. A key without
a value matches everything and asks for the attribute to be returned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from fnmatch import fnmatchcase
from typing import Protocol

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from triaged.dicom.elements import DAMAGED
from triaged.dicom.moments import NotUnderstood, covers, dated, span_of, zone_of
from triaged.dicom.quiet import without_warnings

_SPECIFIC_CHARACTER_SET, _TIMEZONE_OFFSET = 0x00080005, 0x00080201
_HAVE_WILDCARDS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_MOMENTS = frozenset({"DA", "DT"})
_MOST_KEYS, _DEEPEST = 256, 4

Known = Mapping[int, Collection[int]]
"""Tags of attributes, each with the tags that its items have; empty where it is no sequence."""


class Attributes(Protocol):
    """Something that has attributes."""

    def element(self, tag: int) -> DataElement | None:
        """Return an attribute by its tag, or None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Key:
    """One attribute of a query; without `values` and `item` it matches everything. An `item` is that of a sequence."""

    tag: int
    values: tuple[str, ...] = ()
    item: tuple[Key, ...] = ()

    @property
    def is_universal(self) -> bool:
        """Tell whether this matches everything, also what is not known."""
        return all(key.is_universal for key in self.item) if self.item else not self.values or "*" in self.values


@dataclass(frozen=True, slots=True)
class Query:
    """The keys of an identifier; `zone` is what its times without an offset are in."""

    keys: tuple[Key, ...]
    zone: tzinfo = UTC

    def matches(self, found: Attributes) -> bool:
        """Tell whether something matches every key."""
        return all(_matches(key, found.element(key.tag), self.zone) for key in self.keys)

    def only(self, tags: Collection[int]) -> Query:
        """Return the part of the query that is about these attributes."""
        return Query(tuple(key for key in self.keys if key.tag in tags), self.zone)

    def known(self, known: Known) -> Query:
        """Return the part of the query that is about known attributes; of others the rest does as if not asked."""
        return Query(tuple(_known(self.keys, known)), self.zone)

    def selected(self, found: Attributes) -> Dataset:
        """Return what the query asks for; an attribute that is not there is not returned."""
        dataset = Dataset()
        for key in self.keys:
            element = found.element(key.tag)
            if element is not None:
                dataset.add(_narrowed(element, key))
        return dataset


@without_warnings()
def query_of(identifier: Dataset) -> Query:
    """Return the query in an identifier; `NotUnderstood` where it is none, or has more keys than anybody needs."""
    try:
        offset = identifier.get(BaseTag(_TIMEZONE_OFFSET))
        zone = zone_of(str(offset.value)) if offset is not None and offset.value else UTC
        query = Query(tuple(_keys(identifier, depth=0)), zone)
        _check(query.keys, zone)
    except NotUnderstood:
        raise
    except DAMAGED as error:
        raise NotUnderstood(f"expected an identifier that can be understood, found {type(error).__name__}") from None
    return query


def _keys(identifier: Dataset, *, depth: int) -> Iterator[Key]:
    if depth > _DEEPEST or len(identifier) > _MOST_KEYS:
        raise NotUnderstood("expected fewer keys")
    for tag in list(identifier.keys()):
        if tag.element == 0 or tag in (_SPECIFIC_CHARACTER_SET, _TIMEZONE_OFFSET):
            continue
        element = identifier[tag]
        if element.VR == "SQ":
            items = element.value or []
            if len(items) > 1:
                raise NotUnderstood("expected one item in a sequence")
            yield Key(int(tag), item=tuple(_keys(items[0], depth=depth + 1)) if items else ())
        else:
            yield Key(int(tag), tuple(text for text in _texts(element) if text))


def _check(keys: Collection[Key], zone: tzinfo) -> None:
    """Refuse times that are none now, rather than with the first thing that is compared."""
    for key in keys:
        _check(key.item, zone)
        vr = _vr(key.tag)
        if vr in _MOMENTS or vr == "TM":
            for value in key.values:
                if value != "*":
                    span_of(value if vr in _MOMENTS else dated(value), zone)


def _known(keys: Collection[Key], known: Known) -> Iterator[Key]:
    for key in keys:
        items = known.get(key.tag)
        if items is None:
            continue
        item = tuple(each for each in key.item if each.tag in items)
        yield key if item == key.item else Key(key.tag, key.values, item)


def _matches(key: Key, element: DataElement | None, zone: tzinfo) -> bool:
    if key.is_universal:
        return True
    if element is None:
        return False
    if key.item:
        items = element.value or ()
        return any(all(_matches(each, item.get(BaseTag(each.tag)), zone) for each in key.item) for item in items)
    found = [text for text in _texts(element) if text]
    return any(_equal(wanted, text, element.VR, zone) for wanted in key.values for text in found)


def _equal(wanted: str, found: str, vr: str, zone: tzinfo) -> bool:
    if vr in _MOMENTS:
        return covers(wanted, found, zone)
    if vr == "TM":
        return covers(dated(wanted), dated(found), zone)
    if vr == "PN":
        wanted = _name(wanted)
        return any(_like(wanted, _name(group)) for group in (found, *found.split("=")))
    return _like(wanted, found) if vr in _HAVE_WILDCARDS else wanted == found


def _like(wanted: str, found: str) -> bool:
    """Compare with * and ? as wildcards; a bracket, which has a meaning in file names, is itself."""
    return fnmatchcase(found, wanted.replace("[", "[[]"))


def _name(text: str) -> str:
    """Return a person name, or a group of one, as names are compared: whatever the case, and without empty ends."""
    return text.strip(" ^=").casefold()


def _texts(element: DataElement) -> list[str]:
    value = element.value
    values = value if isinstance(value, MultiValue | list | tuple) else [value]
    return ["" if each is None else str(each).strip(" \0") for each in values]


def _narrowed(element: DataElement, key: Key) -> DataElement:
    """Return an attribute; of a sequence, only what the key's item names, if it names anything."""
    if not key.item:
        return element
    items = []
    for item in element.value:
        narrowed = Dataset()
        for each in key.item:
            found = item.get(BaseTag(each.tag))
            if found is not None:
                narrowed.add(found)
        items.append(narrowed)
    return DataElement(element.tag, "SQ", Sequence(items))


def _vr(tag: int) -> str:
    return dictionary_VR(tag) if dictionary_has_tag(tag) else "UN"
