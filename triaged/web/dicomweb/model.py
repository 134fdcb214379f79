"""A header in the DICOM JSON model (PS3.18 annex F), each value as it was sent; what is no value is left out.

Long values, and pixels, are not in it: a `BulkDataURI` says where they are. Knows no files and no addresses: a URI here
is only the path of an element within its instance, behind `BULK`, until `with_addresses` puts the rest before it.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes, default_encoding
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag
from pydicom.valuerep import PN_DELIMS

from triaged.dicom.attributes import DAMAGED, attribute, integer

LONGEST_INLINE: Final = 1024
"""Bytes of a binary value that stand in the model themselves."""
LONGEST_TEXT: Final = 64 * 1024
BULK: Final = "~bulkdata/"
PIXEL_DATA: Final = 0x7FE00010
_SPECIFIC_CHARACTER_SET: Final = 0x00080005
_BINARY: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_NUMBERS: Final[Mapping[str, str]] = {
    "US": "H",
    "SS": "h",
    "UL": "I",
    "SL": "i",
    "FL": "f",
    "FD": "d",
    "UV": "Q",
    "SV": "q",
}
_ONE_VALUE: Final = frozenset({"LT", "ST", "UT", "UR"})
_AMBIGUOUS: Final[Mapping[str, str]] = {
    "US or SS": "US",
    "OB or OW": "OW",
    "US or OW": "OW",
    "US or SS or OW": "OW",
}
_NAME_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")

Model = dict[str, dict[str, Any]]


def model_of(header: Dataset) -> Model:
    """Return a data set in the JSON model, which says that its texts are UTF-8."""
    return _model(header, [default_encoding], _is_signed(header), "")


def with_addresses(text: str, instance: str) -> str:
    """Return a model in JSON whose bulk data are below the address of their instance."""
    return text.replace(f'"BulkDataURI":"{BULK}', f'"BulkDataURI":"{instance}/bulkdata/')


def as_text(model: Model) -> str:
    """Return a model in JSON, in ASCII: any text can be written so, also what no encoding has."""
    return json.dumps(model, separators=(",", ":"), allow_nan=False)


def path_of(text: str) -> tuple[int, ...] | None:
    """Return the tags and item numbers in the path of a bulk value, None where it is none: `TAG[/ITEM/TAG]...`."""
    parts = text.split("/")
    if len(parts) % 2 == 0 or len(parts) > 9:
        return None
    numbers = [_hexadecimal(part) if place % 2 == 0 else _ordinal(part) for place, part in enumerate(parts)]
    return None if None in numbers else tuple(number for number in numbers if number is not None)


def bulk_value(header: Dataset, path: Sequence[int]) -> bytes | None:
    """Return the value of an element by its path, as bytes; None where there is none."""
    *steps, last = path
    for tag, item in zip(steps[::2], steps[1::2], strict=True):
        items = _items(header, tag)
        if not 1 <= item <= len(items):
            return None
        header = items[item - 1]
    found = header._dict.get(BaseTag(last))
    value = None if found is None or found.VR == "SQ" else found.value
    return value if isinstance(value, bytes) else None


def _model(dataset: Dataset, encodings: Sequence[str], signed: bool, place: str) -> Model:
    encodings = _encodings(dataset, encodings)
    model: Model = {}
    for tag in sorted(dataset._dict):
        if tag.element == 0 or tag.group <= 2:
            continue
        key = f"{int(tag):08X}"
        model[key] = _element(dataset, tag, encodings, signed, place + key)
    if _SPECIFIC_CHARACTER_SET in dataset._dict:
        model["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    return model


def _element(dataset: Dataset, tag: BaseTag, encodings: Sequence[str], signed: bool, place: str) -> dict[str, Any]:
    found = dataset._dict[tag]
    vr = _vr(found, signed)
    if vr == "SQ":
        items = enumerate(_items(dataset, tag), start=1)
        return {"vr": "SQ", "Value": [_model(item, encodings, signed, f"{place}/{n}/") for n, item in items]}
    if isinstance(found, DataElement):  # pydicom has read it already
        return found.to_json_dict(None, 0)
    raw = bytes(found.value or b"")
    if not raw:
        return {"vr": vr}
    if len(raw) > (LONGEST_INLINE if vr in _BINARY else LONGEST_TEXT):
        return {"vr": vr, "BulkDataURI": BULK + place}
    if vr in _BINARY:
        return {"vr": vr, "InlineBinary": base64.b64encode(raw).decode()}
    values = list(_values(vr, raw, encodings, little=found.is_little_endian))
    return {"vr": vr, "Value": values} if values else {"vr": vr}


def _vr(found: RawDataElement | DataElement, signed: bool) -> str:
    vr = found.VR or "UN"
    if vr == "UN" and dictionary_has_tag(found.tag):
        vr = dictionary_VR(found.tag)
    if vr == "US or SS" and signed:
        return "SS"
    return _AMBIGUOUS.get(vr, vr)


def _items(dataset: Dataset, tag: int) -> Sequence[Dataset]:
    """Return the items of a sequence; none where it cannot be read."""
    try:
        value = dataset[BaseTag(tag)].value
    except DAMAGED:
        return ()
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()


def _values(vr: str, raw: bytes, encodings: Sequence[str], *, little: bool) -> Iterator[Any]:
    if vr in _NUMBERS:
        code = _NUMBERS[vr]
        count = len(raw) // struct.calcsize(code)
        order = "<" if little else ">"
        yield from map(_finite, struct.unpack_from(f"{order}{count}{code}", raw))
    elif vr == "AT":
        words = struct.unpack_from(f"{'<' if little else '>'}{len(raw) // 4 * 2}H", raw)
        yield from (f"{group:04X}{element:04X}" for group, element in zip(words[::2], words[1::2], strict=True))
    else:
        text = _decoded(raw, encodings)
        texts = [text.rstrip(" \0")] if vr in _ONE_VALUE else [part.strip(" \0") for part in text.split("\\")]
        if any(texts):
            yield from (_READ.get(vr, str)(part) if part else None for part in texts)


def _decoded(raw: bytes, encodings: Sequence[str]) -> str:
    try:
        return decode_bytes(raw, encodings, PN_DELIMS)
    except (LookupError, ValueError):
        return raw.decode(default_encoding)


def _name(text: str) -> dict[str, str] | None:
    groups = {name: part for name, part in zip(_NAME_GROUPS, text.split("="), strict=False) if part}
    return groups or None


def _whole(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _decimal(text: str) -> float | str:
    try:
        found = float(text)
    except ValueError:
        return text
    return found if math.isfinite(found) else text


def _finite(number: float) -> float | str:
    """Return a number, or the word for one that JSON has no number for."""
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


_READ: Final[Mapping[str, Callable[[str], Any]]] = {"PN": _name, "IS": _whole, "DS": _decimal}


def _encodings(dataset: Dataset, inherited: Sequence[str]) -> Sequence[str]:
    """Return how the texts of a data set or item are encoded; an unknown character set counts as Latin-1."""
    found = dataset._dict.get(BaseTag(_SPECIFIC_CHARACTER_SET))
    if found is None or not found.value:
        return inherited
    said = found.value
    text = said.decode(default_encoding) if isinstance(said, bytes) else str(said)
    return convert_encodings([term.strip(" \0").upper() for term in text.split("\\")])


def _is_signed(header: Dataset) -> bool:
    return integer(attribute(header, "PixelRepresentation")) == 1


def _hexadecimal(text: str) -> int | None:
    return int(text, 16) if len(text) == 8 and all(each in "0123456789abcdefABCDEF" for each in text) else None


def _ordinal(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
