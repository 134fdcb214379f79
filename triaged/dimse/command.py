"""Command sets of the DIMSE services that the receiver offers (PS3.7 sections 9.3, 10.3 and annex E).

Knows no sockets. Texts of a request are kept as they came: nothing here decides whether a UID is a good one, and
pynetdicom's message classes do, so commands are read and written as data sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import pack

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.uid import UID, ImplicitVRLittleEndian
from pynetdicom import dsutils

from triaged.dicom.attributes import Value, dataset_of
from triaged.dicom.elements import IMPLICIT_LITTLE_ENDIAN, Elements, read_elements
from triaged.dicom.quiet import without_warnings
from triaged.dimse.negotiation import PduType
from triaged.study.uids import is_valid_uid

_NO_DATA_SET = 0x0101
_SOME_DATA_SET = 0x0001
_RESPONSE = 0x8000
_LONGEST_COMMENT = 64
_LAST_OF_COMMAND = b"\x03"
_DATA, _LAST_OF_DATA = b"\x00", b"\x02"
_VALUE_HEADER = 6
"""Bytes of a presentation data value besides its fragment: length, context and control (PS3.8 section 9.3.5.1)."""
_LONGEST_PDU, _SHORTEST_PDU = 16 * 1024, 128
"""What we send is short, so we use no more; a peer that wants still shorter pieces gets these nevertheless."""

Values = dict[str, Value]


class CommandField(IntEnum):
    """Requests that are known here."""

    C_STORE_RQ = 0x0001
    C_FIND_RQ = 0x0020
    C_ECHO_RQ = 0x0030
    N_EVENT_REPORT_RQ = 0x0100
    N_ACTION_RQ = 0x0130
    C_CANCEL_RQ = 0x0FFF


_TYPE_IDS = {CommandField.N_EVENT_REPORT_RQ: "EventTypeID", CommandField.N_ACTION_RQ: "ActionTypeID"}


class Status(IntEnum):
    """Statuses that the receiver answers (PS3.4 tables B.2-1 and CC.2.8-2, PS3.7 section 10.1.4.1.10 and annex C)."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    NO_SUCH_EVENT_TYPE = 0x0113
    INVALID_ARGUMENT_VALUE = 0x0115
    NO_SUCH_CLASS = 0x0118
    NO_SUCH_ACTION = 0x0123
    UNRECOGNIZED_OPERATION = 0x0211
    RESOURCE_LIMITATION = 0x0213
    OUT_OF_RESOURCES = 0xA700
    IDENTIFIER_DOES_NOT_MATCH = 0xA900
    CANNOT_UNDERSTAND = 0xC000
    CANCELLED = 0xFE00
    PENDING = 0xFF00
    PENDING_WITH_UNSUPPORTED_KEYS = 0xFF01


Answer = tuple[Status, str]
"""What a request is answered with: the status, and the comment to an error."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a peer; `type_id` is its Event or Action Type ID; a C-CANCEL has the `message_id` that it ends."""

    command_field: int
    message_id: int
    has_data_set: bool
    sop_class_uid: str
    sop_instance_uid: str
    type_id: int | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A peer's answer to a request of ours, which `message_id` names."""

    command_field: int
    message_id: int
    has_data_set: bool
    status: int

    @property
    def answers(self) -> int:
        """Return the command field of the request that this answers."""
        return self.command_field & ~_RESPONSE


@without_warnings()
def decode_command(command_set: bytes) -> Request | Response:
    """Return the request or response in an encoded command set; `ValueError` where it names no command or message."""
    elements = read_elements(command_set, IMPLICIT_LITTLE_ENDIAN, last="ActionTypeID")
    command_field = elements.unsigned("CommandField")
    is_response = command_field is not None and command_field & _RESPONSE
    names_another = is_response or command_field == CommandField.C_CANCEL_RQ
    message_id = elements.unsigned("MessageIDBeingRespondedTo" if names_another else "MessageID")
    if command_field is None or (message_id is None and command_field != CommandField.C_CANCEL_RQ):
        raise ValueError("expected a command set with Command Field and Message ID, found one without")
    has_data_set = elements.unsigned("CommandDataSetType") != _NO_DATA_SET
    if not is_response:
        return _request(elements, command_field, message_id or 0, has_data_set=has_data_set)
    status = elements.unsigned("Status")
    if status is None:
        raise ValueError("expected a command set with Status, found a response without")
    return Response(command_field, message_id or 0, has_data_set, status)


def _request(elements: Elements, command_field: int, message_id: int, *, has_data_set: bool) -> Request:
    names = "Requested" if command_field == CommandField.N_ACTION_RQ else "Affected"
    type_id = _TYPE_IDS.get(CommandField(command_field)) if command_field in list(CommandField) else None
    return Request(
        command_field=command_field,
        message_id=message_id,
        has_data_set=has_data_set,
        sop_class_uid=elements.text(f"{names}SOPClassUID") or "",
        sop_instance_uid=elements.text(f"{names}SOPInstanceUID") or "",
        type_id=elements.unsigned(type_id) if type_id else None,
    )


def encode_response(request: Request, context_id: int, status: int, *, comment: str = "") -> bytes:
    """Return the response as one whole P-DATA PDU, naming what the request did (PS3.7 9.3.1.2, 10.3.1.2, 10.3.5.2)."""
    values = _answering(request, status, _NO_DATA_SET)
    values |= {"ErrorComment": comment[:_LONGEST_COMMENT], "AffectedSOPInstanceUID": request.sop_instance_uid}
    if request.type_id is not None:
        values[_TYPE_IDS[CommandField(request.command_field)]] = request.type_id
    return _command(context_id, values)


def encode_event_report(request: Request, context_id: int, event_information: bytes, *, max_pdu: int) -> bytes:
    """Return an N-EVENT-REPORT request of ours with its data set, in PDUs of the length that the peer takes."""
    values: Values = {
        "AffectedSOPClassUID": request.sop_class_uid,
        "CommandField": CommandField.N_EVENT_REPORT_RQ,
        "MessageID": request.message_id,
        "CommandDataSetType": _SOME_DATA_SET,
        "AffectedSOPInstanceUID": request.sop_instance_uid,
        "EventTypeID": request.type_id or 0,
    }
    return _command(context_id, values) + encode_data_set(context_id, event_information, max_pdu=max_pdu)


def encode_match(request: Request, context_id: int, status: int) -> bytes:
    """Return the command of a pending C-FIND response; it is the same for every match, whose data set follows."""
    return _command(context_id, _answering(request, status, _SOME_DATA_SET))


def encode_data_set(context_id: int, content: bytes, *, max_pdu: int) -> bytes:
    """Return an encoded data set in PDUs of the length that the peer takes."""
    length = max(_SHORTEST_PDU, min(max_pdu or _LONGEST_PDU, _LONGEST_PDU)) - _VALUE_HEADER
    fragments = [content[start : start + length] for start in range(0, len(content), length)]
    pdus = [_p_data(context_id, _DATA + fragment) for fragment in fragments[:-1]]
    return b"".join([*pdus, _p_data(context_id, _LAST_OF_DATA + fragments[-1])])


def encoded(dataset: Dataset, syntax: UID) -> bytes:
    """Return a data set in a transfer syntax that is not compressed; raises `ValueError` where it cannot be encoded."""
    content = dsutils.encode(dataset, syntax.is_implicit_VR, syntax.is_little_endian)
    if content is None:
        raise ValueError("expected a data set that can be encoded")
    return content


def _answering(request: Request, status: int, data_set_type: int) -> Values:
    return {
        "AffectedSOPClassUID": request.sop_class_uid,
        "CommandField": request.command_field | _RESPONSE,
        "MessageIDBeingRespondedTo": request.message_id,
        "CommandDataSetType": data_set_type,
        "Status": status,
    }


def _command(context_id: int, values: Values) -> bytes:
    named = {keyword: value for keyword, value in values.items() if value != ""}
    plain = all(isinstance(value, int) or (isinstance(value, str) and is_valid_uid(value)) for value in named.values())
    elements = _plain_elements(named) if plain else encoded(dataset_of(**named), ImplicitVRLittleEndian)
    return _p_data(context_id, _LAST_OF_COMMAND + pack("<HHLL", 0, 0, 4, len(elements)) + elements)


def _plain_elements(values: Values) -> bytes:
    """Encode numbers (US) and valid identifiers (UI), which are all that most instances are answered with."""
    by_tag = sorted((tag_for_keyword(keyword) or 0, value) for keyword, value in values.items())
    encoded_values = ((tag, value.encode() if isinstance(value, str) else pack("<H", value)) for tag, value in by_tag)
    padded = ((tag, value + b"\0" * (len(value) % 2)) for tag, value in encoded_values)
    return b"".join(pack("<HHL", tag >> 16, tag & 0xFFFF, len(value)) + value for tag, value in padded)


def _p_data(context_id: int, content: bytes) -> bytes:
    """Return one value in a PDU of its own (PS3.8 9.3.5): type, length; length of the value, its context; the value."""
    length = len(content) + 1
    return pack(">BxLLB", PduType.P_DATA, length + 4, length, context_id) + content
