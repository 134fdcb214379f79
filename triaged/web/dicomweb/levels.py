"""Which attributes belong to a study, a series and an instance, and what of them a search returns (PS3.18 10.6.3).

Knows tags only. What belongs to neither study nor series belongs to the instance.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum
from typing import Final

from pydicom.datadict import tag_for_keyword


class Level(IntEnum):
    """What a search lists; a lower one also has what the higher ones have."""

    STUDY = 0
    SERIES = 1
    INSTANCE = 2


def _tags(*keywords: str) -> frozenset[int]:
    found = [tag_for_keyword(keyword) for keyword in keywords]
    assert all(found), keywords
    return frozenset(int(tag or 0) for tag in found)


STUDY_TAGS: Final = _tags(
    *("SpecificCharacterSet", "StudyDate", "StudyTime", "AccessionNumber", "IssuerOfAccessionNumberSequence"),
    *("InstanceAvailability", "ModalitiesInStudy", "ReferringPhysicianName", "TimezoneOffsetFromUTC"),
    *("StudyDescription", "ProcedureCodeSequence", "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy"),
    *("AdmittingDiagnosesDescription", "ReferencedStudySequence", "RetrieveURL", "PatientName", "PatientID"),
    *("IssuerOfPatientID", "PatientBirthDate", "PatientBirthTime", "PatientSex", "OtherPatientIDs"),
    *("OtherPatientIDsSequence", "PatientAge", "PatientSize", "PatientWeight", "EthnicGroup", "Occupation"),
    *("AdditionalPatientHistory", "PatientComments", "PatientIdentityRemoved", "StudyInstanceUID", "StudyID"),
    *("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "RequestingPhysician"),
    *("RequestedProcedureDescription", "StudyComments"),
)
SERIES_TAGS: Final = _tags(
    *("SeriesDate", "SeriesTime", "Modality", "Manufacturer", "InstitutionName", "InstitutionAddress"),
    *("StationName", "SeriesDescription", "InstitutionalDepartmentName", "PerformingPhysicianName"),
    *("OperatorsName", "ManufacturerModelName", "BodyPartExamined", "DeviceSerialNumber", "SoftwareVersions"),
    *("ProtocolName", "PatientPosition", "SeriesInstanceUID", "SeriesNumber", "Laterality"),
    *("FrameOfReferenceUID", "PositionReferenceIndicator", "NumberOfSeriesRelatedInstances"),
    *("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime", "PerformedProcedureStepDescription"),
    *("PerformedProcedureStepID", "RequestAttributesSequence", "ReferencedPerformedProcedureStepSequence"),
)

_USUAL: Final = {
    Level.STUDY: _tags(
        *("SpecificCharacterSet", "StudyDate", "StudyTime", "AccessionNumber", "InstanceAvailability"),
        *("ModalitiesInStudy", "ReferringPhysicianName", "TimezoneOffsetFromUTC", "RetrieveURL", "PatientName"),
        *("PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID"),
        *("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "StudyDescription"),
    ),
    Level.SERIES: _tags(
        *("SpecificCharacterSet", "Modality", "TimezoneOffsetFromUTC", "SeriesDescription", "RetrieveURL"),
        *("SeriesInstanceUID", "SeriesNumber", "NumberOfSeriesRelatedInstances", "RequestAttributesSequence"),
        *("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime"),
    ),
    Level.INSTANCE: _tags(
        *("SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "InstanceAvailability", "TimezoneOffsetFromUTC"),
        *("RetrieveURL", "InstanceNumber", "Rows", "Columns", "BitsAllocated", "NumberOfFrames"),
        *("AvailableTransferSyntaxUID",),
    ),
}
_OF_NO_SEARCH: Final = _tags("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def level_of(tag: int) -> Level:
    """Return to what an attribute belongs."""
    return Level.STUDY if tag in STUDY_TAGS else Level.SERIES if tag in SERIES_TAGS else Level.INSTANCE


def is_returned(tag: int, levels: Collection[Level], included: Collection[int], *, everything: bool) -> bool:
    """Tell whether a search that lists these levels returns an attribute; never one that is of a lower level."""
    if tag in _OF_NO_SEARCH or level_of(tag) > max(levels):
        return False
    if everything:
        return True
    return tag in included or any(tag in _USUAL[level] for level in levels)
