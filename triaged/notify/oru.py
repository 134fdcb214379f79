"""A change of class as an HL7 v2.5.1 message ORU^R01 (chapter 7.3.1), in UTF-8, as docs/notifications.md says.

Every value is preliminary: no radiologist has verified it. What would be structure in a text is escaped, what would
break the frame left out (chapter 2.7); the library's own escaping writes every character beyond ASCII as a number,
which a receiver of UTF-8 would have to undo. Knows no sockets and no settings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from triaged.study.assessment import Assessed, Failed, OutOfScope
from triaged.study.coding import PRIVATE_SCHEME as SCHEME
from triaged.study.coding import Output
from triaged.study.concepts import SERVICE
from triaged.study.finding import Finding
from triaged.study.notification import Change, Notification, Scored
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.study.records import Patient
from triaged.triage.reason import WORDS

_PRIORITIES = {
    RequestPriority.STAT: "S",
    RequestPriority.HIGH: "A",
    RequestPriority.MEDIUM: "R",
    RequestPriority.ROUTINE: "R",
    RequestPriority.LOW: "R",
}
"""Table 0485 knows nothing below routine."""
_ESCAPES = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})
_LINE_BREAK = "\\.br\\"
_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTROL = ("Cc", "Zl", "Zp")
_NOTE = "Computed by software, not verified by a radiologist."


@dataclass(frozen=True, slots=True)
class Ends:
    """What the two ends of the line call themselves (MSH-3 to MSH-6)."""

    sending_application: str = "TRIAGED"
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""


@dataclass(frozen=True, slots=True)
class _Observation:
    """What an OBX segment says: `value` is escaped already; `sub_id` tells those of one identifier apart (OBX-4)."""

    kind: str
    identifier: str
    value: str
    units: str = ""
    sub_id: str = ""


def control_id(push: Notification) -> str:
    """Return the message's number, the same in every attempt, so that a receiver can tell that it has it already."""
    return str(push.number)


def oru_r01(push: Notification, patient: Patient | None, ends: Ends, *, now: datetime) -> bytes:
    """Return the message, without its frame; without a patient it says nothing that names one."""
    change = push.change
    segments = [
        _msh(push, ends, now),
        _pid(patient),
        _obr(change, patient),
        _segment("NTE", 1, "", _NOTE),
        *_tq1(change.order_priority),
        *(_obx(number, change, each) for number, each in enumerate(_observations(change), start=1)),
    ]
    return "".join(f"{segment}\r" for segment in segments).encode("utf-8", "replace")


def _msh(push: Notification, ends: Ends, now: datetime) -> str:
    names = (ends.sending_application, ends.sending_facility, ends.receiving_application, ends.receiving_facility)
    # MSH-15 and MSH-16 are empty: one answer, from the application (original mode, chapter 2.9.2).
    kind = ("ORU^R01^ORU_R01", control_id(push), "P", "2.5.1")
    return _segment("MSH", "^~\\&", *map(_plain, names), _moment(now), "", *kind, *[""] * 5, "UNICODE UTF-8")


def _pid(patient: Patient | None) -> str:
    if patient is None:
        return _segment("PID", 1)
    birth_date = patient.patient_birth_date if _is_digits(patient.patient_birth_date, 8) else ""
    sex = patient.patient_sex.strip().upper()
    sex = sex if sex in ("", "M", "F", "O") else "U"
    return _segment(
        "PID", 1, "", _plain(patient.patient_id.strip()), "", _person_name(patient.patient_name), "", birth_date, sex
    )


def _obr(change: Change, patient: Patient | None) -> str:
    """Return what was ordered: the accession number as the filler's order number (OBR-3), and in OBR-18."""
    accession = "" if patient is None else _plain(patient.accession_number.strip())
    scored = None if change.result is None else change.result.assessment
    service = scored.finding.service if isinstance(scored, Assessed) else SERVICE
    fields = {
        1: "1",
        3: accession,
        4: f"{service.code.value}^{service.code.meaning}^{service.code.scheme}",
        7: "" if patient is None else _study_moment(patient),
        18: accession,
        22: _moment(change.at),
        24: service.section,
        25: "P",
    }
    return _segment("OBR", *(fields.get(number, "") for number in range(1, max(fields) + 1)))


def _tq1(priority: RequestPriority) -> Iterator[str]:
    if priority in _PRIORITIES:
        yield _segment("TQ1", 1, *[""] * 7, _PRIORITIES[priority])


def _observations(change: Change) -> Iterator[_Observation]:
    yield _class("CLASS^Triage class", change.class_after)
    yield _class("CLASS-BEFORE^Triage class before", change.class_before)
    yield _Observation("TX", f"REASON^Why it stands there^{SCHEME}", _paragraph(change.reason))
    yield _Observation("ST", "113014^Study^DCM", _plain(change.study_uid.sent))
    if change.result is not None:
        yield from _of_result(change.result)


def _class(identifier: str, triage_class: TriageClass) -> _Observation:
    value = f"{_plain(triage_class.value)}^{_plain(WORDS[triage_class])}^{SCHEME}"
    return _Observation("CWE", f"{identifier}^{SCHEME}", value)


def _of_result(result: Scored) -> Iterator[_Observation]:
    yield _Observation("NM", f"REVISION^Revision of the result^{SCHEME}", str(result.revision))
    yield _Observation("ST", f"ALGORITHM^Algorithm^{SCHEME}", _plain(result.algorithm))
    match result.assessment:
        case Assessed(finding=finding):
            yield from _of_finding(finding)
        case OutOfScope(reason=reason) | Failed(reason=reason):
            value = f"{_plain(reason.code.value)}^{_plain(reason.detail)}^{SCHEME}"
            yield _Observation("CWE", f"NO-SCORE^Why there is no score^{SCHEME}", value)
        case _:
            assert_never(result.assessment)


def _of_finding(finding: Finding) -> Iterator[_Observation]:
    for each in finding.numbers(Output.NOTIFICATION):
        unit = each.concept.unit
        identifier = f"{each.concept.hl7_at(each.site)}^{_plain(each.words[:1].upper() + each.words[1:])}^{SCHEME}"
        value = unit.document(each.value)
        yield _Observation("NM", identifier, value, f"{unit.code.value}^{unit.code.meaning}^{unit.code.scheme}")
    for number, flag in enumerate(finding.quality, start=1):
        words = f"{_plain(flag.value)}^{_plain(flag.value.replace('-', ' '))}^{SCHEME}"
        yield _Observation("CWE", f"QUALITY^Read with reserve^{SCHEME}", words, sub_id=str(number))


def _obx(number: int, change: Change, what: _Observation) -> str:
    at = change.at if change.result is None else change.result.at
    value = (what.kind, what.identifier, what.sub_id, what.value, what.units)
    return _segment("OBX", number, *value, "", "", "", "", "P", "", "", _moment(at))


def _segment(name: str, *fields: str | int) -> str:
    """Return a segment of fields that are escaped already; empty ones at the end are left out."""
    return "|".join([name, *map(str, fields)]).rstrip("|")


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%d%H%M%S}+0000"


def _study_moment(patient: Patient) -> str:
    """Return when the study was made, in the site's own time, as far as the images say it to the minute or better."""
    if not _is_digits(patient.study_date, 8):
        return ""
    time = patient.study_time.partition(".")[0]
    return patient.study_date + (time if _is_digits(time, 4) or _is_digits(time, 6) else "")


def _is_digits(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isdecimal()


def _plain(text: str) -> str:
    """Return one line of text: separators escaped, every control character a space."""
    return "".join(" " if unicodedata.category(each) in _CONTROL else each for each in text).translate(_ESCAPES)


def _paragraph(text: str) -> str:
    """Return text of one or several lines, for data types that have line breaks (TX, FT)."""
    return _LINE_BREAK.join(_plain(line) for line in _LINE_END.split(text))


def _person_name(name: str) -> str:
    """Return a DICOM person name (PS3.5 6.2, PN) as XPN of the kind "legal".

    Of its groups the first that says anything is taken; prefix and suffix are the other way round in HL7.
    """
    group = next((each for each in name.split("=") if each.strip("^ ")), "")
    family, given, middle, prefix, suffix = [_plain(each.strip()) for each in (*group.split("^"), *[""] * 5)[:5]]
    known = [family, given, middle, suffix, prefix, "", "L"]
    return "^".join(known) if group else ""
