"""Data sets of storage commitment: what is asked (Action Information) and what is answered (Event Information).

PS3.4 tables J.3-1 and J.3-2. Knows no sockets. What is not understood to the last reference is not understood at all: a
reference that got lost on the way would be taken for a committed one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from triaged.dicom.attributes import Value, dataset_of
from triaged.dicom.elements import Elements, Encoding, read_elements
from triaged.dicom.quiet import without_warnings
from triaged.study.commitment import CommitmentReport, CommitmentRequest, FailureReason, NotCommitted, Reference

REQUEST_STORAGE_COMMITMENT = 1
"""The one action type (PS3.4 section J.3.2.1.1)."""

MOST_REFERENCES = 10_000
LONGEST_DATA_SET = 2 * 1024 * 1024
"""Two bounds on what a peer may ask at once; `MOST_REFERENCES` with UIDs of full length need 1.6 MB."""

_LONGEST_UID = 128
"""Twice what the standard allows: some senders have invalid UIDs, and they refer to their instances by them."""

_ENCODINGS = {
    "1.2.840.10008.1.2": Encoding(explicit=False, little_endian=True),
    "1.2.840.10008.1.2.1": Encoding(explicit=True, little_endian=True),
    "1.2.840.10008.1.2.2": Encoding(explicit=True, little_endian=False),
}


class TooMany(ValueError):
    """More references than are taken at once (`MOST_REFERENCES`)."""


class EventType(IntEnum):
    """What an N-EVENT-REPORT says (PS3.4 section J.3.3.1.1)."""

    SUCCESSFUL = 1
    FAILURES_EXIST = 2


def event_type_of(report: CommitmentReport) -> EventType:
    """Return which event a report is."""
    return EventType.FAILURES_EXIST if report.failed else EventType.SUCCESSFUL


@without_warnings()
def decode_request(content: bytes, transfer_syntax_uid: str) -> CommitmentRequest:
    """Return the question in an encoded Action Information; `ValueError` where it is none, is cut, or names nothing."""
    elements = _read(content, transfer_syntax_uid)
    references = tuple(_reference(item) for item in _items(elements, "ReferencedSOPSequence"))
    _check_count(content, transfer_syntax_uid, len(references))
    return CommitmentRequest(_uid(elements, "TransactionUID"), references)


@without_warnings()
def decode_report(content: bytes, transfer_syntax_uid: str) -> CommitmentReport:
    """Return the answer in an encoded Event Information; `ValueError` where it is none, is cut, or names nothing."""
    elements = _read(content, transfer_syntax_uid)
    committed = tuple(_reference(item) for item in _items(elements, "ReferencedSOPSequence"))
    failed = tuple(
        NotCommitted(_reference(item), item.unsigned("FailureReason") or FailureReason.PROCESSING_FAILURE)
        for item in _items(elements, "FailedSOPSequence")
    )
    _check_count(content, transfer_syntax_uid, len(committed) + len(failed))
    return CommitmentReport(_uid(elements, "TransactionUID"), committed, failed)


def request_dataset(request: CommitmentRequest) -> Dataset:
    """Return the Action Information of a question."""
    references = [_item(reference) for reference in request.references]
    return dataset_of(TransactionUID=request.transaction_uid, ReferencedSOPSequence=references)


def report_dataset(report: CommitmentReport) -> Dataset:
    """Return the Event Information of an answer; a sequence that would be empty is left out."""
    committed = [_item(reference) for reference in report.committed]
    failed = [_item(failure.reference, FailureReason=failure.reason) for failure in report.failed]
    values: dict[str, Value] = {"TransactionUID": report.transaction_uid}
    if failed:
        values["FailedSOPSequence"] = failed
    if committed:
        values["ReferencedSOPSequence"] = committed
    return dataset_of(**values)


def _read(content: bytes, transfer_syntax_uid: str) -> Elements:
    return _whole(read_elements(content, _ENCODINGS[transfer_syntax_uid], last="ReferencedSOPSequence"))


def _whole(elements: Elements) -> Elements:
    if elements.is_cut():
        raise ValueError("expected a whole data set, found one that was cut")
    return elements


def _items(elements: Elements, keyword: str) -> Iterator[Elements]:
    for number, item in enumerate(elements.items(keyword)):
        if number == MOST_REFERENCES:
            raise TooMany(f"expected at most {MOST_REFERENCES} references, found more")
        yield _whole(item)


def _reference(item: Elements) -> Reference:
    return Reference(_uid(item, "ReferencedSOPClassUID"), _uid(item, "ReferencedSOPInstanceUID"))


def _uid(elements: Elements, keyword: str) -> str:
    text = elements.text(keyword)
    if text is None:
        raise ValueError(f"expected {keyword}, found none")
    if len(text) > _LONGEST_UID or not text.isascii() or not text.isprintable():
        raise ValueError(f"expected a UID in {keyword}, found something else")
    return text


def _check_count(content: bytes, transfer_syntax_uid: str, understood: int) -> None:
    """Compare with how often the tag of a reference is in the data set, wherever the reading has stopped."""
    if not understood:
        raise ValueError("expected references to instances, found none")
    tag = tag_for_keyword("ReferencedSOPInstanceUID") or 0
    layout = "<HH" if _ENCODINGS[transfer_syntax_uid].little_endian else ">HH"
    if content.count(struct.pack(layout, tag >> 16, tag & 0xFFFF)) != understood:
        raise ValueError("expected whole sequences of references, found damaged ones")


def _item(reference: Reference, **more: int) -> Dataset:
    return dataset_of(
        ReferencedSOPClassUID=reference.sop_class_uid, ReferencedSOPInstanceUID=reference.sop_instance_uid, **more
    )
