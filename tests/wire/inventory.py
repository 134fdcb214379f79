"""Every attribute and content item that result objects hold, with how often: what the conformance statement is held to.

A presence is one of PS3.2: ALWAYS with a value, EMPTY always, VNAP (always there, value not always), ANAP (not always
there), counted per item of the sequence that holds the attribute.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.dataelem import DataElement
from pydicom.multival import MultiValue

from triaged.results.instance import ResultObject

Path = tuple[str, ...]
CODE = {"CodeValue", "CodingSchemeDesignator", "CodeMeaning"}


@dataclass
class Usage:
    """How an attribute or a content item is used."""

    tag: str = ""
    vr: str = ""
    parents: int = 0
    found: int = 0
    empty: int = 0
    most_items: int = 0
    values: set[str] = field(default_factory=set)

    @property
    def presence(self) -> str:
        """Say it as a conformance statement does."""
        if self.found < self.parents:
            return "ANAP"
        if self.empty:
            return "EMPTY" if self.empty == self.found else "VNAP"
        return "ALWAYS"


def attributes_of(objects: Iterable[ResultObject]) -> dict[Path, Usage]:
    """Return the attributes of objects of one kind by the keywords of the sequences above them and their own.

    Items that hold a code and nothing else count as the sequence's values; the content tree of a report is left out.
    """
    found: dict[Path, Usage] = {}
    parents: dict[Path, int] = {}
    for one in objects:
        _count(dcmread(BytesIO(one.part10)), (), found, parents)
    for path, usage in found.items():
        usage.parents = parents[path[:-1]]
    return found


def content_of(objects: Iterable[ResultObject]) -> dict[Path, Usage]:
    """Return the content items of reports by `relationship value-type concept` of those above them and their own."""
    found: dict[Path, Usage] = {}
    parents: dict[Path, int] = {}
    for one in objects:
        _count_content(dcmread(BytesIO(one.part10)), (), found, parents)
    for path, usage in found.items():
        usage.parents = parents[path[:-1]]
    return found


def codes_of(objects: Iterable[ResultObject]) -> set[str]:
    """Return every code in objects, as `(value, scheme, "meaning")`."""
    return {code_text(item) for one in objects for item in _items(dcmread(BytesIO(one.part10))) if _is_code(item)}


def code_text(item: Dataset) -> str:
    """Return a code as PS3.16 writes it."""
    return f'({item.CodeValue}, {item.CodingSchemeDesignator}, "{item.CodeMeaning}")'


def _count(item: Dataset, path: Path, found: dict[Path, Usage], parents: dict[Path, int]) -> None:
    parents[path] = parents.get(path, 0) + 1
    for element in item:
        here = (*path, element.keyword or str(element.tag).replace(" ", ""))
        usage = found.setdefault(here, Usage(tag=f"({element.tag.group:04X},{element.tag.element:04X})", vr=element.VR))
        usage.found += 1
        usage.empty += element.is_empty
        if element.VR != "SQ":
            usage.values |= set() if element.keyword == "PixelData" else {_text(element)}
            continue
        usage.most_items = max(usage.most_items, len(element.value))
        if all(_is_code(child) for child in element.value):
            usage.values |= {code_text(child) for child in element.value}
        elif element.keyword != "ContentSequence":
            for child in element.value:
                _count(child, here, found, parents)


def _count_content(item: Dataset, path: Path, found: dict[Path, Usage], parents: dict[Path, int]) -> None:
    parents[path] = parents.get(path, 0) + 1
    here_once: set[Path] = set()
    for child in item.get("ContentSequence", ()):
        here = (*path, f"{child.RelationshipType} | {child.ValueType} | {_named(child)}")
        usage = found.setdefault(here, Usage())
        usage.found += here not in here_once
        here_once.add(here)
        usage.values |= {_content_value(child)} - {""}
        _count_content(child, here, found, parents)


def _named(item: Dataset) -> str:
    """Return a content item's concept, with its template where it names one."""
    concept = code_text(item.ConceptNameCodeSequence[0])
    template = item.get("ContentTemplateSequence")
    return f"{concept} TID {template[0].TemplateIdentifier}" if template else concept


def _content_value(item: Dataset) -> str:
    if item.ValueType == "CODE":
        return code_text(item.ConceptCodeSequence[0])
    if item.ValueType == "NUM":
        return code_text(item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0])
    return str(item.get("TextValue", ""))


def _items(item: Dataset) -> Iterator[Dataset]:
    yield item
    for element in item:
        if element.VR == "SQ":
            for child in element.value:
                yield from _items(child)


def _is_code(item: Dataset) -> bool:
    return {element.keyword for element in item} == CODE


def _text(element: DataElement) -> str:
    value = element.value
    return "\\".join(map(str, value)) if isinstance(value, (list, MultiValue)) else str(value)
