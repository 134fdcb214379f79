"""Storage commitment (PS3.4 annex J), both ways: what destinations keep of ours, and what we keep of our senders'.

Nothing is ever said to be kept that is not: a row and its file, whole, on the disk. Knows no sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from triaged.spool.files import Spool
from triaged.steps.errand import Clock, DeliveryOptions, Errand, Fields, Words
from triaged.steps.ports import CommitmentPeer, Peer, Refused, SendOutcome, Sent, Unreachable
from triaged.steps.waits import still_waits
from triaged.store.couriers.answers import Answers, QueuedReport
from triaged.store.couriers.commitments import Commitments
from triaged.study.commitment import CommitmentReport, CommitmentRequest, FailureReason, NotCommitted, Reference
from triaged.study.uids import derived_uid

log = structlog.get_logger()

FindPeer = Callable[[str], Peer | None]
"""Where a peer of this AE title is reached; None where nobody has said."""


@dataclass(frozen=True, slots=True)
class CommitmentOptions:
    """`ask_again_s`: without an answer for so long, a destination is asked again.

    `answer_s`: how long the association is held open for the answer, which may also come on one of the destination's.
    `most`: how many instances one question names. `max_attempts`: how often an object is sent that is not committed,
    each time later than the last by `send_again_s`.
    """

    ask_again_s: float = 900.0
    answer_s: float = 5.0
    most: int = 500
    max_attempts: int = 10
    send_again_s: float = 60.0


class Committer:
    """Asks one destination whether it keeps what it was sent, one study at a time."""

    def __init__(
        self, commitments: Commitments, wire: CommitmentPeer, *, peer: Peer, options: CommitmentOptions
    ) -> None:
        self._commitments = commitments
        self._wire = wire
        self._peer = peer
        self._options = options
        self._not_before: datetime | None = None

    def request_next(self, *, clock: Clock) -> bool:
        """Ask for the objects of the study that has waited for longest; False when there is none, or not yet."""
        now = clock()
        if still_waits(self._not_before, longest_s=self._options.ask_again_s, now=now):
            return False
        again = now - timedelta(seconds=self._options.ask_again_s)
        sent = self._commitments.uncommitted(self._peer.name, ask_again_before=again, limit=self._options.most, now=now)
        if not sent:
            return False
        items = [item_id for item_id, _ in sent]
        request = CommitmentRequest(
            derived_uid("commitment", self._peer.name, now.isoformat(), *map(str, items)),
            tuple(reference for _, reference in sent),
        )
        # Known before it is asked: the answer may come to the receiver before this association has ended.
        self._commitments.asked(items, request.transaction_uid, now=now)
        self._ask(request, clock)
        return True

    def _ask(self, request: CommitmentRequest, clock: Clock) -> None:
        fields = {
            "destination": self._peer.name,
            "transaction_uid": request.transaction_uid,
            "objects": len(request.references),
        }
        match self._wire.request_commitment(request, self._peer, wait_s=self._options.answer_s):
            case CommitmentReport() as report:
                settle(self._commitments, report, self._options, now=clock())
            case Sent():
                log.info("storage commitment asked for", **fields)
            case (Refused() | Unreachable()) as outcome:
                self._not_before = clock() + timedelta(seconds=self._options.ask_again_s)
                log.warning("storage commitment not asked for, will try again", why=outcome.for_log, **fields)
            case other:
                assert_never(other)


class CommitmentService:
    """Answers senders that ask us, and takes the answers of destinations that we asked."""

    def __init__(
        self,
        commitments: Commitments,
        answers: Answers,
        spool: Spool,
        *,
        find_peer: FindPeer,
        options: CommitmentOptions,
    ) -> None:
        self._commitments = commitments
        self._answers = answers
        self._spool = spool
        self._find_peer = find_peer
        self._options = options

    def requested(self, request: CommitmentRequest, calling_ae_title: str, *, now: datetime) -> CommitmentReport | None:
        """Return the report to send on this association, or None; see `CommitmentProvider`."""
        self._commitments.promise(request.references, now=now)
        report = self._judge(request)
        known = self._find_peer(calling_ae_title) is not None
        if known:
            self._answers.queue_report(calling_ae_title, report, now=now)
        log.info(
            "storage commitment answered",
            calling_ae_title=calling_ae_title,
            transaction_uid=request.transaction_uid,
            committed=len(report.committed),
            failed=len(report.failed),
            on_own_association=known,
        )
        return None if known else report

    def reported(self, report: CommitmentReport, *, now: datetime) -> None:
        """Take what a destination answers to what we asked; see `CommitmentProvider`."""
        settle(self._commitments, report, self._options, now=now)

    def _judge(self, request: CommitmentRequest) -> CommitmentReport:
        held = self._commitments.held(request.references)
        committed: list[Reference] = []
        failed: list[NotCommitted] = []
        whole = self._spool.are_whole([(kept.path, kept.size_bytes) for kept in held.values()])
        there = {uid for uid, is_whole in zip(held, whole, strict=True) if is_whole}
        for reference in request.references:
            kept = held.get(reference.sop_instance_uid)
            if kept is None or reference.sop_instance_uid not in there:
                failed.append(NotCommitted(reference, FailureReason.NO_SUCH_INSTANCE))
            elif kept.sop_class_uid != reference.sop_class_uid:
                failed.append(NotCommitted(reference, FailureReason.CLASS_INSTANCE_CONFLICT))
            else:
                committed.append(reference)
        return CommitmentReport(request.transaction_uid, tuple(committed), tuple(failed))


class Reporter(Errand[QueuedReport]):
    """Takes answers to senders that want them on an association of ours; one that is unreachable is tried again."""

    words = Words(
        sent=lambda **told: log.info("storage commitment reported", **told),
        refused=lambda **told: log.error("storage commitment never reported", **told),
        dead=lambda **told: log.error("storage commitment never reported", **told),
        again=lambda **told: log.warning("storage commitment not reported, will try again", **told),
        late=lambda why, _: log.warning("answer to storage commitment took longer than its lease", why=why),
    )

    def __init__(
        self, answers: Answers, wire: CommitmentPeer, *, find_peer: FindPeer, options: DeliveryOptions, courier: str
    ) -> None:
        super().__init__(answers, options, courier=courier)
        self._wire = wire
        self._find_peer = find_peer

    def _do(self, item: QueuedReport, clock: Clock) -> SendOutcome:
        del clock
        peer = self._find_peer(item.ae_title)
        if peer is None:
            return Refused("its AE title is no longer in dicom.peers", final=True)
        return self._wire.report_commitment(item.report, peer)

    def _told(self, item: QueuedReport, outcome: SendOutcome, counted: Fields) -> Fields:
        why = {} if isinstance(outcome, Sent) else {"why": outcome.for_log}
        if isinstance(outcome, Refused) and outcome.final:
            counted = {"attempts": item.attempts}
        return {**why, **counted, "ae_title": item.ae_title, "transaction_uid": item.report.transaction_uid}


def settle(commitments: Commitments, report: CommitmentReport, options: CommitmentOptions, *, now: datetime) -> None:
    """Record what a destination keeps; what it does not is sent again, so that its loss is seen and mended."""
    committed, failed = commitments.settle(
        report, max_attempts=options.max_attempts, wait_s=options.send_again_s, now=now
    )
    log.info("storage commitment received", transaction_uid=report.transaction_uid, committed=committed, failed=failed)
    for lost in report.failed if failed else ():
        log.error(
            "object not committed, will be sent again",
            transaction_uid=report.transaction_uid,
            sop_instance_uid=lost.reference.sop_instance_uid,
            reason=f"{lost.reason:04X}H",
        )
