"""Command sets, encoded and decoded by pynetdicom as the other side."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID
from pynetdicom import dsutils
from pynetdicom.dimse_messages import (
    C_ECHO_RQ,
    C_STORE_RQ,
    C_STORE_RSP,
    N_ACTION_RQ,
    N_ACTION_RSP,
    N_EVENT_REPORT_RQ,
    N_EVENT_REPORT_RSP,
    DIMSEMessage,
)
from pynetdicom.dimse_primitives import C_ECHO, C_STORE, N_ACTION, N_EVENT_REPORT
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.pdu_items import PresentationDataValueItem

from triaged.dicom.attributes import dataset_of
from triaged.dimse.command import (
    CommandField,
    Request,
    Response,
    Status,
    decode_command,
    encode_event_report,
    encode_response,
)

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
PUSH_MODEL, INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"


def encoded(message: DIMSEMessage) -> bytes:
    """The encoded command set of a message."""
    first = next(iter(message.encode_msg(1, 16382)))
    return first.presentation_data_value_list[0][1][1:]


def a_store_request(sop_instance_uid: str = "1.2.3.4.5") -> bytes:
    primitive = C_STORE()
    primitive.MessageID = 7
    primitive.AffectedSOPClassUID = CT_IMAGE
    primitive.AffectedSOPInstanceUID = UID(sop_instance_uid)
    primitive.Priority = 2
    primitive.DataSet = BytesIO(b"\0\0")
    message = C_STORE_RQ()
    message.primitive_to_message(primitive)
    return encoded(message)


def test_a_store_request_is_understood() -> None:
    request = decode_command(a_store_request())
    assert request == Request(CommandField.C_STORE_RQ, 7, True, CT_IMAGE, "1.2.3.4.5")


def test_an_echo_request_is_understood() -> None:
    primitive = C_ECHO()
    primitive.MessageID = 9
    primitive.AffectedSOPClassUID = "1.2.840.10008.1.1"
    message = C_ECHO_RQ()
    message.primitive_to_message(primitive)
    assert decode_command(encoded(message)) == Request(CommandField.C_ECHO_RQ, 9, False, "1.2.840.10008.1.1", "")


def an_action() -> bytes:
    primitive = N_ACTION()
    primitive.MessageID, primitive.ActionTypeID = 11, 1
    primitive.RequestedSOPClassUID, primitive.RequestedSOPInstanceUID = PUSH_MODEL, INSTANCE
    primitive.ActionInformation = BytesIO(b"\0\0")
    message = N_ACTION_RQ()
    message.primitive_to_message(primitive)
    return encoded(message)


def an_event() -> bytes:
    primitive = N_EVENT_REPORT()
    primitive.MessageID, primitive.EventTypeID = 12, 2
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = PUSH_MODEL, INSTANCE
    primitive.EventInformation = BytesIO(b"\0\0")
    message = N_EVENT_REPORT_RQ()
    message.primitive_to_message(primitive)
    return encoded(message)


def test_an_action_and_an_event_are_understood() -> None:
    assert decode_command(an_action()) == Request(CommandField.N_ACTION_RQ, 11, True, PUSH_MODEL, INSTANCE, 1)
    assert decode_command(an_event()) == Request(CommandField.N_EVENT_REPORT_RQ, 12, True, PUSH_MODEL, INSTANCE, 2)


def test_a_response_to_an_event_is_understood() -> None:
    primitive = N_EVENT_REPORT()
    primitive.MessageIDBeingRespondedTo, primitive.EventTypeID, primitive.Status = 12, 2, 0x0110
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = PUSH_MODEL, INSTANCE
    message = N_EVENT_REPORT_RSP()
    message.primitive_to_message(primitive)
    response = decode_command(encoded(message))
    assert response == Response(0x8100, 12, False, 0x0110)
    assert response.answers == CommandField.N_EVENT_REPORT_RQ


@pytest.mark.parametrize(
    ("command_set", "kind", "type_id"),
    [(an_action(), N_ACTION_RSP, "ActionTypeID"), (an_event(), N_EVENT_REPORT_RSP, "EventTypeID")],
)
def test_a_response_names_what_the_action_or_event_named(
    command_set: bytes, kind: type[DIMSEMessage], type_id: str
) -> None:
    request = decode_command(command_set)
    assert isinstance(request, Request)
    message = read([encode_response(request, 3, Status.NO_SUCH_ACTION, comment="no such action")])
    assert isinstance(message, kind)
    primitive = message.message_to_primitive()
    assert isinstance(primitive, N_ACTION | N_EVENT_REPORT)
    assert (primitive.MessageIDBeingRespondedTo, primitive.Status) == (request.message_id, 0x0123)
    assert (primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID) == (PUSH_MODEL, INSTANCE)
    assert getattr(primitive, type_id) == request.type_id
    assert message.command_set.ErrorComment == "no such action"


@pytest.mark.parametrize(("max_pdu", "longest"), [(0, 16384), (16382, 16382), (200_000, 16384), (128, 128), (7, 128)])
def test_our_event_report_is_understood_and_no_pdu_is_longer_than_the_peer_takes(max_pdu: int, longest: int) -> None:
    event = Request(CommandField.N_EVENT_REPORT_RQ, 4, True, PUSH_MODEL, INSTANCE, 2)
    information = bytes(range(256)) * 100
    pdus = pdus_in(encode_event_report(event, 5, information, max_pdu=max_pdu))
    assert max(len(pdu) - 6 for pdu in pdus[1:]) == longest  # PS3.8 section D.1.1: without the header of the PDU
    message = read(pdus)
    assert isinstance(message, N_EVENT_REPORT_RQ)
    assert message.context_id == 5
    primitive = message.message_to_primitive()
    assert isinstance(primitive, N_EVENT_REPORT)
    assert (primitive.MessageID, primitive.EventTypeID) == (4, 2)
    assert (primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID) == (PUSH_MODEL, INSTANCE)
    assert primitive.EventInformation is not None
    assert primitive.EventInformation.getvalue() == information


def pdus_in(content: bytes) -> list[bytes]:
    found = []
    while content:
        length = 6 + int.from_bytes(content[2:6], "big")
        found.append(content[:length])
        content = content[length:]
    return found


def read(pdus: list[bytes]) -> DIMSEMessage:
    message = DIMSEMessage()
    for number, content in enumerate(pdus):
        pdu = P_DATA_TF()
        pdu.decode(content)
        assert message.decode_msg(pdu.to_primitive()) == (number == len(pdus) - 1)
    return message


def test_an_invalid_uid_of_any_length_is_taken_as_it_is() -> None:
    sent = "../" * 40
    content = a_store_request()
    old = b"\0\0\0\x10\x0a\0\0\0" + b"1.2.3.4.5\0"
    assert old in content
    content = content.replace(old, b"\0\0\0\x10" + len(sent).to_bytes(4, "little") + sent.encode())
    request = decode_command(content)
    assert isinstance(request, Request)
    assert request.sop_instance_uid == sent
    assert b"\0\0\0\x10" + len(sent).to_bytes(4, "little") + sent.encode() in encode_response(request, 1, 0)


@pytest.mark.parametrize("status", list(Status))
def test_a_response_is_understood_by_the_other_side(status: Status) -> None:
    request = decode_command(a_store_request())
    assert isinstance(request, Request)
    pdu = P_DATA_TF()
    pdu.decode(encode_response(request, 5, status, comment="x" * 80))
    message = DIMSEMessage()
    assert message.decode_msg(pdu.to_primitive())
    assert isinstance(message, C_STORE_RSP)
    assert message.context_id == 5
    response = message.message_to_primitive()
    assert isinstance(response, C_STORE)
    assert (response.MessageIDBeingRespondedTo, response.Status) == (7, status)
    assert (response.AffectedSOPClassUID, response.AffectedSOPInstanceUID) == (CT_IMAGE, "1.2.3.4.5")
    assert message.command_set.ErrorComment == "x" * 64
    assert message.command_set.CommandGroupLength == len(encoded(message)) - 12


@given(
    st.sampled_from(["", CT_IMAGE, "1.2", "1.2.3", "not a UID", "1.02", "1.2\\1.3"]),
    st.sampled_from(["", "1.2.3.4.56", "1.2.3.4.5", "../..", "1.2 "]),
    st.integers(0, 0xFFFF),
    st.sampled_from(list(Status)),
    st.sampled_from(["", "why"]),
)
def test_a_response_is_what_pydicom_and_pynetdicom_would_write(
    sop_class_uid: str, sop_instance_uid: str, message_id: int, status: Status, comment: str
) -> None:
    request = Request(CommandField.C_STORE_RQ, message_id, True, sop_class_uid, sop_instance_uid)
    found = encode_response(request, 5, status, comment=comment)
    values = {"AffectedSOPClassUID": sop_class_uid, "ErrorComment": comment, "AffectedSOPInstanceUID": sop_instance_uid}
    named = {keyword: value for keyword, value in values.items() if value}
    numbers = {"CommandField": 0x8001, "MessageIDBeingRespondedTo": message_id, "CommandDataSetType": 0x0101}
    elements = dsutils.encode(dataset_of(**named, **numbers, Status=status), True, True)
    assert elements is not None
    value = PresentationDataValueItem()
    value.presentation_context_id = 5
    value.presentation_data_value = b"\x03\0\0\0\0\x04\0\0\0" + len(elements).to_bytes(4, "little") + elements
    pdu = P_DATA_TF()
    pdu.presentation_data_value_items = [value]
    assert found == pdu.encode()


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"\xff" * 100, a_store_request()[:30]])
def test_what_names_no_command_or_message_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="expected a command set"):
        decode_command(content)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_bytes_are_misunderstood_in_an_unforeseen_way(noise: bytes, position: int) -> None:
    try:
        request = decode_command(a_store_request()[:position] + noise)
    except ValueError as refusal:
        assert str(refusal).startswith("expected")  # noqa: PT017 - some of them are requests
    else:
        assert isinstance(request, Response) or encode_response(request, 1, Status.SUCCESS)
