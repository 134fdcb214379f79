"""Queries for the worklist on one association that a peer opened: C-FIND of Unified Procedure Steps (PS3.4 CC.2.8).

Knows no store and no attribute: what matches is for the provider to say. Responses leave as it finds them, some at a
time, and between them the peer may say that it has enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import structlog
from pydicom.datadict import keyword_for_tag
from pydicom.uid import UID
from pynetdicom import dsutils
from pynetdicom.presentation import PresentationContextTuple

from triaged.dicom.elements import DAMAGED
from triaged.dicom.matching import Query, query_of
from triaged.dicom.moments import NotUnderstood
from triaged.dicom.quiet import without_warnings
from triaged.dicom.workitem import KNOWN
from triaged.dimse.command import (
    Answer,
    CommandField,
    Request,
    Response,
    Status,
    decode_command,
    encode_data_set,
    encode_match,
    encoded,
)
from triaged.dimse.link import Link
from triaged.dimse.message import Message, ProtocolError, joined
from triaged.dimse.negotiation import AbortReason, Caller
from triaged.errors import TryLater
from triaged.steps.ports import WorklistProvider
from triaged.steps.trail import Trail
from triaged.study.audit import AuditEvent

log = structlog.get_logger()

_LONGEST_IDENTIFIER = 256 * 1024
_WRITE_AT_ONCE = 32 * 1024


class FindScp:
    """Answers queries on one association, one after the other."""

    def __init__(self, provider: WorklistProvider, link: Link, caller: Caller, trail: Trail | None = None) -> None:
        self._trail = trail
        self._provider = provider
        self._link = link
        self._caller = caller

    def perform(self, request: Request, context: PresentationContextTuple, content: Iterator[bytes]) -> Answer:
        """Send a response for everything that matches, and return the last one's status; raises what `Message` does."""
        if request.sop_class_uid != context.abstract_syntax or not request.has_data_set:
            return Status.IDENTIFIER_DOES_NOT_MATCH, "expected an identifier, and the SOP class of its context"
        try:
            query = _decoded(joined(content, at_most=_LONGEST_IDENTIFIER), context.transfer_syntax)
        except NotUnderstood as error:
            log.warning("query not understood", why=str(error), **self._caller.fields)
            return Status.IDENTIFIER_DOES_NOT_MATCH, str(error)
        answered = 0
        try:
            for responses, number in self._responses(query, request, context):
                self._link.write(responses)
                answered += number
                if self._link.has_input() and self._is_cancelled(request):
                    log.info("query cancelled", answered=answered, **self._caller.fields)
                    self._audit(query, answered)
                    return Status.CANCELLED, ""
        except TryLater as later:
            log.warning("query put off, the peer has to ask again", why=str(later), **self._caller.fields)
            return Status.OUT_OF_RESOURCES, "the worklist cannot be read now, try again later"
        log.info("query answered", answered=answered, **self._caller.fields)
        self._audit(query, answered)
        return Status.SUCCESS, ""

    def _audit(self, query: Query, answered: int) -> None:
        """Write down who asked, by which attributes, and how many rows they got; values may name a patient."""
        if self._trail is not None:
            keys = ", ".join(keyword_for_tag(key.tag) or f"{key.tag:08X}" for key in query.keys if key.values)
            who = {"person": self._caller.calling_ae_title, "address": self._caller.peer, "target": "C-FIND"}
            self._trail.looked_at(AuditEvent.LIST_QUERIED, detail=f"rows: {answered}, asked by: {keys or '-'}", **who)

    def _responses(
        self, query: Query, request: Request, context: PresentationContextTuple
    ) -> Iterator[tuple[bytes, int]]:
        """Return encoded responses some at a time, with their number."""
        status = Status.PENDING if query == query.known(KNOWN) else Status.PENDING_WITH_UNSUPPORTED_KEYS
        command = encode_match(request, context.context_id, status)
        gathered, number = b"", 0
        for found in self._provider.find(query):
            with without_warnings():
                identifier = encoded(found, context.transfer_syntax)
            gathered += command + encode_data_set(context.context_id, identifier, max_pdu=self._caller.max_pdu)
            number += 1
            if len(gathered) >= _WRITE_AT_ONCE:
                yield gathered, number
                gathered, number = b"", 0
        if gathered:
            yield gathered, number

    def _is_cancelled(self, request: Request) -> bool:
        """Read what the peer says in between; it may cancel what is being answered, or what has been answered before.

        Raises:
            ProtocolError: it asks for something else, which has not been negotiated (PS3.7 annex D.3.3.3).
        """
        message = Message(self._link, *self._link.read_pdu_header())
        try:
            command = decode_command(message.command_set())
        except ValueError as error:
            raise ProtocolError(AbortReason.NOT_SPECIFIED, str(error)) from None
        if isinstance(command, Response) or command.command_field != CommandField.C_CANCEL_RQ:
            raise ProtocolError(AbortReason.NOT_SPECIFIED, "a message while a query is answered")
        return command.message_id == request.message_id


@without_warnings()
def _decoded(content: bytes | None, syntax: UID) -> Query:
    if content is None:
        raise NotUnderstood(f"expected an identifier of at most {_LONGEST_IDENTIFIER} bytes, found a longer one")
    try:
        return query_of(dsutils.decode(BytesIO(content), syntax.is_implicit_VR, syntax.is_little_endian))
    except NotUnderstood:
        raise
    except DAMAGED as error:
        raise NotUnderstood(f"expected an identifier, found {type(error).__name__} in it") from None
