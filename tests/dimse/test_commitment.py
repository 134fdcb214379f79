"""Questions and answers of storage commitment, encoded and decoded by pydicom as the other side."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pynetdicom import dsutils

from triaged.dimse.commitment import (
    MOST_REFERENCES,
    EventType,
    decode_report,
    decode_request,
    event_type_of,
    report_dataset,
    request_dataset,
)
from triaged.study.commitment import CommitmentReport, CommitmentRequest, FailureReason, NotCommitted, Reference

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
SYNTAXES = {
    "1.2.840.10008.1.2": (True, True),
    "1.2.840.10008.1.2.1": (False, True),
    "1.2.840.10008.1.2.2": (False, False),
}
EXPLICIT = "1.2.840.10008.1.2.1"
QUESTION = CommitmentRequest("1.2.3", tuple(Reference(CT_IMAGE, f"1.2.3.{number}") for number in range(20)))
ANSWER = CommitmentReport(
    "1.2.3",
    QUESTION.references[:5],
    tuple(NotCommitted(reference, FailureReason.NO_SUCH_INSTANCE) for reference in QUESTION.references[5:]),
)


def a_question(*uids: str, class_uid: str = CT_IMAGE) -> Dataset:
    """As another implementation builds it, which says more than we need."""
    dataset = request_dataset(CommitmentRequest("1.2.3", tuple(Reference(class_uid, uid) for uid in uids)))
    for item in (dataset, *dataset.ReferencedSOPSequence):
        item.StorageMediaFileSetID = "SET"
    return dataset


def encoded(dataset: Dataset, syntax: str = EXPLICIT) -> bytes:
    content = dsutils.encode(dataset, *SYNTAXES[syntax])
    assert content is not None
    return content


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("undefined_length", [False, True])
def test_a_question_is_understood(syntax: str, undefined_length: bool) -> None:
    dataset = a_question("1.2.3.4.5", "1.2.3.4.56")
    dataset["ReferencedSOPSequence"].is_undefined_length = undefined_length
    for item in dataset.ReferencedSOPSequence:
        item.is_undefined_length_sequence_item = undefined_length
    request = decode_request(encoded(dataset, syntax), syntax)
    assert request == CommitmentRequest("1.2.3", (Reference(CT_IMAGE, "1.2.3.4.5"), Reference(CT_IMAGE, "1.2.3.4.56")))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_answer_is_understood(syntax: str) -> None:
    dataset = a_question("1.2.3.4.5")
    failed = Dataset()
    failed.ReferencedSOPClassUID, failed.ReferencedSOPInstanceUID = CT_IMAGE, "1.2.3.4.9"
    failed.FailureReason = 0x0119
    dataset.FailedSOPSequence = [failed]
    report = decode_report(encoded(dataset, syntax), syntax)
    assert report == CommitmentReport(
        "1.2.3",
        (Reference(CT_IMAGE, "1.2.3.4.5"),),
        (NotCommitted(Reference(CT_IMAGE, "1.2.3.4.9"), FailureReason.CLASS_INSTANCE_CONFLICT),),
    )


@pytest.mark.parametrize(("committed", "failed"), [(5, 15), (20, 0), (0, 20)])
def test_an_answer_of_ours_says_what_the_standard_wants(committed: int, failed: int) -> None:
    references = QUESTION.references
    failures = tuple(NotCommitted(reference, 0x0112) for reference in references[committed:])
    report = CommitmentReport("1.2.3", references[:committed], failures)
    dataset = report_dataset(report)
    assert event_type_of(report) == (EventType.FAILURES_EXIST if failed else EventType.SUCCESSFUL)
    assert dataset.TransactionUID == "1.2.3"
    assert [item.ReferencedSOPInstanceUID for item in dataset.get("ReferencedSOPSequence", [])] == [
        reference.sop_instance_uid for reference in references[:committed]
    ]
    assert [item.FailureReason for item in dataset.get("FailedSOPSequence", [])] == [0x0112] * failed
    assert ("FailedSOPSequence" in dataset) == bool(failed)
    assert ("ReferencedSOPSequence" in dataset) == bool(committed)


def test_an_invalid_uid_is_answered_as_it_was_asked() -> None:
    request = decode_request(encoded(a_question("1.02.-3." + "4" * 70, class_uid="none")), EXPLICIT)
    assert request.references == (Reference("none", "1.02.-3." + "4" * 70),)
    report = CommitmentReport(request.transaction_uid, request.references)
    assert decode_report(encoded(report_dataset(report)), EXPLICIT) == report


@pytest.mark.parametrize("uid", ["", "1.2\n3", "1" * 200, "\xe4"])
def test_what_names_no_instance_is_no_question(uid: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        decode_request(encoded(a_question("1.2.3", uid)), EXPLICIT)


def test_as_many_references_as_are_allowed_are_read_and_no_more() -> None:
    content = encoded(request_dataset(CommitmentRequest("1.2.3", (Reference(CT_IMAGE, "1.2.3.4"),))))
    start = content.index(b"\x08\x00\x99\x11")  # the sequence comes last: a header of 12 bytes, and its items
    head, items = content[: start + 8] + b"\xff\xff\xff\xff", content[start + 12 :]
    request = decode_request(head + items * MOST_REFERENCES + b"\xfe\xff\xdd\xe0\0\0\0\0", EXPLICIT)
    assert request.references == (Reference(CT_IMAGE, "1.2.3.4"),) * MOST_REFERENCES
    with pytest.raises(ValueError, match="at most"):
        decode_request(head + items * (MOST_REFERENCES + 1) + b"\xfe\xff\xdd\xe0\0\0\0\0", EXPLICIT)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("undefined_length", [False, True])
def test_a_question_that_was_cut_is_never_taken_for_a_shorter_one(syntax: str, undefined_length: bool) -> None:
    dataset = request_dataset(QUESTION)
    dataset["ReferencedSOPSequence"].is_undefined_length = undefined_length
    content = encoded(dataset, syntax)
    trailer = 8 if undefined_length else 0  # the sequence delimiter may be missing, as nothing follows it
    for length in range(0, len(content) - trailer, 7):
        with pytest.raises(ValueError, match="expected"):
            decode_request(content[:length], syntax)


@settings(max_examples=150)
@given(st.data())
def test_no_damage_hides_a_reference(data: st.DataObject) -> None:
    content = bytearray(encoded(report_dataset(ANSWER)))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        report = decode_report(bytes(content), EXPLICIT)
    except ValueError as refusal:
        assert str(refusal).startswith("expected")  # noqa: PT017 - harmless damage is not noticed
    else:
        tag = b"\x08\x00\x55\x11"
        assert len(report.committed) + len(report.failed) == bytes(content).count(tag)


@given(st.binary(max_size=300), st.sampled_from(sorted(SYNTAXES)))
def test_no_bytes_are_misunderstood_in_an_unforeseen_way(noise: bytes, syntax: str) -> None:
    for decode in (decode_request, decode_report):
        with pytest.raises(ValueError, match="expected"):
            decode(noise, syntax)


@pytest.mark.parametrize("nested", [b"\x08\x00\x99\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\xff\xff\xff\xff"])
def test_nesting_without_end_is_no_question(nested: bytes) -> None:
    with pytest.raises(ValueError, match="expected"):
        decode_request(nested * 5_000, EXPLICIT)
