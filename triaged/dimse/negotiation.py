"""The PDUs that open and end an association, seen from the acceptor (PS3.8 section 9.3), in pynetdicom's encoding.

Knows no sockets and no policy. What of a request nobody here asks for is never decoded: pynetdicom gives up the whole
request for an item of an unknown type, which is to be ignored (PS3.8 section 9.3.1), or for too long a version name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from pydicom.uid import UID
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ, A_RELEASE_RP
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext

from triaged.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from triaged.dicom.quiet import without_warnings

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
RELEASE_RESPONSE = A_RELEASE_RP().encode()

_FIXED = 68
"""Length of protocol version, titles and reserved fields in front of the items."""
_SERVICE_PROVIDER = 2


class PduType(IntEnum):
    """Types of PDU (PS3.8 section 9.3.1); an acceptor may be sent an answer only by mistake."""

    ASSOCIATE_RQ = 0x01
    ASSOCIATE_AC = 0x02
    ASSOCIATE_RJ = 0x03
    P_DATA = 0x04
    RELEASE_RQ = 0x05
    RELEASE_RP = 0x06
    ABORT = 0x07


class _Item(IntEnum):
    """Types of item that are looked at."""

    APPLICATION_CONTEXT = 0x10
    PRESENTATION_CONTEXT = 0x20
    USER_INFORMATION = 0x50
    MAXIMUM_LENGTH = 0x51
    ROLE_SELECTION = 0x54


class ContextResult(IntEnum):
    """Answer to one proposed presentation context (PS3.8 table 9-18)."""

    ACCEPTED = 0
    USER_REJECTION = 1
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


class Rejection(IntEnum):
    """Why an association is rejected: result, source and reason in one number (PS3.8 table 9-21)."""

    APPLICATION_CONTEXT = 0x010102
    CALLING_AE_TITLE = 0x010103
    CALLED_AE_TITLE = 0x010107
    PROTOCOL_VERSION = 0x010202
    LOCAL_LIMIT = 0x020302


class AbortReason(IntEnum):
    """Why we abort (PS3.8 table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    INVALID_PARAMETER = 6


@dataclass(frozen=True, slots=True)
class AssociationRequest:
    """What a peer asks for; titles without padding. `roles` says, by SOP class, whether it would be SCU and SCP."""

    protocol_version: int
    called_ae_title: str
    calling_ae_title: str
    application_context: str
    contexts: tuple[PresentationContext, ...]
    roles: Mapping[UID, tuple[bool, bool]]
    max_pdu: int = 0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end of an association: `max_pdu` is the longest P-DATA that it takes, 0 is any."""

    peer: str
    calling_ae_title: str
    max_pdu: int
    certificate_names: frozenset[str] = frozenset()
    """For whom its certificate was issued, where it showed one that we checked."""
    called_ae_title: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """Return what log lines say of it."""
        return {"peer": self.peer, "calling_ae_title": self.calling_ae_title}


@without_warnings()
def decode_request(payload: bytes) -> AssociationRequest:
    """Return the request in the payload of an A-ASSOCIATE-RQ PDU; raises `ValueError` where it is no such PDU."""
    if len(payload) < _FIXED:
        raise ValueError(f"expected an A-ASSOCIATE-RQ of at least {_FIXED} bytes, found {len(payload)}")
    head = struct.pack(">BBL", PduType.ASSOCIATE_RQ, 0, len(payload))
    pdu = A_ASSOCIATE_RQ()
    try:
        pdu.decode(head + payload[:_FIXED] + _wanted_items(payload[_FIXED:]))
        user = pdu.user_information.role_selection if pdu.user_information else {}
        return AssociationRequest(
            protocol_version=pdu.protocol_version,
            called_ae_title=pdu.called_ae_title,
            calling_ae_title=pdu.calling_ae_title,
            application_context=str(pdu.application_context_name or ""),
            contexts=tuple(item.to_primitive() for item in pdu.presentation_context),
            roles={uid: (bool(item.scu_role), bool(item.scp_role)) for uid, item in user.items()},
            max_pdu=pdu.user_information.maximum_length or 0 if pdu.user_information else 0,
        )
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
        raise ValueError(f"expected an A-ASSOCIATE-RQ, found one that cannot be decoded: {error!r}") from None


@without_warnings()
def encode_accept(
    request: AssociationRequest,
    contexts: Sequence[PresentationContext],
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation],
    *,
    max_pdu: int,
) -> bytes:
    """Return the A-ASSOCIATE-AC PDU; `max_pdu` is the longest P-DATA that we wish to receive."""
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = max_pdu
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    answer = A_ASSOCIATE()
    answer.application_context_name = UID(APPLICATION_CONTEXT)
    answer.called_ae_title, answer.calling_ae_title = request.called_ae_title, request.calling_ae_title
    answer.presentation_context_definition_results_list = list(contexts)
    answer.user_information = [length, implementation, version, *roles]
    return A_ASSOCIATE_AC(answer).encode()


def encode_reject(rejection: Rejection) -> bytes:
    """Return the A-ASSOCIATE-RJ PDU."""
    pdu = A_ASSOCIATE_RJ()
    pdu.result, pdu.source, pdu.reason_diagnostic = rejection.to_bytes(3, "big")
    return pdu.encode()


def encode_abort(reason: AbortReason) -> bytes:
    """Return the A-ABORT PDU of a service provider."""
    pdu = A_ABORT_RQ()
    pdu.source, pdu.reason_diagnostic = _SERVICE_PROVIDER, reason
    return pdu.encode()


def _wanted_items(content: bytes) -> bytes:
    """Return the items of a request that are looked at, still encoded."""
    kept = b""
    for kind, value in _items(content):
        if kind == _Item.USER_INFORMATION:
            kept += _item(kind, b"".join(_item(*sub) for sub in _items(value) if _is_wanted(*sub)))
        elif kind in (_Item.APPLICATION_CONTEXT, _Item.PRESENTATION_CONTEXT):
            kept += _item(kind, value)
    return kept


def _is_wanted(kind: int, value: bytes) -> bool:
    """Tell whether an item of the user information is looked at; a length of another length than four is none."""
    return kind == _Item.ROLE_SELECTION or (kind == _Item.MAXIMUM_LENGTH and len(value) == 4)


def _items(content: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(content):
        kind, _, length = struct.unpack_from(">BBH", content, position)
        end = position + 4 + length
        if end > len(content):
            raise ValueError(f"an item of {length} bytes where {len(content) - position - 4} are left")
        yield kind, content[position + 4 : end]
        position = end


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(value)) + value
