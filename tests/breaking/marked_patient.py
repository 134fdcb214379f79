"""One patient whose every attribute is marked, in several character sets, and a destination that quotes it.

Knows no daemon.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import Tag
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.presentation import AllStoragePresentationContexts

from tests.breaking.small_scans import small_study
from tests.wire.peers import CT_IMAGE, EXPLICIT

MARK = "Zqxwv7"
"""What begins every mark: it is in nothing else."""
_TEXTS = {
    "PatientName": f"{MARK}Name^Ännchen",
    "PatientID": f"{MARK}ID",
    "AccessionNumber": f"{MARK}Acc",
    "StudyDescription": f"{MARK}StudyDesc",
    "SeriesDescription": f"{MARK}SeriesDesc",
    "StudyID": f"{MARK}StuID",
    "PatientComments": f"{MARK}Comments",
    "ImageComments": f"{MARK}ImageComments",
    "OtherPatientIDs": f"{MARK}OtherID",
    "OtherPatientNames": f"{MARK}OtherName^Ännchen",
    "PatientAddress": f"{MARK}Street 7",
    "PatientBirthName": f"{MARK}BirthName",
    "PatientMotherBirthName": f"{MARK}Mother",
    "ReferringPhysicianName": f"{MARK}Referrer",
    "RequestingPhysician": f"{MARK}Requester",
    "PerformingPhysicianName": f"{MARK}Performer",
    "OperatorsName": f"{MARK}Operator",
    "AdditionalPatientHistory": f"{MARK}History",
    "AdmissionID": f"{MARK}Admission",
    "ProtocolName": f"{MARK}Protocol",
    "RequestedProcedureDescription": f"{MARK}Requested",
    "BodyPartExamined": "CHEST",
}
_ODD = {
    "PatientBirthDate": "DA", "StudyDate": "DA", "StudyTime": "TM", "AcquisitionDateTime": "DT", "PatientAge": "AS",
    "PatientWeight": "DS", "PatientSize": "DS", "PatientSex": "CS", "InstanceNumber": "IS", "SeriesNumber": "IS",
    "KVP": "DS", "BodyPartExamined": "CS", "FrameOfReferenceUID": "UI", "SliceThickness": "DS", "ImageType": "CS",
    "ConvolutionKernel": "SH", "TimezoneOffsetFromUTC": "SH", "PatientBirthTime": "TM", "SoftwareVersions": "LO",
}  # fmt: skip
"""Attributes in which a sender may write what is no value of its representation."""
_BIRTH_DATE = "19070213"
_CHARACTER_SETS = ("ISO_IR 100", "ISO_IR 192", ["", "ISO 2022 IR 87"])
_JAPANESE = f"{MARK}Yamada^Tarou=山田^太郎"


def marks() -> list[tuple[str, bytes]]:
    """Return each mark by its name, as bytes in which it would be found."""
    found = [
        ("any attribute", MARK.encode()),
        ("PatientBirthDate", _BIRTH_DATE.encode()),
        ("any attribute, in lower case", MARK.lower().encode()),
        ("any attribute, in upper case", MARK.upper().encode()),
    ]
    for encoding in ("utf-8", "iso2022_jp", "shift_jis"):
        found.append((f"the name in {encoding}", "山田".encode(encoding)))
    found.append(("the name in JSON", b"\\u5c71\\u7530"))
    return [*found, ("the name in Latin-1", "Ännchen".encode("latin-1")), ("the name in UTF-8", "Ännchen".encode())]


def marked_study(folder: Path) -> Iterator[tuple[str, Sequence[Path]]]:
    """Write studies of the patient: three that are analysed, one each that ends in another way."""
    for number, character_set in enumerate(_CHARACTER_SETS):
        yield f"readable, {character_set}", _written(folder, 700 + number, character_set)
    unreadable = _written(folder, 710, "ISO_IR 192")
    for path in unreadable:
        _changed(path, PixelData=b"\1\0" * 5)
    yield "unreadable", unreadable
    elsewhere = _written(folder, 711, "ISO_IR 100")
    for path in elsewhere:
        _changed(path, Modality=MARK.upper(), SOPClassUID="1.2.840.10008.5.1.4.1.1.4")
    yield "not CT", elsewhere
    conflicting = _written(folder / "again", 700, "ISO_IR 100", "A")
    yield "conflict", conflicting[:3]
    odd = _written(folder, 713, "ISO_IR 192")
    for path in odd:
        _made_odd(path)
    yield "values that are none", odd
    nameless = _written(folder, 712, "ISO_IR 100")[:2]
    for path in nameless:
        _changed(path, StudyInstanceUID="")
    yield "quarantine", nameless


def _written(folder: Path, number: int, character_set: Any, triage_class: str = "D") -> list[Path]:
    study = small_study(number, folder, triage_class=triage_class)
    for each in study.instances:
        dataset = pydicom.dcmread(each.path)
        dataset.SpecificCharacterSet = character_set
        for keyword, value in _TEXTS.items():
            setattr(dataset, keyword, value)
        if isinstance(character_set, list):
            dataset.PatientName = _JAPANESE
            dataset.OtherPatientNames = f"{MARK}Other"
        dataset.PatientBirthDate = _BIRTH_DATE
        dataset.add(DataElement(0x00110010, "LO", "ACME"))
        dataset.add(DataElement(0x00111001, "LO", f"{MARK}Private"))
        dataset.save_as(each.path)
    return [each.path for each in study.instances]


def _made_odd(path: Path) -> None:
    """Write the mark where a date, a number, a code or a UID belongs."""
    dataset = pydicom.dcmread(path)
    for keyword, vr in _ODD.items():
        tag, content = Tag(keyword), f"{MARK}Odd ".encode()
        dataset[tag] = RawDataElement(tag, vr, len(content), content, 0, False, True)
    dataset.save_as(path)


def _changed(path: Path, **attributes: Any) -> None:
    dataset = pydicom.dcmread(path)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)


def one_more_study(folder: Path, number: int) -> list[Path]:
    """Write one more readable study of the patient."""
    return _written(folder, number, _CHARACTER_SETS[number % len(_CHARACTER_SETS)])


def send(port: int, paths: Sequence[Path]) -> list[int]:
    """Send files as they are; return the status that each got, 0xFFFF where there was no answer."""
    entity = ApplicationEntity("MODALITY")
    entity.add_requested_context(CT_IMAGE, EXPLICIT)
    entity.add_requested_context("1.2.840.10008.5.1.4.1.1.4", EXPLICIT)
    association = entity.associate("127.0.0.1", port, ae_title="TRIAGED")
    assert association.is_established
    statuses = []
    for path in paths:
        if not association.is_established:
            break
        statuses.append(int(association.send_c_store(path).get("Status", 0xFFFF)))
    association.release()
    return statuses + [0xFFFF] * (len(paths) - len(statuses))


@dataclass
class RefusingStore:
    """A destination that refuses every other object, and quotes the patient in its error comment."""

    port: int = 0
    received: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def served(self) -> Iterator[RefusingStore]:
        """Listen while it is needed."""
        entity = ApplicationEntity("REFUSING")
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(context.abstract_syntax or "", EXPLICIT)
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)])
        assert server is not None
        self.port = server.server_address[1]
        try:
            yield self
        finally:
            server.shutdown()

    def _store(self, event: Any) -> Dataset:
        dataset, status = event.dataset, Dataset()
        with self._lock:
            self.received.append(str(dataset.SOPInstanceUID))
            is_refused = len(self.received) % 2 == 1
        status.Status = 0xC123 if is_refused else 0x0000
        if is_refused:
            words = f"{dataset.PatientID} {dataset.PatientName} unknown"
            status.ErrorComment = words[:64].encode("ascii", "replace").decode()
        return status
