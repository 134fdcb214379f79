"""What is copied from the sender, byte for byte, and what is repaired, in our objects only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tests.results.ct_study import ct_study, encoded, inflated, put
from tests.results.every_kind import every_kind, sent, written
from tests.results.senders import CARELESS, IDENTIFYING, SCRIPTS, WRONG, signed
from triaged.results.identity import REQUIRED, copy_identity, local_time, sent_bytes
from triaged.results.instance import ResultObject


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


@pytest.mark.parametrize("script", SCRIPTS)
def test_names_leave_as_the_bytes_they_came_as_in_every_kind_of_object(script: str) -> None:
    terms, name, read = SCRIPTS[script]
    for one in every_kind(sent(signed(terms, name))):
        _assert_written(one, terms, name)
        back = dcmread(BytesIO(one.part10), stop_before_pixels=True)
        shown = str(back.PatientName).replace("\x1b$)A", "")  # pydicom leaves this escape to Chinese in
        assert shown.rstrip("=") == read.rstrip("=")


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_character_set_costs_no_byte_of_a_name(wrong: str) -> None:
    terms, name, declared = WRONG[wrong]
    for one in every_kind(sent(signed(terms, name))):
        _assert_written(one, (declared or "").encode() or None, name)


@pytest.mark.parametrize("script", ["cyrillic", "japanese", "korean"])
def test_reading_the_name_before_changes_nothing(script: str) -> None:
    terms, name, read = SCRIPTS[script]
    header = sent(signed(terms, name))
    assert str(header.PatientName).rstrip("=") == read.rstrip("=")
    assert sent_bytes(header, "PatientName") == name


def test_what_we_write_ourselves_is_valid_in_every_character_set() -> None:
    for one in every_kind(sent(signed(*SCRIPTS["half-width alone"][:2]))):
        for text in _texts(dcmread(BytesIO(one.part10), stop_before_pixels=True)):
            assert text.isascii()
            assert "\\" not in text


@pytest.mark.parametrize("sender", CARELESS)
def test_what_a_careless_source_lacks_is_there_in_our_objects_alone(sender: str) -> None:
    header = sent(CARELESS[sender])
    before = raw(header)
    for one in every_kind(header):
        made = dcmread(BytesIO(one.part10), stop_before_pixels=True)
        assert set(REQUIRED) <= set(made.dir())
        assert made.get("PatientSex") in (None, "", "F")
    assert raw(header) == before


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
    ("spelt", "kept"),
    [
        ("ISO IR 100", "ISO_IR 100"),
        ("UTF-8", "ISO_IR 192"),
        ("ISO-2022-IR 87", ["", "ISO 2022 IR 87"]),
        ("ISO_IR 13\\ISO 2022 IR 87", ["ISO 2022 IR 13", "ISO 2022 IR 87"]),
        ("gbk", "GBK"),
        ("iso 8859-7", "ISO_IR 126"),
        ("ISO_IR 6", None),
        ("\\ISO 2022 IR 87\\KLINGON", ["", "ISO 2022 IR 87"]),
        ("WINDOWS-1251", None),
    ],
)
def test_a_misspelt_character_set_is_written_by_the_standard_and_an_unknown_one_not_at_all(
    spelt: str, kept: str | list[str] | None
) -> None:
    source = header()
    put(source, "SpecificCharacterSet", spelt.encode())
    target = Dataset()
    copy_identity(source, target)
    assert target.get("SpecificCharacterSet") == kept


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


def raw(source: Dataset) -> dict[int, object]:
    """Return the values of a header as they are held, decoded or not."""
    return {int(tag): source.get_item(tag).value for tag in source.keys()}  # noqa: SIM118


def _assert_written(one: ResultObject, terms: bytes | None, name: bytes) -> None:
    assert (written(one, (0x0008, 0x0005), b"CS") or b"").rstrip(b" ") == (terms or b"")
    for keyword, vr in IDENTIFYING:
        tag = Tag(keyword)
        assert (written(one, (tag.group, tag.element), vr) or b"").rstrip(b" ") == name, f"{one.name} {keyword}"


def _texts(dataset: Dataset) -> Iterator[str]:
    """Return every text of ours: all but what was copied from the source."""
    for element in dataset:
        if element.keyword in {keyword for keyword, _ in IDENTIFYING}:
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _texts(item)
        elif element.VR in ("LO", "SH", "ST", "LT", "UT", "UC", "PN"):
            yield from (str(value) for value in ([element.value] if element.VM < 2 else element.value))
