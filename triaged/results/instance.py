"""Begins and ends a result object, whatever its kind; knows no masks, pictures or measurements, and writes no file."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from triaged.results.identity import copy_identity, local_time
from triaged.results.provenance import Provenance, add_equipment, printable
from triaged.results.source import SourceSeries
from triaged.study.kinds import ObjectKind
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
class ResultSeries:
    """The series that a kind of object forms, in the words of the examination.

    `title` opens the series description in the place of the kind's own; `body_part` is a code string, empty where the
    part is not known or the kind of object has no such attribute. `of` is what pictures are views of; `label` is a code
    string for the content of a segmentation.
    """

    kind: ObjectKind
    title: str = ""
    body_part: str = ""
    of: str = "an image"
    label: str = "FINDINGS"

    @property
    def notice(self) -> str:
        """What is written on every picture and in every description."""
        return f"{self.title or self.kind.title} - AI triage, not for diagnosis"


def begin(sop_instance_uid: str, source: SourceSeries, series: ResultSeries, provenance: Provenance) -> Dataset:
    """Return a data set with its class and the modules that all objects share, from patient to SOP common."""
    kind, dataset = series.kind, Dataset()
    dataset.SOPInstanceUID = sop_instance_uid
    dataset.SOPClassUID = kind.sop_class_uid
    copy_identity(source.header, dataset)
    dataset.StudyInstanceUID = source.study_uid.value
    dataset.SeriesInstanceUID = provenance.uid(kind.name, "series")
    dataset.Modality = kind.modality
    dataset.SeriesNumber = kind.series_number
    dataset.SeriesDescription = provenance.entitled(series.title or kind.title)
    if series.body_part:
        dataset.BodyPartExamined = series.body_part
    add_equipment(dataset, provenance)
    dataset.ContentQualification = "RESEARCH"
    _stamp(dataset, source.header, provenance)
    _note_sent_uids(dataset, source)
    return dataset


def finish(dataset: Dataset, kind: ObjectKind, name: str = "") -> ResultObject:
    """Return the object as a Part 10 stream, named as its kind unless `name` is given; equal data gives equal bytes."""
    transfer_syntax = UID(kind.transfer_syntaxes[0])
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
        name=name or kind.name,
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
