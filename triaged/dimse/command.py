"""Command sets of the DIMSE services that the receiver offers (PS3.7 section 9.3 and annex E).

Knows no sockets. Texts of a request are kept as they came: nothing here decides whether a UID is a good one, and
pynetdicom's message classes do, so commands are read and written as data sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from pydicom import Dataset, config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pynetdicom import dsutils
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.pdu_items import PresentationDataValueItem

from triaged.dicom.elements import IMPLICIT_LITTLE_ENDIAN, read_elements
from triaged.dicom.quiet import without_warnings

_NO_DATA_SET = 0x0101
_RESPONSE = 0x8000
_LONGEST_COMMENT = 64
_LAST_OF_COMMAND = b"\x03"


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


@without_warnings()
def decode_request(command_set: bytes) -> Request:
    """Return the request in an encoded command set.

    Raises:
        ValueError: it names no command or no message.
    """
    elements = read_elements(command_set, IMPLICIT_LITTLE_ENDIAN, last="AffectedSOPInstanceUID")
    command_field, message_id = elements.unsigned("CommandField"), elements.unsigned("MessageID")
    if command_field is None or (message_id is None and command_field != CommandField.C_CANCEL_RQ):
        raise ValueError("expected a command set with Command Field and Message ID, found one without")
    return Request(
        command_field=command_field,
        message_id=message_id or 0,
        has_data_set=elements.unsigned("CommandDataSetType") != _NO_DATA_SET,
        sop_class_uid=elements.text("AffectedSOPClassUID") or "",
        sop_instance_uid=elements.text("AffectedSOPInstanceUID") or "",
    )


def encode_response(request: Request, context_id: int, status: int, *, comment: str = "") -> bytes:
    """Return the response as one whole P-DATA PDU, so that it leaves in one packet."""
    value = PresentationDataValueItem()
    value.presentation_context_id = context_id
    value.presentation_data_value = _LAST_OF_COMMAND + _response(request, status, comment)
    pdu = P_DATA_TF()
    pdu.presentation_data_value_items = [value]
    return pdu.encode()


def _response(request: Request, status: int, comment: str) -> bytes:
    """Return the encoded command set of a response, which names what the request named (PS3.7 section 9.3.1.2)."""
    values: dict[str, str | int] = {
        "AffectedSOPClassUID": request.sop_class_uid,
        "CommandField": request.command_field | _RESPONSE,
        "MessageIDBeingRespondedTo": request.message_id,
        "CommandDataSetType": _NO_DATA_SET,
        "Status": status,
        "ErrorComment": comment[:_LONGEST_COMMENT],
        "AffectedSOPInstanceUID": request.sop_instance_uid,
    }
    elements = _encoded({keyword: value for keyword, value in values.items() if value != ""})
    return _encoded({"CommandGroupLength": len(elements)}) + elements


def _encoded(values: dict[str, str | int]) -> bytes:
    dataset = Dataset()
    for keyword, value in values.items():
        dataset.add(DataElement(keyword, dictionary_VR(keyword), value, validation_mode=config.IGNORE))
    encoded = dsutils.encode(dataset, is_implicit_vr=True, is_little_endian=True)
    if encoded is None:
        raise ValueError("expected a response that can be encoded")
    return encoded
