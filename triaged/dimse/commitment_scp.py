"""Storage commitment on one association that a peer opened: it asks us what we keep, or answers what we asked it.

PS3.4 annex J. Knows no store: what is kept, and to log it, is for the provider. A report goes back on the same
association where the provider has it at once; the peer's response to it may come at any time later, or never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import structlog
from pynetdicom.presentation import PresentationContextTuple

from triaged.dimse import commitment
from triaged.dimse.command import Answer, CommandField, Request, Response, Status, encode_event_report, encoded
from triaged.dimse.message import joined
from triaged.dimse.negotiation import Caller
from triaged.errors import TryLater
from triaged.steps.ports import CommitmentProvider
from triaged.study.commitment import (
    STORAGE_COMMITMENT_INSTANCE,
    STORAGE_COMMITMENT_PUSH_MODEL,
    CommitmentReport,
    CommitmentRequest,
)

log = structlog.get_logger()

_MOST_MESSAGE_IDS = 0xFFFF
_MOST_UNANSWERED = 100


class CommitmentScp:
    """What storage commitment has come to on one association."""

    def __init__(self, provider: CommitmentProvider, caller: Caller, *, clock: Callable[[], datetime]) -> None:
        self._provider = provider
        self._caller = caller
        self._clock = clock
        self._last_message_id = 0
        self._unanswered: dict[int, str] = {}
        """Transaction UIDs of the reports that were sent and not answered, by the message ID of the report."""
        self._report = b""

    def perform(self, request: Request, context: PresentationContextTuple, content: Iterator[bytes]) -> Answer:
        """Take an N-ACTION or N-EVENT-REPORT request, and return the status to answer; never raises `TryLater`."""
        refusal = _objection_to(request)
        if refusal is not None:
            return refusal
        data_set = joined(content, at_most=commitment.LONGEST_DATA_SET)
        if data_set is None:
            return Status.RESOURCE_LIMITATION, "too many references in one request"
        decode = commitment.decode_request if _is_question(request) else commitment.decode_report
        try:
            said = decode(data_set, str(context.transfer_syntax))
        except ValueError as error:
            log.warning("storage commitment not understood", why=str(error), **self._caller.fields)
            too_many = isinstance(error, commitment.TooMany)
            return Status.RESOURCE_LIMITATION if too_many else Status.INVALID_ARGUMENT_VALUE, str(error)
        try:
            if isinstance(said, CommitmentRequest):
                self._requested(said, context)
            else:
                self._provider.reported(said, now=self._clock())
        except TryLater as later:
            log.warning("storage commitment put off, the peer has to come again", why=str(later), **self._caller.fields)
            return Status.RESOURCE_LIMITATION, "cannot be kept now, try again later"
        return Status.SUCCESS, ""

    def take_report(self) -> bytes:
        """Return the PDUs to send behind the response to the last request, if there is a report; once."""
        report, self._report = self._report, b""
        return report

    def answered(self, response: Response) -> bool:
        """Take the response to a report; return False where there is none that it could answer."""
        if response.answers != CommandField.N_EVENT_REPORT_RQ or response.message_id not in self._unanswered:
            return False
        transaction_uid = self._unanswered.pop(response.message_id)
        if response.status != Status.SUCCESS:
            log.warning(
                "storage commitment report refused",
                transaction_uid=transaction_uid,
                status=f"{response.status:#06x}",
                **self._caller.fields,
            )
        return True

    def end(self) -> None:
        """Say which reports went out and were never answered."""
        for transaction_uid in self._unanswered.values():
            log.warning(
                "storage commitment report not answered", transaction_uid=transaction_uid, **self._caller.fields
            )

    def _requested(self, request: CommitmentRequest, context: PresentationContextTuple) -> None:
        if len(self._unanswered) >= _MOST_UNANSWERED:
            raise TryLater(f"{len(self._unanswered)} reports on this association wait for their responses")
        report = self._provider.requested(request, self._caller.calling_ae_title, now=self._clock())
        if report is not None:
            self._report = self._encoded(report, context)

    def _encoded(self, report: CommitmentReport, context: PresentationContextTuple) -> bytes:
        """Return a report as a request of ours, and remember that it waits for its response."""
        information = encoded(commitment.report_dataset(report), context.transfer_syntax)
        self._last_message_id = self._last_message_id % _MOST_MESSAGE_IDS + 1
        self._unanswered[self._last_message_id] = report.transaction_uid
        event = Request(
            command_field=CommandField.N_EVENT_REPORT_RQ,
            message_id=self._last_message_id,
            has_data_set=True,
            sop_class_uid=STORAGE_COMMITMENT_PUSH_MODEL,
            sop_instance_uid=STORAGE_COMMITMENT_INSTANCE,
            type_id=commitment.event_type_of(report),
        )
        return encode_event_report(event, context.context_id, information, max_pdu=self._caller.max_pdu)


def _is_question(request: Request) -> bool:
    return request.command_field == CommandField.N_ACTION_RQ


def _objection_to(request: Request) -> Answer | None:
    """Return why a request is none of the service's, or None where it is."""
    if request.sop_class_uid != STORAGE_COMMITMENT_PUSH_MODEL:
        return Status.NO_SUCH_CLASS, "expected Storage Commitment Push Model"
    if request.sop_instance_uid != STORAGE_COMMITMENT_INSTANCE:
        return Status.NO_SUCH_INSTANCE, "expected the well-known instance of storage commitment"
    if _is_question(request):
        if request.type_id != commitment.REQUEST_STORAGE_COMMITMENT:
            return Status.NO_SUCH_ACTION, "expected action type 1"
    elif request.type_id not in list(commitment.EventType):
        return Status.NO_SUCH_EVENT_TYPE, "expected event type 1 or 2"
    if not request.has_data_set:
        return Status.INVALID_ARGUMENT_VALUE, "expected a data set"
    return None
