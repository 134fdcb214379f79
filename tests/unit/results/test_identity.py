"""What is copied from the sender, byte for byte, and what is repaired, in our objects only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.unit.results.ct_study import ct_study, encoded, inflated, put, standard_study
from triaged.results.identity import REQUIRED, copy_identity, local_time, sent_bytes

NAMES = {
    "cyrillic": ("ISO_IR 144", "Люкceмбypг"),
    "utf-8": ("ISO_IR 192", "Wang^XiaoDong=王^小東"),
    "japanese": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "half-width": (["ISO_IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
    "korean": (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    "latin": ("ISO_IR 100", "Buc^Jérôme"),
}


def received(header: Dataset) -> Dataset:
    """Return the header as it arrives: values still bytes."""
    return dcmread(BytesIO(encoded(header)))


def header(**values: object) -> Dataset:
    made = Dataset()
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    made.SOPInstanceUID = "1.2.3"
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


@pytest.mark.parametrize("charset", NAMES)
def test_names_leave_as_the_bytes_they_came_as(charset: str) -> None:
    terms, name = NAMES[charset]
    source = received(header(SpecificCharacterSet=terms, PatientName=name, ReferringPhysicianName=name))
    sent = sent_bytes(source, "PatientName")
    study = standard_study()
    named = replace(study, sources=(_with_identity(study.sources[0], source), *study.sources[1:]))
    made = named.segmentation()
    assert sent in inflated(made)
    back = dcmread(BytesIO(made.part10))
    assert str(back.PatientName) == name
    assert str(back.ReferringPhysicianName) == name


@pytest.mark.parametrize("charset", NAMES)
def test_reading_the_name_before_changes_nothing(charset: str) -> None:
    terms, name = NAMES[charset]
    source = received(header(SpecificCharacterSet=terms, PatientName=name))
    sent = sent_bytes(source, "PatientName")
    assert str(source.PatientName) == name
    assert sent_bytes(source, "PatientName") == sent


def test_attributes_that_must_be_there_are_empty_where_the_sender_had_none() -> None:
    target = Dataset()
    copy_identity(received(header()), target)
    for keyword in REQUIRED:
        assert keyword in target
        assert not sent_bytes(target, keyword)


@pytest.mark.parametrize(
    ("keyword", "sent", "kept"),
    [
        ("StudyDate", b"20200230x", b""),
        ("StudyDate", b"2020-03-0", b""),
        ("StudyDate", b"20200305", b"20200305"),
        ("StudyTime", b"145500.699", b"145500.699"),
        ("StudyTime", b"25:00 ", b""),
        ("PatientBirthDate", b"unknown ", b""),
        ("PatientSex", b"W ", b""),
        ("PatientSex", b"F ", b"F"),
        ("AccessionNumber", b"longer than sixteen chars ", b"longer than sixteen chars"),
        ("PatientID", b"A\\B ", b"A\\B"),
    ],
)
def test_values_without_meaning_are_emptied_and_identifiers_never_are(keyword: str, sent: bytes, kept: bytes) -> None:
    plain = {"PatientID": "PLACEHOLDER"} | ({keyword: "PLACEHOLDER"} if keyword == "AccessionNumber" else {})
    made = header(**plain)
    put(made, keyword, sent)
    target = Dataset()
    copy_identity(made, target)
    assert sent_bytes(target, keyword) == kept


@pytest.mark.parametrize(
    ("sent", "written"),
    [("ISO IR 100", "ISO_IR 100"), ("UTF-8", "ISO_IR 192"), ("ISO-2022-IR 87", "ISO 2022 IR 87"), ("KLINGON", None)],
)
def test_a_misspelt_character_set_is_written_by_the_standard_and_an_unknown_one_not_at_all(
    sent: str, written: str | None
) -> None:
    source = header()
    put(source, "SpecificCharacterSet", sent.encode())
    target = Dataset()
    copy_identity(source, target)
    assert target.get("SpecificCharacterSet") == written


def test_times_are_written_in_the_senders_zone_where_it_names_one() -> None:
    moment = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
    assert f"{local_time(header(TimezoneOffsetFromUTC='+0530'), moment):%Y%m%d %H%M}" == "20260305 0500"
    assert f"{local_time(header(TimezoneOffsetFromUTC='-0300'), moment):%Y%m%d %H%M}" == "20260304 2030"
    assert local_time(header(TimezoneOffsetFromUTC="what"), moment) == moment
    assert local_time(header(), moment) == moment


def test_nothing_but_named_attributes_comes_along() -> None:
    def change(sent: Dataset) -> None:
        sent.OperatorsName = "Somebody^Else"
        sent.private_block(0x0009, "SCANNER", create=True).add_new(1, "LO", "private of the scanner")

    for one in ct_study(change=change).objects():
        assert b"Somebody" not in inflated(one)
        assert b"private of the scanner" not in inflated(one)


def _with_identity(source: Dataset, identity: Dataset) -> Dataset:
    """Return a source header whose patient and study are those of `identity`."""
    changed = Dataset()
    changed.update(source)
    for keyword in ("SpecificCharacterSet", "PatientName", "ReferringPhysicianName"):
        changed[keyword] = identity.get_item(keyword)
    return changed
