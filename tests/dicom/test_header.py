"""What is read of an instance when it arrives, against pydicom on real files and on data sets made for the purpose."""

from __future__ import annotations

import contextlib
import tracemalloc
import zlib
from datetime import date
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_file_meta_info
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from triaged.dicom import elements
from triaged.dicom.header import holds_header, read_header
from triaged.errors import UnreadableInstance
from triaged.study.facts import StudyFacts
from triaged.study.ranking import RequestPriority
from triaged.study.records import ReceivedHeader

DATA = Path(__file__).parents[3] / "shared" / "data"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def encoded(dataset: Dataset, transfer_syntax_uid: str = EXPLICIT) -> bytes:
    stream = DicomBytesIO()
    stream.is_implicit_VR = transfer_syntax_uid == IMPLICIT
    stream.is_little_endian = transfer_syntax_uid != BIG_ENDIAN
    write_dataset(stream, dataset)
    content = stream.getvalue()
    if transfer_syntax_uid == DEFLATED:
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        content = deflate.compress(content) + deflate.flush()
    return content


def made(**attributes: Any) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = CT_IMAGE
    dataset.SOPInstanceUID = "1.2.3.4.5"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID = "1.2.3.4"
    dataset.Modality = "CT"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def item(**attributes: Any) -> Sequence:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return Sequence([dataset])


def header_of(dataset: Dataset, transfer_syntax_uid: str = EXPLICIT) -> ReceivedHeader:
    return read_header(encoded(dataset, transfer_syntax_uid), transfer_syntax_uid=transfer_syntax_uid)


def raw(tag: int, vr: bytes, value: bytes) -> bytes:
    """One element in explicit VR little endian with any bytes as its value."""
    head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")
    return head + vr + len(value).to_bytes(2, "little") + value


def tag_of(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return tag


def raw_header(**values: bytes) -> ReceivedHeader:
    """The header of a data set whose text elements hold these bytes, by keyword."""
    values = {
        "SOPInstanceUID": b"1.2.3.4.5\0",
        "StudyInstanceUID": b"1.2.3\0",
        "SeriesInstanceUID": b"1.2.3.4\0",
    } | values
    numbered = sorted((tag_of(name), value) for name, value in values.items())
    content = b"".join(raw(tag, b"LO", value) for tag, value in numbered)
    return read_header(content, transfer_syntax_uid=EXPLICIT)


def real_files() -> list[Path]:
    found = sorted((DATA / "interop").rglob("*")) + sorted((DATA / "ct_series").rglob("*_1.dcm"))
    files = [path for path in found if path.is_file() and path.suffix != ".nrrd"]
    if not files:
        pytest.skip("the real images are not here")
    return files


def content_of(path: Path) -> tuple[bytes, str]:
    """The encoded data set of a DICOM file, and its transfer syntax."""
    meta = read_file_meta_info(path)
    return path.read_bytes()[144 + meta.FileMetaInformationGroupLength :], str(meta.TransferSyntaxUID)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_headers_of_real_files_are_what_an_independent_reader_says() -> None:
    for path in real_files():
        content, transfer_syntax_uid = content_of(path)
        header = read_header(content, transfer_syntax_uid=transfer_syntax_uid)
        expected = pydicom.dcmread(path, stop_before_pixels=True)
        image = header.image
        assert header.study_uid.sent == expected.StudyInstanceUID, path.name
        assert header.series_uid.sent == expected.SeriesInstanceUID, path.name
        assert header.sop_instance_uid.sent == expected.SOPInstanceUID, path.name
        assert header.patient.patient_name == str(expected.get("PatientName", "")).strip(), path.name
        assert header.patient.study_date == str(expected.get("StudyDate") or ""), path.name
        assert image.sop_class_uid == expected.SOPClassUID, path.name
        assert (image.rows, image.columns) == (expected.get("Rows"), expected.get("Columns")), path.name
        assert image.number_of_frames == int(expected.get("NumberOfFrames") or 1), path.name
        assert image.instance_number == expected.get("InstanceNumber"), path.name
        assert image.image_type == tuple(part.strip() for part in expected.get("ImageType", ())), path.name
        position = expected.get("ImagePositionPatient")
        assert image.image_position_patient == (tuple(map(float, position)) if position else None), path.name
        assert not header.made_by_us, path.name


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_header_is_whole_long_before_the_pixels_are() -> None:
    for path in real_files():
        content, transfer_syntax_uid = content_of(path)
        if transfer_syntax_uid != DEFLATED and "PixelData" in pydicom.dcmread(path):
            beginning = content[: len(content) // 2]
            assert holds_header(beginning, transfer_syntax_uid=transfer_syntax_uid), path.name
            assert read_header(beginning, transfer_syntax_uid=transfer_syntax_uid) == read_header(
                content, transfer_syntax_uid=transfer_syntax_uid
            )
            assert not holds_header(content[:100], transfer_syntax_uid=transfer_syntax_uid), path.name


@pytest.mark.parametrize("transfer_syntax_uid", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
def test_every_encoding_says_the_same(transfer_syntax_uid: str) -> None:
    dataset = made(Rows=512, Columns=256, ImagePositionPatient=[-1.5, 2, 3e2], PatientName="Doe^Jane")
    dataset.RequestAttributesSequence = item(RequestedProcedurePriority="HIGH")
    header = header_of(dataset, transfer_syntax_uid)
    assert (header.image.rows, header.image.columns) == (512, 256)
    assert header.image.image_position_patient == (-1.5, 2.0, 300.0)
    assert header.patient.patient_name == "Doe^Jane"
    assert header.order_priority is RequestPriority.HIGH


@pytest.mark.parametrize(("claimed", "written"), [(IMPLICIT, EXPLICIT), (EXPLICIT, IMPLICIT), (BIG_ENDIAN, EXPLICIT)])
def test_a_sender_that_writes_another_encoding_than_it_negotiated_is_understood(claimed: str, written: str) -> None:
    header = read_header(encoded(made(Rows=512), written), transfer_syntax_uid=claimed)
    assert header.image.rows == 512


@pytest.mark.parametrize("transfer_syntax_uid", [IMPLICIT, EXPLICIT])
@pytest.mark.parametrize("undefined_length", [False, True], ids=["defined", "undefined"])
def test_sequences_on_the_way_are_skipped_however_their_length_is_given(
    transfer_syntax_uid: str, undefined_length: bool
) -> None:
    dataset = made(Rows=512)
    inner = item(CodeValue="1", CodeMeaning="x")
    dataset.ProcedureCodeSequence = item(PurposeOfReferenceCodeSequence=inner, Rows=7)
    for sequence in (dataset.ProcedureCodeSequence, inner):
        sequence.is_undefined_length = undefined_length
        sequence[0].is_undefined_length_sequence_item = undefined_length
    dataset["ProcedureCodeSequence"].is_undefined_length = undefined_length
    dataset.ProcedureCodeSequence[0]["PurposeOfReferenceCodeSequence"].is_undefined_length = undefined_length
    assert header_of(dataset, transfer_syntax_uid).image.rows == 512


def test_functional_groups_say_what_all_frames_share() -> None:
    dataset = made(NumberOfFrames=40)
    shared = item(
        PlaneOrientationSequence=item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        PixelMeasuresSequence=item(PixelSpacing=[0.5, 0.75], SliceThickness=1.25),
        PixelValueTransformationSequence=item(RescaleIntercept=-1024, RescaleSlope=1, RescaleType="HU"),
        CTReconstructionSequence=item(ConvolutionKernel="B60f"),
        CTAcquisitionDetailsSequence=item(GantryDetectorTilt=3),
    )
    dataset.SharedFunctionalGroupsSequence = shared
    image = header_of(dataset).image
    assert image.number_of_frames == 40
    assert image.image_orientation_patient == (1, 0, 0, 0, 1, 0)
    assert (image.pixel_spacing_mm, image.slice_thickness_mm) == ((0.5, 0.75), 1.25)
    assert (image.has_rescale, image.rescale_type) == (True, "HU")
    assert (image.convolution_kernel, image.gantry_tilt_degrees) == ("B60f", 3.0)


def test_what_the_frames_do_not_share_is_taken_from_the_first() -> None:
    dataset = made(NumberOfFrames=2, SharedFunctionalGroupsSequence=item(PixelMeasuresSequence=item(SliceThickness=2)))
    first = item(PlaneOrientationSequence=item(ImageOrientationPatient=[0, 1, 0, 0, 0, -1]))[0]
    second = item(PlaneOrientationSequence=item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]))[0]
    dataset.PerFrameFunctionalGroupsSequence = Sequence([first, second])
    image = header_of(dataset).image
    assert image.image_orientation_patient == (0, 1, 0, 0, 0, -1)
    assert image.slice_thickness_mm == 2.0
    assert not image.has_rescale


def test_the_most_urgent_priority_of_all_requests_counts() -> None:
    low, stat = (item(RequestedProcedurePriority=priority)[0] for priority in ("LOW", "stat "))
    dataset = made(RequestAttributesSequence=Sequence([low, stat]))
    assert header_of(dataset).order_priority is RequestPriority.STAT


@pytest.mark.parametrize("value", ["", "SOON", "STAT\\LOW"])
def test_a_priority_that_is_none_is_unknown(value: str) -> None:
    assert raw_header(RequestedProcedurePriority=value.encode()).order_priority is RequestPriority.UNKNOWN


def test_the_command_set_fills_in_what_the_data_set_leaves_out() -> None:
    dataset = made()
    del dataset.SOPInstanceUID, dataset.SOPClassUID
    header = read_header(
        encoded(dataset), transfer_syntax_uid=EXPLICIT, sop_class_uid=CT_IMAGE, sop_instance_uid="1.9.8"
    )
    assert (header.sop_instance_uid.value, header.image.sop_class_uid) == ("1.9.8", CT_IMAGE)


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_a_data_set_that_names_no_study_series_or_instance_cannot_be_filed(keyword: str, how: str) -> None:
    dataset = made()
    dataset[keyword].value = ""
    if how == "absent":
        del dataset[keyword]
    with pytest.raises(UnreadableInstance, match=keyword.replace("Instance", "").replace("UID", "")):
        header_of(dataset)


@pytest.mark.parametrize("content", [b"", b"\0" * 4, b"GIF89a" + b"x" * 500, b"\xff" * 4096, b"\0" * 4096])
@pytest.mark.parametrize("transfer_syntax_uid", [EXPLICIT, DEFLATED])
def test_bytes_that_are_no_data_set_are_refused_with_a_reason(content: bytes, transfer_syntax_uid: str) -> None:
    with pytest.raises(UnreadableInstance, match="expected"):
        read_header(content, transfer_syntax_uid=transfer_syntax_uid)


def test_an_invalid_uid_is_kept_as_sent_and_filed_under_a_valid_one() -> None:
    header = raw_header(SOPInstanceUID=b"../../etc/passwd")
    assert header.sop_instance_uid.sent == "../../etc/passwd"
    assert header.sop_instance_uid.value.replace(".", "").isdigit()


@pytest.mark.parametrize("value", [b"abc", b"", b"NaN", b"1e999", b"\\", b"1\\2"])
def test_a_number_that_is_none_is_absent(value: bytes) -> None:
    image = raw_header(ImagePositionPatient=value, SliceThickness=value[:3], NumberOfFrames=value).image
    assert image.image_position_patient is None
    assert image.number_of_frames == 1


def test_a_decimal_comma_and_an_integer_with_a_point_are_read_as_meant() -> None:
    image = raw_header(SliceThickness=b"2,5 ", SeriesNumber=b"4.0 ", InstanceNumber=b"4.5 ").image
    assert (image.slice_thickness_mm, image.series_number, image.instance_number) == (2.5, 4, None)


def test_an_element_of_an_unknown_representation_does_not_end_the_reading() -> None:
    content = raw(0x00080016, b"UI", b"1.2.840\0") + raw(0x00080018, b"ZZ", b"1.2.3.4.5\0")
    content += raw(0x0020000D, b"UN", b"")[:6] + b"\0\0" + (6).to_bytes(4, "little") + b"1.2.3\0"
    content += raw(0x0020000E, b"UI", b"1.2.3.4\0")
    header = read_header(content, transfer_syntax_uid=EXPLICIT)
    assert (header.study_uid.value, header.sop_instance_uid.value) == ("1.2.3", "1.2.3.4.5")


@pytest.mark.parametrize("undefined_length", [False, True], ids=["defined", "undefined"])
def test_an_empty_element_of_an_unknown_representation_in_an_item_is_no_harm(undefined_length: bool) -> None:
    dataset = made(RequestAttributesSequence=item(Modality="CT", ProtocolName="", RequestedProcedurePriority="HIGH"))
    dataset["RequestAttributesSequence"].is_undefined_length = undefined_length
    content = encoded(dataset).replace(b"\x30\x10LO\0\0", b"\x30\x10S\xbb\0\0")
    assert b"S\xbb" in content
    assert read_header(content, transfer_syntax_uid=EXPLICIT).order_priority is RequestPriority.HIGH


@pytest.mark.parametrize(
    ("manufacturer", "model", "ours"),
    [("triaged", "triaged ct-phantom", True), ("triaged", "Scanner", False), ("ACME", "triaged", False)],
)
def test_our_own_objects_are_recognized_by_manufacturer_and_model(manufacturer: str, model: str, ours: bool) -> None:
    assert header_of(made(Manufacturer=manufacturer, ManufacturerModelName=model)).made_by_us is ours


@pytest.mark.parametrize(
    ("character_set", "value", "expected"),
    [
        # Examples of PS3.5 annexes H, I, J and K.
        (
            b"\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        (
            b"ISO 2022 IR 13\\ISO 2022 IR 87",
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
        ),
        (
            b"\\ISO 2022 IR 149",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong=洪^吉洞=홍^길동",
        ),
        (b"ISO_IR 192", b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1=", "Wang^XiaoDong=王^小東="),
        (b"GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="),
        (b"\\ISO 2022 IR 58", b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东="),
        # What senders write instead.
        (b"ISO-IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (b"ISO_IR 100 ", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (b"", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (b"MARTIAN", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (b"idna", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),  # a codec of Python, and no character set
        (b"hex", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (b"ISO_IR 192", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (b"ISO 2022 IR 6", b"A\x1b%GB", "A%GB"),
    ],
)
def test_names_are_text_whatever_the_character_set_claims_to_be(
    character_set: bytes, value: bytes, expected: str
) -> None:
    header = raw_header(SpecificCharacterSet=character_set, PatientName=value)
    assert header.patient.patient_name == expected


def whole() -> bytes:
    dataset = made(Rows=512, PatientName="Doe^J", SpecificCharacterSet=["", "ISO 2022 IR 87"], NumberOfFrames=3)
    dataset.RequestAttributesSequence = item(RequestedProcedurePriority="HIGH")
    dataset.SharedFunctionalGroupsSequence = item(PixelMeasuresSequence=item(PixelSpacing=[0.5, 0.75]))
    return encoded(dataset)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_to_the_bytes_makes_reading_fail_in_another_way(data: st.DataObject) -> None:
    content = bytearray(whole())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    with contextlib.suppress(UnreadableInstance):
        read_header(
            bytes(content[:cut]), transfer_syntax_uid=data.draw(st.sampled_from([EXPLICIT, IMPLICIT, DEFLATED]))
        )


def test_sequences_nested_without_end_are_given_up_instead_of_followed() -> None:
    undefined = b"\xff\xff\xff\xff"
    level = b"\x08\x00\x40\x11SQ\0\0" + undefined + b"\xfe\xff\x00\xe0" + undefined
    content = raw(0x00080018, b"UI", b"1.2.3.4.5\0") + level * 50_000
    with pytest.raises(UnreadableInstance, match="StudyUID"):
        read_header(content, transfer_syntax_uid=EXPLICIT)


def test_a_hostile_number_of_empty_items_takes_no_more_memory_than_a_long_header(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(elements, "_MOST_READS", 2000)
    sequence = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
    content = raw(0x00080018, b"UI", b"1.2.3.4.5\0") + sequence + b"\xfe\xff\x00\xe0\0\0\0\0" * 50_000
    tracemalloc.start()
    try:
        assert holds_header(content, transfer_syntax_uid=EXPLICIT), "there is no use in looking further"
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("fillers", "is_seen"), [(100, True), (elements._MOST_ELEMENTS, False)])
def test_a_hostile_number_of_empty_elements_is_given_up(fillers: int, is_seen: bool) -> None:
    """What stands after more elements than any real header has is not looked for."""
    content = raw(0x00080018, b"UI", b"1.2.3.4.5\0") + raw(0x00090010, b"LO", b"") * fillers
    found = elements.read_elements(
        content + raw(0x00200013, b"IS", b"7 "), elements.Encoding(explicit=True, little_endian=True), last="PixelData"
    )
    assert found.text("SOPInstanceUID") == "1.2.3.4.5"
    assert found.integer("InstanceNumber") == (7 if is_seen else None)
    assert found.complete is not is_seen


def test_a_long_header_of_many_frames_is_read_to_its_end() -> None:
    dataset = made(NumberOfFrames=1000)
    frames = [
        item(
            PlanePositionSequence=item(ImagePositionPatient=[0, 0, number]),
            PlaneOrientationSequence=item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
            FrameContentSequence=item(StackID="1", InStackPositionNumber=number + 1, DimensionIndexValues=[1, number]),
        )[0]
        for number in range(1000)
    ]
    for frame in frames:
        frame.is_undefined_length_sequence_item = True
        for element in frame:
            element.is_undefined_length = element.value[0].is_undefined_length_sequence_item = True
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    dataset["PerFrameFunctionalGroupsSequence"].is_undefined_length = True
    content = encoded(dataset) + b"\xe0\x7f\x10\x00OW\0\0\x02\0\0\0\0\0"
    assert holds_header(content, transfer_syntax_uid=EXPLICIT)
    image = read_header(content, transfer_syntax_uid=EXPLICIT).image
    assert image.image_orientation_patient == (1, 0, 0, 0, 1, 0)


@pytest.mark.parametrize("character_set", [b"ISO-IR 100", b"MARTIAN", b"ISO_IR 192"])
def test_no_odd_value_makes_a_noise(character_set: bytes, caplog: pytest.LogCaptureFixture) -> None:
    odd = b"Secret\\\x1b\xff" * 20
    keywords = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "SOPInstanceUID")
    raw_header(SpecificCharacterSet=character_set, **dict.fromkeys(keywords, odd))
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("attributes", "device"),
    [
        ({"Manufacturer": "ACME", "ManufacturerModelName": "Slicer 9", "StationName": "CT2"}, "ACME Slicer 9 CT2"),
        ({"StationName": " CT2 "}, "CT2"),
        ({"Manufacturer": ""}, None),
        ({}, None),
    ],
)
def test_what_made_an_image_is_named_as_far_as_it_says(attributes: dict[str, str], device: str | None) -> None:
    header = read_header(encoded(made(**attributes)), transfer_syntax_uid=EXPLICIT, sop_class_uid=CT_IMAGE)
    assert header.image.device == device


def test_facts_for_rules_are_read_from_the_header_and_its_request() -> None:
    request = item(
        RequestingService="Emergency", RequestedProcedureCodeSequence=item(CodeValue="R-1", CodeMeaning="chest")
    )
    dataset = made(
        BodyPartExamined="CHEST",
        StudyDescription="Thorax",
        InstitutionName="Site A",
        StationName="CT2",
        InstitutionalDepartmentName="Radiology",
        PatientAge="009Y",
        PatientSex="F",
        StudyDate="20260301",
        AccessionNumber="T-1",
        ProcedureCodeSequence=item(CodeValue="P-1", CodeMeaning="CT"),
        RequestAttributesSequence=request,
    )
    facts = read_header(encoded(dataset), transfer_syntax_uid=EXPLICIT).facts
    assert facts == StudyFacts(
        modality="CT",
        body_part="CHEST",
        study_description="Thorax",
        institution="Site A",
        station="CT2",
        department="Emergency",
        age_years=9.0,
        sex="F",
        study_date=date(2026, 3, 1),
        procedure_codes=("P-1", "R-1"),
        accession_number="T-1",
    )


def test_facts_that_a_sender_does_not_say_or_gets_wrong_are_absent() -> None:
    content = encoded(made(StudyDate="20260301")).replace(b"20260301", b"2026ab01")
    facts = read_header(content, transfer_syntax_uid=EXPLICIT).facts
    assert facts == StudyFacts(modality="CT")
    dated = made(PatientBirthDate="20200301", StudyDate="20260301", InstitutionalDepartmentName="ICU")
    facts = read_header(encoded(dated), transfer_syntax_uid=EXPLICIT).facts
    assert (facts.age_years, facts.department) == (6.0, "ICU")
