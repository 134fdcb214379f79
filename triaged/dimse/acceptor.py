"""One association as acceptor: negotiation, then requests one after the other, until the peer or we end it.

Knows the protocol only; what becomes of an instance is the intake's business, and who has to leave for whom that of the
slots. A plain blocking loop in a thread of its own: it reads fragments straight from the stream into the intake and
answers in one write, and a lost connection is one exception, wherever it happens.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime

import structlog
from pynetdicom.presentation import PresentationContextTuple

from triaged.dimse import negotiation
from triaged.dimse.association_log import AssociationLog, Ending
from triaged.dimse.command import Answer, CommandField, Request, Response, Status, decode_command, encode_response
from triaged.dimse.commitment_scp import CommitmentScp
from triaged.dimse.find_scp import FindScp
from triaged.dimse.link import Dismissed, Link, PeerGone
from triaged.dimse.message import Aborted, Message, ProtocolError, unexpected
from triaged.dimse.negotiation import AbortReason, AssociationRequest, Caller, ContextResult, PduType, Rejection
from triaged.dimse.options import ScpOptions
from triaged.dimse.policy import UPS_CLASSES, VERIFICATION, answers_to, may_use, rejection_of
from triaged.dimse.slot import Slot
from triaged.dimse.slots import Slots
from triaged.errors import TryLater
from triaged.steps.intake import Intake, Offer, Sender
from triaged.steps.ports import CommitmentProvider, WorklistProvider
from triaged.steps.trail import Trail
from triaged.study.commitment import STORAGE_COMMITMENT_PUSH_MODEL

log = structlog.get_logger()

_LONGEST_REQUEST = 1024 * 1024
"""128 contexts with every known transfer syntax need less than 100 KiB."""


class Acceptor:
    """Serves one connection; `run` returns when it is over."""

    def __init__(
        self,
        link: Link,
        slot: Slot,
        options: ScpOptions,
        intake: Intake,
        *,
        clock: Callable[[], datetime],
        slots: Slots,
        associations: AssociationLog,
        provider: CommitmentProvider | None = None,
        worklist: WorklistProvider | None = None,
        trail: Trail | None = None,
        certificate_names: frozenset[str] = frozenset(),
    ) -> None:
        self._link = link
        self._slot = slot
        self._options = options
        self._intake = intake
        self._clock = clock
        self._slots = slots
        self._log = associations
        self._provider = provider
        self._commitment: CommitmentScp | None = None
        self._worklist = worklist
        self._trail = trail
        self._query: FindScp | None = None
        self._caller = Caller(slot.address, "", 0, certificate_names)
        self._contexts: dict[int, PresentationContextTuple] = {}
        self.sender: Sender | None = None
        """Set as soon as the peer has offered an instance; whoever runs this has to close it in the store."""
        self._kept = 0
        self._refused = 0
        self._why_refused = ""

    def run(self) -> Ending:
        """Serve the peer until the end; never raises for what a peer does."""
        detail = ""
        try:
            ending = self._serve()
        except Aborted:
            ending = Ending.ABORTED
        except Dismissed as dismissed:
            ending, detail = Ending.DISMISSED, str(dismissed)
            self._say_goodbye(AbortReason.NOT_SPECIFIED)
        except PeerGone as gone:
            ending, detail = Ending.LOST, str(gone)
            if not self._slot.is_association:
                ending = Ending.PROBE
            self._say_goodbye(AbortReason.NOT_SPECIFIED)
        except ProtocolError as error:
            ending, detail = Ending.BROKEN, str(error)
            self._say_goodbye(error.reason)
        finally:
            if self._commitment is not None:
                self._commitment.end()
        if ending is Ending.STOPPED:
            self._say_goodbye(AbortReason.NOT_SPECIFIED)
        why = {"why": self._why_refused} if self._why_refused else {}
        self._log.ended(ending, detail, **self._caller.fields, kept=self._kept, refused=self._refused, **why)
        return ending

    def _say_goodbye(self, reason: AbortReason) -> None:
        with contextlib.suppress(PeerGone):
            self._link.write(negotiation.encode_abort(reason))

    def _serve(self) -> Ending:
        self._link.expect_within(self._options.request_timeout_s)
        if not self._link.wait(self._options.request_timeout_s):
            return Ending.STOPPED
        request = self._read_request()
        self._link.expect_within(float("inf"))
        self._caller = Caller(
            self._slot.address,
            request.calling_ae_title,
            request.max_pdu,
            self._caller.certificate_names,
            request.called_ae_title,
        )
        rejection = rejection_of(request, self._caller, self._options)
        if rejection is None and not self._slots.associate(self._slot, request.calling_ae_title):
            rejection = Rejection.LOCAL_LIMIT
        if rejection is not None:
            self._log.rejected(rejection.name, **self._caller.fields, called_ae_title=request.called_ae_title)
            self._link.write(negotiation.encode_reject(rejection))
            return Ending.REJECTED
        self._accept(request)
        while self._link.wait(self._options.idle_timeout_s):
            if not self._serve_request():
                self._link.write(negotiation.RELEASE_RESPONSE)
                return Ending.RELEASED
        return Ending.STOPPED

    def _read_request(self) -> AssociationRequest:
        kind, length = self._link.read_pdu_header()
        if kind != PduType.ASSOCIATE_RQ:
            raise unexpected("A-ASSOCIATE-RQ", kind)
        if length > _LONGEST_REQUEST:
            raise ProtocolError(AbortReason.INVALID_PARAMETER, f"A-ASSOCIATE-RQ of {length} bytes")
        payload = b"".join(self._link.read_chunks(length))
        try:
            return negotiation.decode_request(payload)
        except ValueError as error:
            raise ProtocolError(AbortReason.INVALID_PARAMETER, str(error)) from None

    def _accept(self, request: AssociationRequest) -> None:
        services = (
            *((STORAGE_COMMITMENT_PUSH_MODEL,) if self._provider is not None else ()),
            *(UPS_CLASSES if self._worklist is not None else ()),
        )
        contexts, roles = answers_to(
            request, services, may_use=lambda service: may_use(service, self._caller, self._options)
        )
        accepted = [context.as_tuple for context in contexts if context.result == ContextResult.ACCEPTED]
        self._contexts = {context.context_id: context for context in accepted}
        declined = {str(context.abstract_syntax) for context in contexts}
        declined -= {str(context.abstract_syntax) for context in accepted}
        if self._provider is not None:
            self._commitment = CommitmentScp(self._provider, self._caller, clock=self._clock)
        if self._worklist is not None:
            self._query = FindScp(self._worklist, self._link, self._caller, self._trail)
        self._link.write(negotiation.encode_accept(request, contexts, roles, max_pdu=self._options.max_pdu))
        self._log.opened(**self._caller.fields, contexts=len(self._contexts), declined=sorted(declined))

    def _serve_request(self) -> bool:
        """Read and answer one request; return False when it was the peer's wish to release."""
        kind, length = self._link.read_pdu_header()
        if kind == PduType.RELEASE_RQ:
            return False
        message = Message(self._link, kind, length)
        command_set = message.command_set()
        context = self._contexts.get(message.context_id)
        if context is None:
            raise ProtocolError(AbortReason.INVALID_PARAMETER, f"context {message.context_id} was not accepted")
        try:
            command = decode_command(command_set)
        except ValueError as error:
            raise ProtocolError(AbortReason.NOT_SPECIFIED, str(error)) from None
        content = message.data_set() if command.has_data_set else iter(())
        answer = self._answer(command, context, content)
        for _ in content:
            pass  # what was refused has still to be read, or it would be taken for the next request
        if answer:
            self._link.write(answer)
        return True

    def _answer(
        self, command: Request | Response, context: PresentationContextTuple, content: Iterator[bytes]
    ) -> bytes:
        """Return what to send back, which is nothing where the peer itself answered or took back."""
        if isinstance(command, Response):
            if self._commitment is None or not self._commitment.answered(command):
                raise ProtocolError(AbortReason.NOT_SPECIFIED, "a response to nothing that we asked")
            return b""
        if command.command_field == CommandField.C_CANCEL_RQ:
            return b""
        try:
            status, comment = self._work(command, context, content)
        except (PeerGone, ProtocolError, Aborted):
            raise
        except Exception:  # a bug of ours must become a failure status, never silence and never Success
            self._refused += 1
            log.exception("request refused because of a bug", peer=self._caller.peer)
            is_composite = command.command_field in (CommandField.C_STORE_RQ, CommandField.C_FIND_RQ)
            status = Status.CANNOT_UNDERSTAND if is_composite else Status.PROCESSING_FAILURE
            comment = "internal error, see the log of the receiver"
        report = self._commitment.take_report() if self._commitment is not None else b""
        return encode_response(command, context.context_id, status, comment=comment) + report

    def _work(self, request: Request, context: PresentationContextTuple, content: Iterator[bytes]) -> Answer:
        """Perform a request; but for an echo, nobody may end the association meanwhile, nor soon after a success."""
        if request.command_field == CommandField.C_ECHO_RQ:
            return self._perform(request, context, content)
        with self._slots.working(self._slot):
            answer = self._perform(request, context, content)
        if answer[0] == Status.SUCCESS:
            self._slots.note_work(self._slot)
        return answer

    def _perform(self, request: Request, context: PresentationContextTuple, content: Iterator[bytes]) -> Answer:
        is_commitment = context.abstract_syntax == STORAGE_COMMITMENT_PUSH_MODEL
        is_query = context.abstract_syntax in UPS_CLASSES
        match request.command_field:
            case CommandField.C_ECHO_RQ:
                return Status.SUCCESS, ""
            case CommandField.C_STORE_RQ if (
                request.has_data_set and not (is_commitment or is_query) and context.abstract_syntax != VERIFICATION
            ):
                return self._store(request, context, content)
            case CommandField.C_STORE_RQ:
                return Status.CANNOT_UNDERSTAND, "expected a data set on a storage context"
            case CommandField.N_ACTION_RQ | CommandField.N_EVENT_REPORT_RQ if is_commitment and self._commitment:
                return self._commitment.perform(request, context, content)
            case CommandField.C_FIND_RQ if is_query and self._query:
                return self._query.perform(request, context, content)
            case _:
                return Status.UNRECOGNIZED_OPERATION, "this service is not offered on this context"

    def _store(self, request: Request, context: PresentationContextTuple, content: Iterator[bytes]) -> Answer:
        sop_class_uid = request.sop_class_uid or str(context.abstract_syntax)
        offer = Offer(sop_class_uid, request.sop_instance_uid, str(context.transfer_syntax))
        try:
            self._intake.receive(offer, content, self._known_sender(), clock=self._clock)
        except TryLater as later:
            self._refused += 1
            self._why_refused = self._why_refused or str(later)
            return Status.OUT_OF_RESOURCES, "cannot be kept now, try again later"
        self._kept += 1
        self._slots.note_stored(self._slot)
        return Status.SUCCESS, ""

    def _known_sender(self) -> Sender:
        """Return the sender, made known to the store with the first instance: an echo needs no store."""
        if self.sender is None:
            self.sender = self._intake.open_association(
                peer=self._caller.peer,
                calling_ae_title=self._caller.calling_ae_title,
                now=self._clock(),
                called_ae_title=self._caller.called_ae_title,
            )
        return self.sender
