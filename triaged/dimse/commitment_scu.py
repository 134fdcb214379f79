"""Storage commitment on associations that we open: we ask a peer what it keeps, or answer a peer that asked us.

PS3.4 annex J. Knows no store. While pynetdicom waits for the response to our question it takes whatever comes for it: a
peer that reports before it has responded breaks the association, and has to be asked again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.pdu import P_DATA_TF

from triaged.dimse.command import Status
from triaged.dimse.commitment import (
    REQUEST_STORAGE_COMMITMENT,
    decode_report,
    event_type_of,
    report_dataset,
    request_dataset,
)
from triaged.dimse.requestor import Requestor, outcome_of
from triaged.steps.ports import Peer, Refused, SendOutcome, Sent, Unreachable
from triaged.study.commitment import (
    STORAGE_COMMITMENT_INSTANCE,
    STORAGE_COMMITMENT_PUSH_MODEL,
    CommitmentReport,
    CommitmentRequest,
)
from triaged.study.kinds import EXPLICIT, IMPLICIT

_PROPOSALS = {STORAGE_COMMITMENT_PUSH_MODEL: (EXPLICIT, IMPLICIT)}
_INSTANCE = (STORAGE_COMMITMENT_PUSH_MODEL, STORAGE_COMMITMENT_INSTANCE)
_FINAL = (0x0112, 0x0113, 0x0114, 0x0115, 0x0117, 0x0118, 0x0119, 0x0122, 0x0123, 0x0211, 0x0212)
"""Failures that lie in the question or in what the peer supports (PS3.7 annex C)."""


def ask(
    requestor: Requestor, request: CommitmentRequest, peer: Peer, *, wait_s: float
) -> CommitmentReport | SendOutcome:
    """Ask a peer to commit itself; return its report if it comes in time, else how the asking went."""
    awaited = _AwaitedReport(request.transaction_uid)
    with requestor.association(peer, _PROPOSALS, handlers=awaited.handlers(), idle_s=wait_s + 1.0) as association:
        outcome = _outcome(
            association,
            lambda opened: opened.send_n_action(request_dataset(request), REQUEST_STORAGE_COMMITMENT, *_INSTANCE),
            unaccepted="Storage Commitment Push Model is not accepted",
            unsent="storage commitment could not be asked for",
        )
        return (awaited.wait(wait_s) if isinstance(outcome, Sent) else None) or outcome


def answer(requestor: Requestor, report: CommitmentReport, peer: Peer) -> SendOutcome:
    """Answer a peer that asked us, on an association on which we are the SCP."""
    provided = (STORAGE_COMMITMENT_PUSH_MODEL,)
    with requestor.association(peer, _PROPOSALS, provided=provided) as association:
        return _outcome(
            association,
            lambda opened: opened.send_n_event_report(report_dataset(report), event_type_of(report), *_INSTANCE),
            unaccepted="Storage Commitment Push Model is not accepted with us as its provider",
            unsent="storage commitment could not be reported",
        )


def _outcome(
    association: Association | Unreachable,
    send: Callable[[Association], tuple[Dataset, Dataset | None]],
    *,
    unaccepted: str,
    unsent: str,
) -> SendOutcome:
    """Send, and return what became of it; the words are for where the peer refused the service, and where it broke."""
    if isinstance(association, Unreachable):
        return association
    if not association.is_established:
        return Refused(unaccepted, final=True)
    try:
        status, _ = send(association)
    except (ValueError, RuntimeError) as error:
        return Unreachable(f"{unsent}: {error}")
    return outcome_of(status, association, final=_FINAL)


class _AwaitedReport:
    """The report that may come on the association on which it was asked for; filled by pynetdicom's threads."""

    def __init__(self, transaction_uid: str) -> None:
        self._transaction_uid = transaction_uid
        self._report: CommitmentReport | None = None
        self._over = threading.Event()

    def handlers(self) -> list[evt.EventHandlerType]:
        """Return what has to be notified of the association."""
        return [
            (evt.EVT_N_EVENT_REPORT, self._take),
            (evt.EVT_PDU_SENT, self._note_sent),
            *((ending, self._note_end) for ending in (evt.EVT_ABORTED, evt.EVT_RELEASED, evt.EVT_CONN_CLOSE)),
        ]

    def wait(self, wait_s: float) -> CommitmentReport | None:
        """Return the report once it came and was acknowledged, or None where the association or the time is over."""
        self._over.wait(wait_s)
        return self._report

    def _take(self, event: evt.Event) -> tuple[int, None]:
        """Keep the report and return the status to acknowledge it with; others are to come to our receiver."""
        request = event.request
        information = request.EventInformation if isinstance(request, N_EVENT_REPORT) else None
        try:
            report = decode_report(information.getvalue() if information else b"", str(event.context.transfer_syntax))
        except ValueError:
            return Status.INVALID_ARGUMENT_VALUE, None
        if report.transaction_uid != self._transaction_uid:
            return Status.PROCESSING_FAILURE, None
        self._report = report
        return Status.SUCCESS, None

    def _note_sent(self, event: evt.Event) -> None:
        """The acknowledgement is what goes out first when the report is there; releasing before would cut it off."""
        if self._report is not None and isinstance(event.pdu, P_DATA_TF):
            self._over.set()

    def _note_end(self, _event: evt.Event) -> None:
        self._over.set()
