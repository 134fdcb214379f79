"""Rows of the audit trail as DICOM audit messages (PS3.15 A.5.1), XML that an audit repository understands.

Knows no network. Values of queries and names of patients are left out; the Patient ID is in, where a study is.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from triaged.store.trail.audits import Told
from triaged.study.audit import Audited, AuditEvent

Code = tuple[str, str]
_DCM, _RFC = "DCM", "RFC-3881"
_START, _STOP = ("110120", "Application Start"), ("110121", "Application Stop")
_SOURCE, _DESTINATION = ("110153", "Source Role ID"), ("110152", "Destination Role ID")


@dataclass(frozen=True, slots=True)
class _Form:
    """Which message an event becomes: its EventID (CID 400), action, and EventTypeCode (CID 401)."""

    event_id: Code
    action: str
    kind: Code | None = None


_ACTIVITY, _ALERT = ("110100", "Application Activity"), ("110113", "Security Alert")
_AUTHENTICATION, _ACCESSED = ("110114", "User Authentication"), ("110103", "DICOM Instances Accessed")
_QUERY, _TRANSFERRED = ("110112", "Query"), ("110104", "DICOM Instances Transferred")
_RESTRICTED = ("110132", "Use of Restricted Function")
FORMS: Final = {
    AuditEvent.STARTED: _Form(_ACTIVITY, "E", _START),
    AuditEvent.STOPPED: _Form(_ACTIVITY, "E", _STOP),
    AuditEvent.CONFIGURATION: _Form(_ALERT, "E", ("110131", "Software Configuration")),
    AuditEvent.ADMINISTRATION: _Form(_ALERT, "E", _RESTRICTED),
    AuditEvent.ACCESS_REFUSED: _Form(_ALERT, "E", _RESTRICTED),
    AuditEvent.SIGNED_IN: _Form(_AUTHENTICATION, "E", ("110122", "Login")),
    AuditEvent.SIGNED_OUT: _Form(_AUTHENTICATION, "E", ("110123", "Logout")),
    AuditEvent.LIST_VIEWED: _Form(_QUERY, "E"),
    AuditEvent.LIST_EXPORTED: _Form(_QUERY, "E"),
    AuditEvent.LIST_QUERIED: _Form(_QUERY, "E"),
    AuditEvent.STUDY_VIEWED: _Form(_ACCESSED, "R"),
    AuditEvent.PICTURES_VIEWED: _Form(_ACCESSED, "R"),
    AuditEvent.DECISION: _Form(("110111", "Procedure Record"), "U"),
    AuditEvent.INSTANCES_RECEIVED: _Form(_TRANSFERRED, "C"),
    AuditEvent.INSTANCES_SENT: _Form(_TRANSFERRED, "R"),
    AuditEvent.AUDIT_READ: _Form(("110101", "Audit Log Used"), "R"),
}


def audit_message(told: Told, *, site: str, ae_title: str) -> bytes:
    """Return the message about one row, in UTF-8; `site` and `ae_title` say who reports it."""
    row = told.audited
    form = FORMS[row.event]
    message = Element("AuditMessage")
    outcome = "0" if row.succeeded else "4"
    when = row.at.isoformat(timespec="milliseconds")
    known = {"EventActionCode": form.action, "EventDateTime": when, "EventOutcomeIndicator": outcome}
    event = SubElement(message, "EventIdentification", known)
    _code(event, "EventID", form.event_id)
    if form.kind is not None:
        _code(event, "EventTypeCode", form.kind)
    if row.detail or row.reason:
        said = "; ".join(filter(None, (row.detail, row.reason)))
        SubElement(event, "EventOutcomeDescription").text = _text(said)
    for participant in _participants(row, ae_title):
        message.append(participant)
    source = SubElement(message, "AuditSourceIdentification", {"AuditSourceID": _text(row.source or ae_title)})
    if site:
        source.set("AuditEnterpriseSiteID", _text(site))
    SubElement(source, "AuditSourceTypeCode", {"csd-code": "4"})
    for thing in _objects(told, form):
        message.append(thing)
    return b'<?xml version="1.0" encoding="UTF-8"?>' + tostring(message, "unicode").encode()


def _participants(row: Audited, ae_title: str) -> Iterator[Element]:
    """Give who did it, and the program as the other side where data or an answer went between two."""
    match row.event:
        case AuditEvent.STARTED | AuditEvent.STOPPED:
            yield _participant(row.source or ae_title, ("110150", "Application"), requestor=False)
        case AuditEvent.INSTANCES_RECEIVED:
            yield _participant(row.person, _SOURCE, requestor=True, address=row.address)
            yield _participant(ae_title, _DESTINATION, requestor=False)
        case AuditEvent.INSTANCES_SENT:
            yield _participant(ae_title, _SOURCE, requestor=True)
            yield _participant(row.target, _DESTINATION, requestor=False)
        case AuditEvent.LIST_VIEWED | AuditEvent.LIST_EXPORTED | AuditEvent.LIST_QUERIED:
            yield _participant(row.person, _SOURCE, requestor=True, address=row.address)
            yield _participant(ae_title, _DESTINATION, requestor=False)
        case _:
            yield _participant(row.person or row.source, None, requestor=True, address=row.address)


def _participant(user: str, role: Code | None, *, requestor: bool, address: str = "") -> Element:
    known = {"UserID": _text(user) or "unknown", "UserIsRequestor": "true" if requestor else "false"}
    found = Element("ActiveParticipant", known)
    if address:
        found.set("NetworkAccessPointID", _text(address))
        found.set("NetworkAccessPointTypeCode", "2")
    if role is not None:
        _code(found, "RoleIDCode", role)
    return found


def _objects(told: Told, form: _Form) -> Iterator[Element]:
    """Give what it was done to: study and patient, a query, the audit trail, or what an alert is about."""
    row = told.audited
    if row.study_uid:
        study = _object(row.study_uid, "2", "3", ("110180", "Study Instance UID"), name=row.study_uid)
        if form.event_id == _TRANSFERRED:
            number = row.detail.partition("instances: ")[2].partition(",")[0]
            described = SubElement(study, "ParticipantObjectDescription")
            SubElement(described, "SOPClass", {"NumberOfInstances": number or "0"})
        yield study
        patient_id = told.patient_id.strip() or "unknown"
        yield _object(patient_id, "1", "1", ("2", "Patient Number"), system=_RFC, name=patient_id)
    elif form.event_id == _QUERY:
        yield _object(row.target or "/", "2", "3", ("12", "URI"), system=_RFC, query=row.detail or row.target)
    elif row.event is AuditEvent.AUDIT_READ:
        yield _object("audit", "2", "13", ("12", "URI"), system=_RFC, name="Security Audit Log")
    elif form.event_id == _ALERT:
        alert = _object(row.target or "triaged", "2", "13", ("12", "URI"), system=_RFC, name=row.target or "triaged")
        said = base64.b64encode(_text(row.detail).encode()).decode()
        SubElement(alert, "ParticipantObjectDetail", {"type": "Alert Description", "value": said})
        yield alert


def _object(
    number: str, kind: str, role: str, code: Code, *, system: str = _DCM, name: str = "", query: str = ""
) -> Element:
    known = {
        "ParticipantObjectID": _text(number) or "unknown",
        "ParticipantObjectTypeCode": kind,
        "ParticipantObjectTypeCodeRole": role,
    }
    found = Element("ParticipantObjectIdentification", known)
    _code(found, "ParticipantObjectIDTypeCode", code, system)
    if name:
        SubElement(found, "ParticipantObjectName").text = _text(name) or "unknown"
    else:
        SubElement(found, "ParticipantObjectQuery").text = base64.b64encode(_text(query).encode()).decode()
    return found


def _code(parent: Element, name: str, code: Code, system: str = _DCM) -> None:
    SubElement(parent, name, {"csd-code": code[0], "codeSystemName": system, "originalText": code[1]})


def _text(text: str) -> str:
    """Return text that XML can hold."""
    return "".join(each if each.isprintable() else " " for each in text.encode("utf-8", "replace").decode()).strip()
