"""The PDUs that open and end an association, seen from the acceptor (PS3.8 section 9.3).

Knows no sockets and no policy: it decodes a request as leniently as it can, and encodes the answers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from triaged.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
RELEASE_RESPONSE = struct.pack(">BBLL", 0x06, 0, 4, 0)

_FIXED = 68
"""Length of protocol version, titles and reserved fields in front of the items."""


class PduType(IntEnum):
    """Types of PDU that an acceptor may receive."""

    ASSOCIATE_RQ = 0x01
    P_DATA = 0x04
    RELEASE_RQ = 0x05
    ABORT = 0x07


class ContextResult(IntEnum):
    """Answer to one proposed presentation context (PS3.8 table 9-18)."""

    ACCEPTED = 0
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
class ProposedContext:
    """One presentation context as proposed: an abstract syntax in one of several transfer syntaxes."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnsweredContext:
    """One presentation context as answered."""

    context_id: int
    result: ContextResult
    abstract_syntax: str
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class AssociationRequest:
    """What a peer asks for; titles without padding. `titles` holds the fields that the answer has to repeat."""

    protocol_version: int
    called_ae_title: str
    calling_ae_title: str
    application_context: str
    contexts: tuple[ProposedContext, ...]
    titles: bytes


def decode_request(payload: bytes) -> AssociationRequest:
    """Return the request in the payload of an A-ASSOCIATE-RQ PDU.

    Raises:
        ValueError: the payload is no such PDU.
    """
    if len(payload) < _FIXED:
        raise ValueError(f"expected an A-ASSOCIATE-RQ of at least {_FIXED} bytes, found {len(payload)}")
    application_context, contexts = "", []
    for kind, value in _items(payload[_FIXED:]):
        if kind == 0x10:
            application_context = _text(value)
        elif kind == 0x20:
            contexts.append(_decode_context(value))
    return AssociationRequest(
        protocol_version=int(struct.unpack_from(">H", payload)[0]),
        called_ae_title=_text(payload[4:20]),
        calling_ae_title=_text(payload[20:36]),
        application_context=application_context,
        contexts=tuple(contexts),
        titles=payload[4:_FIXED],
    )


def encode_accept(request: AssociationRequest, contexts: Sequence[AnsweredContext], *, max_pdu: int) -> bytes:
    """Return the A-ASSOCIATE-AC PDU; `max_pdu` is the longest P-DATA that we wish to receive."""
    items = [_item(0x10, APPLICATION_CONTEXT.encode("ascii"))]
    for context in contexts:
        header = struct.pack(">BBBB", context.context_id, 0, context.result, 0)
        items.append(_item(0x21, header + _item(0x40, context.transfer_syntax.encode("latin_1", "replace"))))
    user = _item(0x51, struct.pack(">L", max_pdu))
    user += _item(0x52, IMPLEMENTATION_CLASS_UID.encode("ascii"))
    user += _item(0x55, IMPLEMENTATION_VERSION_NAME.encode("ascii"))
    items.append(_item(0x50, user))
    body = struct.pack(">HH", 1, 0) + request.titles + b"".join(items)
    return struct.pack(">BBL", 0x02, 0, len(body)) + body


def encode_reject(rejection: Rejection) -> bytes:
    """Return the A-ASSOCIATE-RJ PDU."""
    result, source, reason = rejection.to_bytes(3, "big")
    return struct.pack(">BBLBBBB", 0x03, 0, 4, 0, result, source, reason)


def encode_abort(reason: AbortReason) -> bytes:
    """Return the A-ABORT PDU of a service provider."""
    return struct.pack(">BBLBBBB", 0x07, 0, 4, 0, 0, 2, reason)


def _decode_context(value: bytes) -> ProposedContext:
    if len(value) < 4:
        raise ValueError(f"expected a presentation context of at least 4 bytes, found {len(value)}")
    abstract_syntax, transfer_syntaxes = "", []
    for kind, sub_value in _items(value[4:]):
        if kind == 0x30:
            abstract_syntax = _text(sub_value)
        elif kind == 0x40:
            transfer_syntaxes.append(_text(sub_value))
    return ProposedContext(value[0], abstract_syntax, tuple(transfer_syntaxes))


def _items(content: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(content):
        kind, _, length = struct.unpack_from(">BBH", content, position)
        end = position + 4 + length
        if end > len(content):
            raise ValueError(f"expected an item of {length} bytes, found {len(content) - position - 4}")
        yield kind, content[position + 4 : end]
        position = end


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(value)) + value


def _text(value: bytes) -> str:
    return value.decode("latin_1").strip(" \0")
