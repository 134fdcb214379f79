"""Copies the patient and the study from a source header into an object of ours; knows nothing of findings.

Only named attributes are copied, so that nothing invalid comes along by accident. Text that identifies (names, numbers,
the accession number) is copied byte for byte with its character set, even where it breaks a length limit: a shortened
identifier would be another patient's or nobody's. A date, time, code or age that is not valid is left empty, in our
object only.
"""

from __future__ import annotations

import re
import warnings
from datetime import datetime, timedelta, timezone

from pydicom.charset import convert_encodings, encode_string
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import PersonName

REQUIRED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "StudyID",
    "ReferringPhysicianName",
)
"""Type 2 in the Patient (C.7.1.1) and General Study (C.7.2.1) modules: written empty where the source has none."""

OPTIONAL = (
    "IssuerOfPatientID",
    "PatientBirthTime",
    "PatientComments",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "StudyDescription",
    "TimezoneOffsetFromUTC",
)

_DEFAULT = "6"  # the repertoire where no character set is named
_ALONE = frozenset({"ISO_IR 192", "GB18030", "GBK"})
_OF_SEVERAL_BYTES = frozenset({"58", "87", "149", "159"})
_OF_ONE_BYTE = frozenset({"6", "13", "100", "101", "109", "110", "126", "127", "138", "144", "148", "166"})
"""Terms that pydicom knows of those in PS3.3 C.12.1.1.2, by their ISO-IR number but for those that stand alone."""
_PARTS_OF_8859 = {"1": 100, "2": 101, "3": 109, "4": 110, "5": 144, "6": 127, "7": 126, "8": 138, "9": 148, "11": 166}
_ISO_IR = re.compile(r"ISO[ _-]?(?:2022[ _-]?)?IR[ _-]?([0-9]+)")
_ISO_8859 = re.compile(r"(?:ISO[ _-]?)?8859[ _-]([0-9]+)")
_UTF_8 = re.compile(r"UTF[ _-]?8")
_VALID = {
    "DA": re.compile(r"[12][0-9]{3}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"),
    "TM": re.compile(r"([01][0-9]|2[0-3])([0-5][0-9](([0-5][0-9]|60)(\.[0-9]{1,6})?)?)?"),
    "AS": re.compile(r"[0-9]{3}[DWMY]"),
    "DS": re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"),
    "CS": re.compile(r"[MFO]"),  # Patient's Sex is the only code string that is copied
}
_OFFSET = re.compile(r"([+-])([0-9]{2})([0-5][0-9])")


def sent_bytes(source: Dataset, keyword: str) -> bytes:
    """Return an attribute's value as it was sent, without padding; empty where it is absent."""
    element = source.get_item(_tag(keyword))
    if element is None or element.value is None:
        return b""
    raw = element.value if isinstance(element, RawDataElement) else _encoded(element, source)
    return bytes(raw).strip(b" \0")


def sent_text(source: Dataset, keyword: str) -> str:
    """Return an attribute's value as text of one byte per character; for UIDs, dates and codes, never for names."""
    return sent_bytes(source, keyword).decode("latin-1")


def copy_identity(source: Dataset, target: Dataset) -> None:
    """Write the Patient, General Study and Patient Study attributes of `source` into `target`, repaired."""
    character_set = _character_set(source)
    if character_set:
        target.SpecificCharacterSet = character_set.split("\\") if "\\" in character_set else character_set
    elif "SpecificCharacterSet" in target:
        del target.SpecificCharacterSet
    for keyword in REQUIRED:
        _put(target, keyword, _repaired(source, keyword))
    for keyword in OPTIONAL:
        value = _repaired(source, keyword)
        if value:
            _put(target, keyword, value)


def local_time(source: Dataset, moment: datetime) -> datetime:
    """Return `moment` in the time zone that the source declares, else unchanged."""
    match = _OFFSET.fullmatch(sent_text(source, "TimezoneOffsetFromUTC"))
    if match is None or int(match[2]) > 14:
        return moment
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return moment.astimezone(timezone(-offset if match[1] == "-" else offset))


def _repaired(source: Dataset, keyword: str) -> bytes:
    value = sent_bytes(source, keyword)
    vr = dictionary_VR(_tag(keyword))
    if keyword == "TimezoneOffsetFromUTC":
        return value if _OFFSET.fullmatch(value.decode("latin-1")) else b""
    if vr in _VALID:
        return value if _VALID[vr].fullmatch(value.decode("latin-1")) and len(value) <= 16 else b""
    return value


def _character_set(source: Dataset) -> str:
    """Return Specific Character Set by PS3.3 C.12.1.1.2, whatever its spelling; empty where a term says nothing known.

    A wrong term would only mislead: a reader then falls back on the default, and the bytes are there as they were sent.
    """
    sent = sent_text(source, "SpecificCharacterSet").split("\\")
    terms = [_iso_ir(term.strip().upper()) for term in sent]
    if terms[0] in _ALONE:
        return terms[0]
    first, *others = terms
    extensions = [one for one in others if one in _OF_SEVERAL_BYTES | _OF_ONE_BYTE]
    if first in _OF_SEVERAL_BYTES:
        first, extensions = "", [first, *extensions]
    if first not in _OF_ONE_BYTE:
        first = ""
    if not extensions:
        return f"ISO_IR {first}" if first not in ("", _DEFAULT) else ""
    return "\\".join(f"ISO 2022 IR {one}" if one else "" for one in (first, *extensions))


def _iso_ir(term: str) -> str:
    """Return a term's ISO-IR number, or itself where it has none."""
    if _UTF_8.fullmatch(term):
        return "ISO_IR 192"
    if match := _ISO_8859.fullmatch(term):
        return str(_PARTS_OF_8859.get(match[1], ""))
    if match := _ISO_IR.fullmatch(term):
        return "ISO_IR 192" if match[1] == "192" else match[1]
    return term


def _put(target: Dataset, keyword: str, value: bytes) -> None:
    """Set an attribute to bytes that are written as they are."""
    tag = _tag(keyword)
    padded = value + b" " if len(value) % 2 else value
    target[tag] = RawDataElement(tag, dictionary_VR(tag), len(padded), padded, 0, False, True)


def _encoded(element: DataElement, source: Dataset) -> bytes:
    values = element.value if isinstance(element.value, (MultiValue, list, tuple)) else [element.value]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a term or a character that cannot be encoded was the sender's, and stays
        encodings = convert_encodings(source.get("SpecificCharacterSet", None) or "ISO_IR 6")
        return b"\\".join(_encoded_value(value, encodings) for value in values)


def _encoded_value(value: object, encodings: list[str]) -> bytes:
    if isinstance(value, PersonName):
        return value.original_string or value.encode(encodings)
    if isinstance(value, bytes):
        return value
    return encode_string(str(value), encodings)


def _tag(keyword: str) -> BaseTag:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"expected a keyword of the data dictionary, found {keyword!r}")
    return Tag(tag)
