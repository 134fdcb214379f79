"""A row of the reading worklist as a Unified Procedure Step: the work of interpreting one study (PS3.3 section B.26).

Knows neither sockets nor how lists are read. Attributes are made one by one when they are asked for, as a query looks
at few of them in most rows. The position is said in the comment, the reason with it: the standard has no attribute for
it, and priorities are coarser than the order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement

from triaged.dicom.attributes import Value, dataset_of, element_of
from triaged.dicom.matching import Known
from triaged.study.concepts import SERVICE
from triaged.study.lifecycle import State
from triaged.study.ranking import TriageClass
from triaged.study.read_state import ReadState
from triaged.study.records import WorklistEntry
from triaged.study.uids import derived_uid

UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
"""SOP class of every step, whichever class a peer asks with (PS3.4 section CC.3.1)."""

CHARACTER_SET = "ISO_IR 192"
WORKLIST_LABEL = f"{SERVICE.section} triage"

PRIORITIES: Mapping[TriageClass, str] = MappingProxyType(
    {
        TriageClass.EMERGENCY: "HIGH",
        TriageClass.CRITICAL: "HIGH",
        TriageClass.SEVERE: "HIGH",
        TriageClass.SUSPECTED_MODERATE: "MEDIUM",
        TriageClass.SUSPECTED_MILD: "MEDIUM",
        TriageClass.UNSCORED: "MEDIUM",
        TriageClass.OPACITY_NOT_FLAGGED: "MEDIUM",
        TriageClass.NOT_FLAGGED: "LOW",
    }
)
"""Scheduled Procedure Step Priority (0074,1200); what has no score is never below what was not flagged."""

STATES: Mapping[ReadState, str] = MappingProxyType(
    {ReadState.UNREAD: "SCHEDULED", ReadState.READING: "IN PROGRESS", ReadState.DONE: "COMPLETED"}
)
"""Procedure Step State (0074,1000)."""

_LONGEST_LABEL = 64
_INTERPRETATION = {"CodeValue": "110005", "CodingSchemeDesignator": "DCM", "CodeMeaning": "Interpretation"}
"""Workitem code (CID 9231)."""

Attributes = Mapping[str, Callable[[WorklistEntry], Value]]
"""Keyword -> what its value is in a row."""


def workitem_uid(study_instance_uid: str) -> str:
    """Return the SOP Instance UID of the step that interprets a study."""
    return derived_uid("workitem", study_instance_uid)


class Workitem:
    """The attributes of one row, by tag."""

    def __init__(self, entry: WorklistEntry) -> None:
        self._entry = entry

    def element(self, tag: int) -> DataElement | None:
        """Return an attribute, without a value where there is none; None where the attribute is not supported."""
        keyword = _KEYWORDS.get(tag)
        return None if keyword is None else element_of(keyword, _VALUES[keyword](self._entry))

    def dataset(self) -> Dataset:
        """Return every supported attribute."""
        return dataset_of(SpecificCharacterSet=CHARACTER_SET, **_values(_VALUES, self._entry))


class Named:
    """What is known of a row by its Study Instance UID alone, so that a search need not read the others."""

    tags = frozenset(int(tag_for_keyword(keyword) or 0) for keyword in ("SOPInstanceUID", "StudyInstanceUID"))

    def __init__(self, study_instance_uid: str) -> None:
        self._study_instance_uid = study_instance_uid

    def element(self, tag: int) -> DataElement | None:
        """Return one of the two attributes in `tags`."""
        if tag not in self.tags:
            return None
        keyword = _KEYWORDS[tag]
        is_own = keyword == "SOPInstanceUID"
        return element_of(keyword, workitem_uid(self._study_instance_uid) if is_own else self._study_instance_uid)


def _since(entry: WorklistEntry) -> datetime:
    return entry.ready_at or entry.first_instance_at


def _birth_date(entry: WorklistEntry) -> str:
    """Return the date where it is one: what senders write into it cannot always be encoded as one."""
    sent = entry.patient.patient_birth_date
    return sent if len(sent) == 8 and sent.isascii() and sent.isdigit() else ""


def _sex(entry: WorklistEntry) -> str:
    return entry.patient.patient_sex if entry.patient.patient_sex in ("M", "F", "O") else ""


def _comment(entry: WorklistEntry) -> str:
    return f"Position {entry.position} of the reading order. {entry.reason}"


def _label(entry: WorklistEntry) -> str:
    service = SERVICE if entry.finding is None else entry.finding.service
    return f"Interpret {service.modality}: {entry.reason.partition(' — ')[0]}"[:_LONGEST_LABEL]


def _readiness(entry: WorklistEntry) -> str:
    return "INCOMPLETE" if entry.state is State.RECEIVING else "READY"


def _values(attributes: Attributes, entry: WorklistEntry) -> dict[str, Value]:
    return {keyword: value(entry) for keyword, value in attributes.items()}


def _nothing(_entry: WorklistEntry) -> Value:
    return ""


def _no_items(_entry: WorklistEntry) -> Value:
    return []


_REQUEST: Attributes = MappingProxyType(
    {
        "AccessionNumber": lambda entry: entry.patient.accession_number,
        "StudyInstanceUID": lambda entry: entry.study_instance_uid,
        "IssuerOfAccessionNumberSequence": _no_items,
        "RequestedProcedureID": _nothing,
        "RequestedProcedureDescription": _nothing,
        "RequestedProcedureCodeSequence": _no_items,
        "ReasonForTheRequestedProcedure": _nothing,
        "ReferringPhysicianName": _nothing,
        "RequestingService": _nothing,
    }
)

_VALUES: Attributes = MappingProxyType(
    {
        "SOPClassUID": lambda _entry: UPS_PUSH,
        "SOPInstanceUID": lambda entry: workitem_uid(entry.study_instance_uid),
        "AdmittingDiagnosesDescription": _nothing,
        "AdmittingDiagnosesCodeSequence": _no_items,
        "PatientName": lambda entry: entry.patient.patient_name,
        "PatientID": lambda entry: entry.patient.patient_id,
        "IssuerOfPatientID": _nothing,
        "PatientBirthDate": _birth_date,
        "PatientSex": _sex,
        "StudyInstanceUID": lambda entry: entry.study_instance_uid,
        "AdmissionID": _nothing,
        "IssuerOfAdmissionIDSequence": _no_items,
        "CommentsOnTheScheduledProcedureStep": _comment,
        "ScheduledProcedureStepStartDateTime": lambda entry: f"{_since(entry).astimezone(UTC):%Y%m%d%H%M%S.%f}+0000",
        "ScheduledWorkitemCodeSequence": lambda _entry: [dataset_of(**_INTERPRETATION)],
        "InputInformationSequence": _no_items,
        "ScheduledStationNameCodeSequence": _no_items,
        "ScheduledStationClassCodeSequence": _no_items,
        "ScheduledStationGeographicLocationCodeSequence": _no_items,
        "ScheduledHumanPerformersSequence": _no_items,
        "InputReadinessState": _readiness,
        "ReferencedRequestSequence": lambda entry: [dataset_of(**_values(_REQUEST, entry))],
        "ProcedureStepState": lambda entry: STATES[entry.read_state],
        "ScheduledProcedureStepPriority": lambda entry: PRIORITIES[entry.triage_class],
        "WorklistLabel": lambda _entry: WORKLIST_LABEL,
        "ProcedureStepLabel": _label,
        "ScheduledProcessingParametersSequence": _no_items,
    }
)
"""Supported attributes in ascending order of their tags."""

_ITEMS = {"ScheduledWorkitemCodeSequence": tuple(_INTERPRETATION), "ReferencedRequestSequence": tuple(_REQUEST)}


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, f"{keyword} is no attribute"
    return int(tag)


_KEYWORDS: Mapping[int, str] = MappingProxyType({_tag(keyword): keyword for keyword in _VALUES})

KNOWN: Known = MappingProxyType(
    {tag: frozenset(map(_tag, _ITEMS.get(keyword, ()))) for tag, keyword in _KEYWORDS.items()}
)
"""Tags of the supported attributes, each with those of its items."""
