"""Rows of the worklist as Unified Procedure Steps; the expected values are written down here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID

from tests.triage.cases import finding
from triaged.dicom.workitem import KNOWN, PRIORITIES, Named, Workitem, workitem_uid
from triaged.study.lifecycle import State
from triaged.study.ranking import Lane, TriageClass
from triaged.study.read_state import ReadState
from triaged.study.records import Patient, WorklistEntry

ENTRY = WorklistEntry(
    study_instance_uid="1.2.826.0.1.3",
    position=2,
    lane=Lane.ORDERED,
    triage_class=TriageClass.SEVERE,
    reason="B severe — left lung 54 %, P .91",
    finding=finding(0.54, 0.91),
    state=State.TRIAGED,
    ready_at=datetime(2026, 3, 1, 12, 5, 30, tzinfo=UTC),
    revision=1,
    first_instance_at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
    instances=300,
    patient=Patient("García^José", "P-1", "19560412", "M", "A-1", "20260301", "115900", "CT thorax"),
)


def test_a_row_reads_as_a_scheduled_interpretation() -> None:
    step = Workitem(ENTRY).dataset()
    assert step.SOPClassUID == "1.2.840.10008.5.1.4.34.6.1"
    assert step.SOPInstanceUID == workitem_uid("1.2.826.0.1.3")
    assert UID(step.SOPInstanceUID).is_valid
    assert step.ProcedureStepState == "SCHEDULED"
    assert step.InputReadinessState == "READY"
    assert step.ScheduledProcedureStepPriority == "HIGH"
    assert step.ScheduledProcedureStepStartDateTime == "20260301120530.000000+0000"
    assert step.ProcedureStepLabel == "Interpret CT: B severe"
    assert step.WorklistLabel == "CT triage"
    comment = "Position 2 of the reading order. B severe — left lung 54 %, P .91"
    assert step.CommentsOnTheScheduledProcedureStep == comment
    code = step.ScheduledWorkitemCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == ("110005", "DCM", "Interpretation")
    assert (str(step.PatientName), step.PatientID, step.PatientSex) == ("García^José", "P-1", "M")
    assert step.StudyInstanceUID == step.ReferencedRequestSequence[0].StudyInstanceUID == "1.2.826.0.1.3"
    assert step.ReferencedRequestSequence[0].AccessionNumber == "A-1"


def test_every_class_has_a_priority_and_what_is_unscored_is_not_below_what_is_not_flagged() -> None:
    assert set(PRIORITIES) == set(TriageClass)
    high = {TriageClass.EMERGENCY, TriageClass.CRITICAL, TriageClass.SEVERE}
    assert {member for member, priority in PRIORITIES.items() if priority == "HIGH"} == high
    assert {member for member, priority in PRIORITIES.items() if priority == "LOW"} == {TriageClass.NOT_FLAGGED}


def test_a_study_that_still_arrives_is_not_ready_and_waits_since_its_first_slice() -> None:
    step = Workitem(replace(ENTRY, state=State.RECEIVING, ready_at=None)).dataset()
    assert step.InputReadinessState == "INCOMPLETE"
    assert step.ScheduledProcedureStepStartDateTime == "20260301120000.000000+0000"


def test_a_study_that_is_read_is_in_progress_and_then_completed() -> None:
    states = [Workitem(replace(ENTRY, read_state=each)).dataset().ProcedureStepState for each in ReadState]
    assert dict(zip(ReadState, states, strict=True)) == {
        ReadState.UNREAD: "SCHEDULED",
        ReadState.READING: "IN PROGRESS",
        ReadState.DONE: "COMPLETED",
    }


def test_an_attribute_alone_is_the_same_as_in_the_whole() -> None:
    workitem = Workitem(ENTRY)
    whole = workitem.dataset()
    assert [int(element.tag) for element in whole] == sorted([0x00080005, *KNOWN])
    assert all(workitem.element(tag) == whole[tag] for tag in KNOWN)
    assert workitem.element(0x00081030) is None


def test_items_have_what_they_are_said_to_have() -> None:
    whole = Workitem(ENTRY).dataset()
    for tag, members in KNOWN.items():
        for item in whole[tag].value if whole[tag].VR == "SQ" else ():
            assert {int(member.tag) for member in item} == set(members)


def test_the_two_uids_are_known_without_the_row() -> None:
    named, workitem = Named(ENTRY.study_instance_uid), Workitem(ENTRY)
    assert all(named.element(tag) == workitem.element(tag) for tag in Named.tags)
    assert len(Named.tags) == 2


HOSTILE = [
    Patient("", "", "", "", "", "", "", ""),
    Patient("=" * 9 + "^" * 20, "P\\1\\2", "unknown", "männlich", "A\\B", "x", "y", "z"),
    Patient("Roe^Jane\\\\=\\", "\\", "\\", "\\", "\\", "", "", ""),
    Patient("山田^太郎=a=b=c=d", "‮P", "１９５６０４１２", "女", "\x1b$B;3", "", "", ""),
    Patient("x" * 5000, "y" * 5000, "z" * 5000, "M" * 5000, "w" * 5000, "", "", ""),
]


@pytest.mark.parametrize("patient", HOSTILE)
@pytest.mark.parametrize("implicit", [True, False])
def test_whatever_a_sender_wrote_can_be_answered(patient: Patient, implicit: bool) -> None:
    step = Workitem(replace(ENTRY, patient=patient)).dataset()
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, implicit
    write_dataset(buffer, step)
    if not implicit:
        again = dcmread(BytesIO(buffer.getvalue()), force=True)
        assert again.SOPInstanceUID == step.SOPInstanceUID
    assert step.to_json()
