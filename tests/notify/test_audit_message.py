"""Messages about the audit trail, against the schema and the tables of PS3.15 A.5."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.notify.audit_schema import checked
from triaged.notify.audit_message import FORMS, audit_message
from triaged.notify.syslog import framed
from triaged.store.trail.audits import Told
from triaged.study.audit import Audited, AuditEvent

SECURITY = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OF_STUDIES = {
    AuditEvent.STUDY_VIEWED,
    AuditEvent.PICTURES_VIEWED,
    AuditEvent.DECISION,
    AuditEvent.INSTANCES_RECEIVED,
    AuditEvent.INSTANCES_SENT,
}


def _told(event: AuditEvent, **more: str) -> Told:
    said: dict[str, Any] = {
        "person": "ann",
        "address": "10.0.0.5",
        "source": "web@host",
        "target": "pacs",
        "detail": "instances: 7",
    }
    study = {"study_uid": "1.2.3"} if event in OF_STUDIES else {}
    return Told(1, Audited(event, AT, **{**said, **study, **more}), "P-1" if study else "")


@pytest.mark.parametrize("event", list(AuditEvent))
def test_every_event_has_a_message_of_the_standard(event: AuditEvent) -> None:
    root = checked(audit_message(_told(event), site="Hospital", ae_title="TRIAGED"))
    assert root[0].attrib["EventDateTime"] == "2026-03-01T12:00:00.000+00:00"
    assert set(FORMS) == set(AuditEvent)


@given(
    st.sampled_from(list(AuditEvent)),
    st.dictionaries(st.sampled_from(["person", "address", "source", "target", "detail", "reason"]), st.text()),
)
def test_whatever_people_and_peers_write_the_message_stays_valid(event: AuditEvent, said: dict[str, str]) -> None:
    checked(audit_message(_told(event, **said), site="", ae_title="TRIAGED"))


def test_what_was_received_and_sent_names_both_sides_and_the_number() -> None:
    received = checked(audit_message(_told(AuditEvent.INSTANCES_RECEIVED), site="", ae_title="TRIAGED"))
    assert [each.attrib["UserID"] for each in received.iterfind("ActiveParticipant")] == ["ann", "TRIAGED"]
    sent = checked(audit_message(_told(AuditEvent.INSTANCES_SENT), site="", ae_title="TRIAGED"))
    assert [each.attrib["UserID"] for each in sent.iterfind("ActiveParticipant")] == ["TRIAGED", "pacs"]
    number = sent.find("ParticipantObjectIdentification/ParticipantObjectDescription/SOPClass")
    assert number is not None
    assert number.attrib["NumberOfInstances"] == "7"


def test_a_failed_sign_in_is_a_failure_with_the_name_that_was_tried() -> None:
    told = Told(1, Audited(AuditEvent.SIGNED_IN, AT, person="mallory", address="10.0.0.9", succeeded=False), "")
    root = checked(audit_message(told, site="", ae_title="TRIAGED"))
    assert root[0].attrib["EventOutcomeIndicator"] == "4"
    assert root[1].attrib["UserID"] == "mallory"
    assert root[1].attrib["NetworkAccessPointID"] == "10.0.0.9"


def test_a_study_is_told_with_its_patient_and_without_a_name() -> None:
    root = checked(audit_message(_told(AuditEvent.STUDY_VIEWED), site="", ae_title="TRIAGED"))
    objects = {
        each.attrib["ParticipantObjectTypeCodeRole"]: each.attrib["ParticipantObjectID"]
        for each in root.iterfind("ParticipantObjectIdentification")
    }
    assert objects == {"3": "1.2.3", "1": "P-1"}


def test_of_a_query_the_attributes_are_told() -> None:
    root = checked(audit_message(_told(AuditEvent.LIST_QUERIED, detail="asked by: PatientID"), site="", ae_title="T"))
    query = root.findtext("ParticipantObjectIdentification/ParticipantObjectQuery") or ""
    assert base64.b64decode(query) == b"asked by: PatientID"


def test_a_frame_says_its_length_in_bytes() -> None:
    assert framed("ä".encode()) == b"2 \xc3\xa4"


def test_the_documents_say_of_every_event_which_message_it_is() -> None:
    section = SECURITY.partition("## Audit trail")[2].partition("\n## ")[0]
    said = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            for name in re.findall(r"`([a-z-]+)`", cells[0]):
                said[name] = cells[2]
    assert said.keys() == {event.value for event in AuditEvent}
    for event, form in FORMS.items():
        kind = "" if form.kind is None or form.kind[1].startswith("Application") else f", {form.kind[1]}"
        assert said[event.value] == form.event_id[1] + kind
