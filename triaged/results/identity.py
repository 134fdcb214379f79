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

_SPELLINGS = (
    (re.compile(r"ISO[ _-]?IR[ _-]?([0-9]+)", re.IGNORECASE), r"ISO_IR \1"),
    (re.compile(r"ISO[ _-]2022[ _-]IR[ _-]([0-9]+)", re.IGNORECASE), r"ISO 2022 IR \1"),
    (re.compile(r"UTF[ _-]?8|ISO[ _-]IR[ _-]192", re.IGNORECASE), "ISO_IR 192"),
)
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
    """Return Specific Character Set in the standard's spelling; empty where a term is unknown, which only misleads."""
    terms = [_spelling(term.strip()) for term in sent_text(source, "SpecificCharacterSet").split("\\")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            convert_encodings(terms if len(terms) > 1 else terms[0])
        except (UserWarning, LookupError):
            return ""
    return "\\".join(terms)


def _spelling(term: str) -> str:
    for pattern, standard in _SPELLINGS:
        if pattern.fullmatch(term):
            return pattern.sub(standard, term)
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
