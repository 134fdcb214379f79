"""An archive that is not ours takes all objects of a study by C-STORE and gives them back through DICOMweb."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from tests.results.ct_study import ROOT, ct_study
from tests.wire.cases import CYRILLIC_NAME, JAPANESE_NAME, Change, cyrillic, japanese
from tests.wire.orthanc import DicomWeb, dicom_web
from triaged.dimse.scu import DimseSender
from triaged.results.instance import ResultObject
from triaged.steps.ports import Outgoing, Sent
from triaged.study.kinds import ObjectKind

PICTURES = (ObjectKind.SC, ObjectKind.SC_MULTIFRAME)
CHANGES: dict[str, Change] = {"plain": lambda header: None, "cyrillic": cyrillic, "japanese": japanese}
NAMES = {"plain": "Doe^Jane", "cyrillic": CYRILLIC_NAME, "japanese": JAPANESE_NAME}
STUDY_UIDS = {name: f"{ROOT}.2.{number}" for number, name in enumerate(CHANGES, start=1)}
LEFT_OUT = {0x00080005, 0x7FE00010, 0x7FE00001}
"""Metadata are in UTF-8 whatever the object's character set, and hold no pixels."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DicomWeb]:
    """An Orthanc that holds the objects of three studies, sent by our own sender."""
    with dicom_web(tmp_path_factory.mktemp("orthanc")) as web:
        sender = DimseSender("TRIAGED", timeout_s=30.0, connect_timeout_s=5.0)
        for name in CHANGES:
            folder = tmp_path_factory.mktemp(name)
            outgoing = [_outgoing(one, folder) for one in objects_of(name)]
            assert sender.send(outgoing, web.peer) == [Sent()] * len(outgoing)
        yield web


@cache
def objects_of(name: str) -> tuple[ResultObject, ...]:
    """Return the objects of a study that has a UID of its own, so that the archive keeps the studies apart."""

    def change(header: Dataset) -> None:
        CHANGES[name](header)
        header.StudyInstanceUID = STUDY_UIDS[name]

    return ct_study(change=change).objects()


@pytest.mark.parametrize("name", CHANGES)
def test_the_study_is_listed_under_the_patient_s_own_name(archive: DicomWeb, name: str) -> None:
    (study,) = archive.query("studies", StudyInstanceUID=STUDY_UIDS[name])
    assert _name(study["00100010"]) == NAMES[name]
    assert study["00080050"]["Value"] == ["ACC-1"]
    assert study["00100020"]["Value"] == ["P-1"]
    assert study["00201208"]["Value"] == [len(objects_of(name))]


@pytest.mark.parametrize("name", CHANGES)
def test_each_kind_of_object_is_a_series_of_its_own_that_says_what_it_is(archive: DicomWeb, name: str) -> None:
    listed = archive.query(f"studies/{STUDY_UIDS[name]}/series", includefield="0008103E")
    found = {one["0020000E"]["Value"][0]: _series(one) for one in listed}
    sent = {str(one.SeriesInstanceUID): one for one in map(_read, objects_of(name))}
    assert found == {
        uid: (str(one.Modality), str(one.SeriesDescription), int(one.SeriesNumber)) for uid, one in sent.items()
    }
    assert all("AI" in description and number >= 9001 for _, description, number in found.values())
    # The two series of pictures share a number: a destination wants the single ones or the one object, and never both.
    assert sorted(number for *_, number in found.values()) == [9001, 9002, 9003, 9004, 9901, 9901]


@pytest.mark.parametrize("name", CHANGES)
def test_the_metadata_are_the_attributes_that_were_sent(archive: DicomWeb, name: str) -> None:
    metadata = archive.query(f"studies/{STUDY_UIDS[name]}/metadata")
    found = {one["00080018"]["Value"][0]: one for one in metadata}
    for sent in map(_read, objects_of(name)):
        got = found.pop(str(sent.SOPInstanceUID))
        assert _name(got["00100010"]) == NAMES[name]
        assert {int(tag, 16) for tag in got} - LEFT_OUT == {int(element.tag) for element in sent} - LEFT_OUT
        for keyword in ("SOPClassUID", "SeriesDescription", "ContentDate", "PatientBirthDate", "SoftwareVersions"):
            value = sent[keyword].value
            values = [value] if isinstance(value, str) else list(value)
            assert got[f"{int(sent[keyword].tag):08X}"]["Value"] == values, keyword
    assert found == {}


@pytest.mark.parametrize("name", CHANGES)
def test_every_instance_comes_back_as_it_went_in(archive: DicomWeb, name: str) -> None:
    """The segmentation may come back inflated: data sets are compared, pixels included, whatever their encoding."""
    for one in objects_of(name):
        (content,) = archive.retrieve(_path(name, one))
        sent, got = _read(one), dcmread(BytesIO(content))
        assert _encoded_name(got) == _encoded_name(sent)
        assert got == sent
        assert got.file_meta.TransferSyntaxUID in (one.transfer_syntax_uid, "1.2.840.10008.1.2.1")


def test_every_frame_of_every_picture_comes_back_with_the_same_pixels(archive: DicomWeb) -> None:
    for one in objects_of("plain"):
        if one.kind in PICTURES:
            frames = _read(one).pixel_array.reshape(-1, *_read(one).pixel_array.shape[-3:])
            for number, pixels in enumerate(frames, start=1):
                got = archive.frame(_path("plain", one), number)
                np.testing.assert_array_equal(np.frombuffer(got, np.uint8)[: pixels.size], pixels.reshape(-1))


def _outgoing(one: ResultObject, folder: Path) -> Outgoing:
    path = folder / f"{one.name}.dcm"
    path.write_bytes(one.part10)
    return Outgoing(path, one.sop_class_uid, one.sop_instance_uid, one.transfer_syntax_uid)


def _path(name: str, one: ResultObject) -> str:
    return f"studies/{STUDY_UIDS[name]}/series/{one.series_instance_uid}/instances/{one.sop_instance_uid}"


def _read(one: ResultObject) -> Dataset:
    return dcmread(BytesIO(one.part10))


def _name(attribute: dict[str, Any]) -> str:
    """Return a person's name of the DICOM JSON model as a DICOM value has it (PS3.18 F.2.2)."""
    value = attribute["Value"][0]
    groups = [value.get(group, "") for group in ("Alphabetic", "Ideographic", "Phonetic")]
    return "=".join(groups).rstrip("=")


def _encoded_name(dataset: Dataset) -> bytes:
    return bytes(dataset.get_item("PatientName").value).strip()


def _series(one: dict[str, Any]) -> tuple[str, str, int]:
    return one["00080060"]["Value"][0], one["0008103E"]["Value"][0], int(one["00200011"]["Value"][0])
