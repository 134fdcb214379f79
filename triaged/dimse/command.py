"""Command sets of the DIMSE services that the receiver offers (PS3.7 section 9.3 and annex E).

Knows no sockets. Texts of a request are kept as they came: nothing here decides whether a UID is a good one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from triaged.dicom.elements import IMPLICIT_LITTLE_ENDIAN, Elements

_AFFECTED_SOP_CLASS_UID = 0x00000002
_COMMAND_FIELD = 0x00000100
_MESSAGE_ID = 0x00000110
_COMMAND_DATA_SET_TYPE = 0x00000800
_AFFECTED_SOP_INSTANCE_UID = 0x00001000
_WANTED = frozenset(
    {_AFFECTED_SOP_CLASS_UID, _COMMAND_FIELD, _MESSAGE_ID, _COMMAND_DATA_SET_TYPE, _AFFECTED_SOP_INSTANCE_UID}
)
_NO_DATA_SET = 0x0101
_RESPONSE = 0x8000
_LONGEST_COMMENT = 64
_COMMAND_PDV_LAST = 0x03


class CommandField(IntEnum):
    """Requests that are known here."""

    C_STORE_RQ = 0x0001
    C_ECHO_RQ = 0x0030
    C_CANCEL_RQ = 0x0FFF


class Status(IntEnum):
    """Statuses that the receiver answers (PS3.4 table B.2-1, PS3.7 annex C)."""

    SUCCESS = 0x0000
    UNRECOGNIZED_OPERATION = 0x0211
    OUT_OF_RESOURCES = 0xA700
    CANNOT_UNDERSTAND = 0xC000


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a peer."""

    command_field: int
    message_id: int
    has_data_set: bool
    sop_class_uid: str
    sop_instance_uid: str


def decode_request(command_set: bytes) -> Request:
    """Return the request in an encoded command set.

    Raises:
        ValueError: it names no command or no message.
    """
    elements = Elements(command_set, IMPLICIT_LITTLE_ENDIAN, _WANTED)
    command_field, message_id = elements.unsigned(_COMMAND_FIELD), elements.unsigned(_MESSAGE_ID)
    if command_field is None or (message_id is None and command_field != CommandField.C_CANCEL_RQ):
        raise ValueError("expected a command set with Command Field and Message ID, found one without")
    return Request(
        command_field=command_field,
        message_id=message_id or 0,
        has_data_set=elements.unsigned(_COMMAND_DATA_SET_TYPE) != _NO_DATA_SET,
        sop_class_uid=elements.text(_AFFECTED_SOP_CLASS_UID) or "",
        sop_instance_uid=elements.text(_AFFECTED_SOP_INSTANCE_UID) or "",
    )


def encode_response(request: Request, context_id: int, status: int, *, comment: str = "") -> bytes:
    """Return the response as one whole P-DATA PDU, so that it leaves in one packet."""
    elements = b"".join(
        (
            _text_element(0x0002, request.sop_class_uid, b"\0"),
            _short_element(0x0100, request.command_field | _RESPONSE),
            _short_element(0x0120, request.message_id),
            _short_element(0x0800, _NO_DATA_SET),
            _short_element(0x0900, status),
            _text_element(0x0902, comment[:_LONGEST_COMMENT], b" "),
            _text_element(0x1000, request.sop_instance_uid, b"\0"),
        )
    )
    command_set = struct.pack("<HHLL", 0, 0, 4, len(elements)) + elements
    pdv = struct.pack(">LBB", len(command_set) + 2, context_id, _COMMAND_PDV_LAST) + command_set
    return struct.pack(">BBL", 0x04, 0, len(pdv)) + pdv


def _short_element(element: int, value: int) -> bytes:
    return struct.pack("<HHLH", 0, element, 2, value)


def _text_element(element: int, text: str, padding: bytes) -> bytes:
    if not text:
        return b""
    value = text.encode("latin_1", "replace")
    value += padding * (len(value) % 2)
    return struct.pack("<HHL", 0, element, len(value)) + value
