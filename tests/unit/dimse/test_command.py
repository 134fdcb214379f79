"""Command sets, encoded and decoded by pynetdicom as the other side."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID
from pynetdicom.dimse_messages import C_ECHO_RQ, C_STORE_RQ, C_STORE_RSP, DIMSEMessage
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.pdu import P_DATA_TF

from triaged.dimse.command import CommandField, Request, Response, Status, decode_command, encode_response

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


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
