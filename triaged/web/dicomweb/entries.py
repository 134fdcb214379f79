"""Studies, series and instances as a search sees them: what the store knows of each, and what its file says besides.

A file is opened only where something is asked for that the store does not know, and only so many for one search.
Knows no requests.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from pydicom import Dataset, config
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence as ItemSequence

from triaged.dicom.attributes import DAMAGED
from triaged.store.studies.catalogue import Contents, KeptStudy, Member
from triaged.study.modalities import in_order
from triaged.web.dicomweb.levels import Level, is_returned, level_of
from triaged.web.dicomweb.model import Model
from triaged.web.dicomweb.paths import Address
from triaged.web.dicomweb.question import Question

MOST_FILES: Final = 1000
"""Opened by one search to see whether they match; what is returned is bounded by how much an answer holds."""


@dataclass
class Budget:
    """How many files a search may still open; `is_spent` tells that it wanted more."""

    left: int = MOST_FILES
    is_spent: bool = False

    def spend(self) -> bool:
        """Take one, if there is one."""
        self.is_spent = self.is_spent or self.left <= 0
        self.left -= 1
        return self.left >= 0


@dataclass
class Entry:
    """One result of a search: `known` without opening a file, `said` by its file; `level` is what it is."""

    level: Level
    known: Model
    said: Callable[[], Model]
    budget: Budget = field(default_factory=Budget)
    _read: Model | None = None

    def element(self, tag: int) -> DataElement | None:
        """Return an attribute that this has, for a query to match; nothing of a lower level."""
        if level_of(tag) > self.level:
            return None
        key = f"{tag:08X}"
        if key not in self.known and self._read is None and not self.budget.spend():
            return None
        value = self.known[key] if key in self.known else self._more().get(key)
        return None if value is None else element_of(tag, value)

    def returned(self, levels: Collection[Level], question: Question) -> Model:
        """Return what is asked for of this."""
        asked = question.included | {key.tag for key in question.query.keys}
        found = {
            key: value
            for key, value in {**self._more(), **self.known}.items()
            if is_returned(int(key, 16), levels, asked, everything=question.everything) and "BulkDataURI" not in value
        }
        return dict(sorted(found.items()))

    def _more(self) -> Model:
        if self._read is None:
            self._read = self.said()
        return self._read


_ROW: Final[Mapping[int, tuple[str, Callable[[KeptStudy], str]]]] = MappingProxyType(
    {
        0x00080020: ("DA", lambda study: study.patient.study_date),
        0x00080030: ("TM", lambda study: study.patient.study_time),
        0x00080050: ("SH", lambda study: study.patient.accession_number),
        0x00081030: ("LO", lambda study: study.patient.study_description),
        0x00100010: ("PN", lambda study: study.patient.patient_name),
        0x00100020: ("LO", lambda study: study.patient.patient_id),
        0x00100030: ("DA", lambda study: study.patient.patient_birth_date),
        0x00100040: ("CS", lambda study: study.patient.patient_sex),
        0x0020000D: ("UI", lambda study: study.study_uid),
    }
)
ROW_TAGS: Final = frozenset(_ROW)
"""What the row of a study says by itself."""


@dataclass(frozen=True, slots=True)
class Row:
    """The attributes in `ROW_TAGS`, made one by one as a query asks for them: most rows are ruled out by one."""

    study: KeptStudy

    def element(self, tag: int) -> DataElement | None:
        """Return an attribute, None where it is none of these."""
        if tag not in _ROW:
            return None
        vr, value = _ROW[tag]
        return DataElement(tag, vr, value(self.study), validation_mode=config.IGNORE)


def known_of_study(study: KeptStudy, contents: Contents, origin: str) -> Model:
    """Return what the store knows of a study; `origin` is where the server is reached."""
    own = (kind.modality for kind in contents.kinds)
    row: Model = {}
    for tag, (vr, value) in _ROW.items():
        row |= _element(f"{tag:08X}", vr, value(study))
    return {
        **row,
        **_element("00080005", "CS", "ISO_IR 192"),
        **_element("00080056", "CS", "UNAVAILABLE" if contents.deleted else "ONLINE"),
        **_element("00081190", "UR", origin + Address(study.study_uid).path),
        **_element("00080061", "CS", *dict.fromkeys((*in_order(study.modalities), *own))),
        **_element("00201206", "IS", contents.series + len(contents.kinds)),
        **_element("00201208", "IS", study.instances + contents.objects),
    }


def known_of_series(members: Sequence[Member], origin: str) -> Model:
    """Return what the store knows of a series, by its instances."""
    first = members[0]
    image, kind = first.image, first.kind
    known = {
        **_element("0020000E", "UI", first.series_uid),
        **_element("00081190", "UR", origin + Address(first.study_uid, first.series_uid).path),
        **_element("00201209", "IS", len(members)),
    }
    if image is not None:
        known |= _element("00080060", "CS", image.modality) | _element("0008103E", "LO", image.series_description)
        known |= _element("00200011", "IS", image.series_number)
    elif kind is not None:
        known |= _element("00080060", "CS", kind.modality) | _element("00200011", "IS", kind.series_number)
    return known


def known_of_instance(member: Member, origin: str) -> Model:
    """Return what the store knows of an instance."""
    address = Address(member.study_uid, member.series_uid, member.sop_instance_uid)
    return {
        **_element("00080056", "CS", "UNAVAILABLE" if member.is_deleted else "ONLINE"),
        **_element("00080018", "UI", member.sop_instance_uid),
        **_element("00081190", "UR", origin + address.path),
        **({} if not member.sop_class_uid else _element("00080016", "UI", member.sop_class_uid)),
    }


def element_of(tag: int, value: dict[str, Any]) -> DataElement | None:
    """Return an attribute of the JSON model as a data element, as it is; None where it is none."""
    vr, values = str(value["vr"]), value.get("Value") or []
    if vr == "SQ":
        content: object = ItemSequence([_item(item) for item in values])
    else:
        texts = [_name(each) if isinstance(each, dict) else each for each in values]
        content = texts[0] if len(texts) == 1 else texts or ""
    try:
        return DataElement(tag, vr, content, validation_mode=config.IGNORE)
    except DAMAGED:
        return None


def _item(model: Model) -> Dataset:
    dataset = Dataset()
    for key, value in model.items():
        element = element_of(int(key, 16), value)
        if element is not None:
            dataset.add(element)
    return dataset


def _name(groups: dict[str, str]) -> str:
    return "=".join(groups.get(each, "") for each in ("Alphabetic", "Ideographic", "Phonetic")).rstrip("=")


def _element(key: str, vr: str, *values: object) -> Model:
    """Return an attribute with its values; without one where they are empty."""
    given = [value for value in values if value not in (None, "")]
    if vr == "PN":
        parts = [dict(zip(_GROUPS, str(value).split("="), strict=False)) for value in given]
        given = [{name: part for name, part in groups.items() if part} for groups in parts]
    return {key: {"vr": vr, "Value": given} if given else {"vr": vr}}


_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
