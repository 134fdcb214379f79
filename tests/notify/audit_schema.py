"""The schema of DICOM audit messages, written again from PS3.15 A.5.1.1, and the messages of A.5.3 that we send.

It is independent of the code that writes them: element order, what must be there, and which values are allowed.
"""

from __future__ import annotations

import base64
import re
from xml.etree.ElementTree import Element, fromstring

CODED = {"csd-code", "codeSystemName", "originalText"}
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

EVENTS = {
    "110100": ({"E"}, {"110120", "110121"}, set()),
    "110101": ({"R"}, set(), {("2", "13")}),
    "110103": (set("CRUD"), set(), {("2", "3"), ("1", "1")}),
    "110104": (set("CRUD"), set(), {("2", "3"), ("1", "1")}),
    "110111": (set("CRUD"), set(), {("2", "3"), ("1", "1")}),
    "110112": ({"E"}, set(), {("2", "3")}),
    "110113": ({"E"}, {str(number) for number in range(110126, 110139)}, {("2", "13")}),
    "110114": ({"E"}, {"110122", "110123"}, set()),
}
"""EventID: actions, EventTypeCodes of which one has to be there, and types and roles of objects that have to be."""


def checked(message: bytes) -> Element:
    """Return the root of a message; `AssertionError` where it does not fit the schema."""
    root = fromstring(message)
    assert root.tag == "AuditMessage"
    assert not root.attrib
    order = [child.tag for child in root]
    pattern = "EventIdentification (ActiveParticipant )+AuditSourceIdentification( ParticipantObjectIdentification)*"
    assert re.fullmatch(pattern, " ".join(order)), order
    _event(root[0])
    for child in root:
        {
            "EventIdentification": _event,
            "ActiveParticipant": _participant,
            "AuditSourceIdentification": _source,
            "ParticipantObjectIdentification": _object,
        }[child.tag](child)
    _as_defined(root)
    return root


def _coded(element: Element) -> None:
    assert set(element.attrib) >= CODED, element.attrib
    assert set(element.attrib) <= CODED | {"displayName"}
    assert all(value == value.strip() and value for value in element.attrib.values())
    assert not len(element)


def _children(element: Element, pattern: str) -> None:
    assert re.fullmatch(pattern, "".join(f"{child.tag} " for child in element)), [child.tag for child in element]


def _attributes(element: Element, required: set[str], optional: set[str]) -> None:
    assert required <= set(element.attrib) <= required | optional, element.attrib


def _event(event: Element) -> None:
    _attributes(event, {"EventDateTime", "EventOutcomeIndicator"}, {"EventActionCode"})
    assert DATE.fullmatch(event.attrib["EventDateTime"])
    assert event.attrib["EventOutcomeIndicator"] in ("0", "4", "8", "12")
    assert event.attrib.get("EventActionCode", "E") in "CRUDE"
    _children(event, "EventID (EventTypeCode )*(EventOutcomeDescription )?")
    for child in event:
        if child.tag != "EventOutcomeDescription":
            _coded(child)


def _participant(who: Element) -> None:
    optional = {"AlternativeUserID", "UserName", "NetworkAccessPointID", "NetworkAccessPointTypeCode"}
    _attributes(who, {"UserID", "UserIsRequestor"}, optional)
    assert who.attrib["UserID"]
    assert who.attrib["UserIsRequestor"] in ("true", "false")
    assert who.attrib.get("NetworkAccessPointTypeCode", "1") in "12345"
    assert ("NetworkAccessPointID" in who.attrib) == ("NetworkAccessPointTypeCode" in who.attrib)
    _children(who, "(RoleIDCode )*(MediaIdentifier )?")
    for child in who:
        _coded(child)


def _source(source: Element) -> None:
    _attributes(source, {"AuditSourceID"}, {"AuditEnterpriseSiteID"})
    _children(source, "(AuditSourceTypeCode )*")


def _object(thing: Element) -> None:
    optional = {"ParticipantObjectTypeCode", "ParticipantObjectTypeCodeRole", "ParticipantObjectDataLifeCycle"}
    _attributes(thing, {"ParticipantObjectID"}, optional | {"ParticipantObjectSensitivity"})
    assert thing.attrib["ParticipantObjectID"]
    _children(
        thing,
        "ParticipantObjectIDTypeCode (ParticipantObjectName |ParticipantObjectQuery )(ParticipantObjectDetail )*"
        "(ParticipantObjectDescription )*",
    )
    _coded(thing[0])
    for child in thing[1:]:
        if child.tag == "ParticipantObjectQuery":
            base64.b64decode(child.text or "", validate=True)
        if child.tag == "ParticipantObjectDetail":
            _attributes(child, {"type", "value"}, set())
            base64.b64decode(child.attrib["value"], validate=True)
        if child.tag == "ParticipantObjectDescription":
            _children(child, "(SOPClass )*")
            assert all(int(each.attrib["NumberOfInstances"]) >= 0 for each in child)


def _as_defined(root: Element) -> None:
    """Compare with the tables of PS3.15 A.5.3 of its event."""
    event_id = root.find("EventIdentification/EventID")
    assert event_id is not None
    actions, kinds, objects = EVENTS[event_id.attrib["csd-code"]]
    assert root[0].attrib["EventActionCode"] in actions
    found = {each.attrib["csd-code"] for each in root.iterfind("EventIdentification/EventTypeCode")}
    assert found <= kinds
    assert len(found) == bool(kinds)
    roles = {
        (each.attrib["ParticipantObjectTypeCode"], each.attrib["ParticipantObjectTypeCodeRole"])
        for each in root.iterfind("ParticipantObjectIdentification")
    }
    assert objects <= roles, (event_id.attrib, roles)
    if event_id.attrib["csd-code"] in ("110104", "110112"):
        sides = {each.attrib["csd-code"] for each in root.iterfind("ActiveParticipant/RoleIDCode")}
        assert {"110152", "110153"} <= sides
