"""Begins and ends a result object: the modules that every kind shares, and its encoding as a Part 10 stream.

Knows nothing of masks, pictures or measurements; writes no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

from triaged.results.identity import copy_identity, local_time
from triaged.results.provenance import Provenance, add_equipment, printable
from triaged.results.source import SourceSeries
from triaged.study.records import ObjectKind
from triaged.study.uids import derived_uid

IMPLEMENTATION_CLASS_UID = derived_uid("triaged", "implementation class")
PRIVATE_GROUP = 0x7783
PRIVATE_CREATOR = "TRIAGED"


@dataclass(frozen=True, slots=True)
class ResultObject:
    """A finished object: `part10` is the stream to store and send, `name` is unique among one study's objects."""

    kind: ObjectKind
    name: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    part10: bytes


@dataclass(frozen=True, slots=True)
class Series:
    """The series that a kind of object forms; the number is high and stable, so that it follows the acquired series.

    `title` opens the series description; `body_part` is a code string where the kind of object has that attribute.
    """

    kind: ObjectKind
    modality: str
    series_number: int
    title: str
    body_part: str = ""


SEGMENTATION_SERIES = Series(ObjectKind.SEG, "SEG", 9001, "lungs and opacity", body_part="CHEST")
REPORT_SERIES = Series(ObjectKind.SR, "SR", 9002, "triage report")
TEXT_SERIES = Series(ObjectKind.TEXT, "SR", 9003, "triage report as text")
PICTURE_SERIES = Series(ObjectKind.SC, "OT", 9901, "CT-derived projection")
"""Last of all numbers in use, so that it does not take the place of an acquired series in a hanging protocol."""
MULTIFRAME_SERIES = Series(ObjectKind.SC_MULTIFRAME, "OT", 9901, "CT-derived projection")
"""The same pictures in one object: a destination gets these or those, and finds either under the same number."""


def begin(dataset: Dataset, header: Dataset, source: SourceSeries, series: Series, provenance: Provenance) -> None:
    """Write into `dataset` the modules that all objects share: patient, study, series, equipment and SOP common.

    `header` is a source header, from which the patient and the study are copied.
    """
    copy_identity(header, dataset)
    dataset.StudyInstanceUID = source.study_uid.value
    dataset.SeriesInstanceUID = provenance.uid(series.kind.value, "series")
    dataset.Modality = series.modality
    dataset.SeriesNumber = series.series_number
    dataset.SeriesDescription = provenance.entitled(series.title)
    if series.body_part:
        dataset.BodyPartExamined = series.body_part
    add_equipment(dataset, provenance)
    dataset.ContentQualification = "RESEARCH"
    _stamp(dataset, header, provenance)
    _note_sent_uids(dataset, source)


def finish(
    dataset: Dataset, kind: ObjectKind, name: str, transfer_syntax: UID = ExplicitVRLittleEndian
) -> ResultObject:
    """Return the object as a Part 10 stream; equal data sets give equal bytes."""
    file_meta = FileMetaDataset()
    file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    file_meta.TransferSyntaxUID = transfer_syntax
    file_meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    file_meta.ImplementationVersionName = "TRIAGED"
    dataset.file_meta = file_meta
    # Names are held as the bytes that were sent; this keeps the writer from decoding and encoding them again.
    character_set = dataset.get("SpecificCharacterSet")
    dataset.set_original_encoding(False, True, convert_encodings(character_set) if character_set else default_encoding)
    stream = BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return ResultObject(
        kind=kind,
        name=name,
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        series_instance_uid=str(dataset.SeriesInstanceUID),
        transfer_syntax_uid=str(transfer_syntax),
        part10=stream.getvalue(),
    )


def _stamp(dataset: Dataset, header: Dataset, provenance: Provenance) -> None:
    moment = local_time(header, provenance.assessed_at)
    date, time = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
    dataset.SeriesDate = dataset.ContentDate = dataset.InstanceCreationDate = date
    dataset.SeriesTime = dataset.ContentTime = dataset.InstanceCreationTime = time


def _note_sent_uids(dataset: Dataset, source: SourceSeries) -> None:
    """Keep what the sender wrote where it was no valid UID, since our references hold UIDs derived from it."""
    if not source.sent_uids:
        return
    block = dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
    block.add_new(0x01, "UT", "\n".join(f"{ours} was sent as {printable(sent)}" for ours, sent in source.sent_uids))
