"""Answers that we owe to peers who asked us for storage commitment: one row each, claimed by couriers until sent.

Knows no sockets. A claim is owned by (answer, attempt), and ends with its lease.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, update

from triaged.errors import StaleClaim
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import insert_unless_there, release_held
from triaged.study.commitment import CommitmentReport, NotCommitted, Reference
from triaged.study.records import DeliveryState
from triaged.study.uids import derived_uid


@dataclass(frozen=True, slots=True)
class QueuedReport:
    """An answer for one peer, claimed by a courier until its lease ends."""

    report_id: int
    ae_title: str
    report: CommitmentReport
    attempts: int


class Answers(Ledger):
    """What is owed to peers that asked, until they have it."""

    def queue_report(self, ae_title: str, report: CommitmentReport, *, now: datetime) -> None:
        """Owe a peer an answer; the same question asked twice is answered once, unless the answer was given up.

        Then, and while it has not been sent, the peer gets what was found last.
        """
        key = derived_uid("commitment report", ae_title, report.transaction_uid)
        due = {"state": DeliveryState.PENDING, "attempts": 0, "next_attempt_at": now, "report": _text(report)}
        values = {"transaction_key": key, "ae_title": ae_title, "created_at": now, **due}
        with self._database.begin() as connection:
            if insert_unless_there(connection, _report, values, key=["transaction_key"]) is None:
                connection.execute(_RENEW, {"key": key, "renewed_at": now, **due})

    def claim_report(self, courier: str, *, lease_s: float, now: datetime) -> QueuedReport | None:
        """Take the answer that has been due for longest; None when none is due."""
        with self._database.read() as connection:
            if connection.execute(_DUE, {"now": now}).first() is None:
                return None  # asked often and mostly in vain: without the write lock
        with self._database.begin() as connection:
            row = connection.execute(_DUE.with_for_update(skip_locked=True), {"now": now}).first()
            if row is None:
                return None
            lease = {"courier": courier, "lease_expires_at": now + timedelta(seconds=lease_s)}
            connection.execute(_SET, {"item": row.id, "attempts": row.attempts + 1, **lease})
        return QueuedReport(row.id, row.ae_title, _report_of(row.report), row.attempts + 1)

    def release_reports(self, courier: str) -> int:
        """Make due again what a courier of this name was sending when it died; return how many answers."""
        with self._database.begin() as connection:
            return release_held(connection, _report, courier)

    def report_sent(self, queued: QueuedReport, *, now: datetime) -> None:
        """Record that the peer has its answer.

        Raises:
            StaleClaim: the lease ran out and another courier has it.
        """
        self._settle_report(queued, {"state": DeliveryState.SENT, "sent_at": now, "error": None})

    def report_retry(self, queued: QueuedReport, *, error: str, next_attempt_at: datetime, now: datetime) -> None:
        """Record that it did not work, and when to try again.

        Raises:
            StaleClaim: the lease ran out and another courier has it.
        """
        del now
        self._settle_report(queued, {"next_attempt_at": next_attempt_at, "error": error})

    def report_dead(self, queued: QueuedReport, *, error: str, now: datetime) -> None:
        """Give an answer up, until the peer asks again.

        Raises:
            StaleClaim: the lease ran out and another courier has it.
        """
        del now
        self._settle_report(queued, {"state": DeliveryState.DEAD, "error": error})

    def _settle_report(self, queued: QueuedReport, values: Mapping[str, Any]) -> None:
        parameters = {"item": queued.report_id, "attempt": queued.attempts, "courier": None, "lease_expires_at": None}
        with self._database.begin() as connection:
            if connection.execute(_SET_OWNED, {**parameters, **values}).rowcount != 1:
                raise StaleClaim(
                    f"expected answer {queued.report_id} to {queued.ae_title} in attempt {queued.attempts}, "
                    "found it with another courier, or settled"
                )


def _text(report: CommitmentReport) -> str:
    return json.dumps(asdict(report))


def _report_of(text: str) -> CommitmentReport:
    values = json.loads(text)
    return CommitmentReport(
        transaction_uid=values["transaction_uid"],
        committed=tuple(Reference(**each) for each in values["committed"]),
        failed=tuple(NotCommitted(Reference(**each["reference"]), each["reason"]) for each in values["failed"]),
    )


_report = schema.commitment_report
_now = bindparam("now", type_=_report.c.next_attempt_at.type)
_SET = update(_report).where(_report.c.id == bindparam("item"))
_SET_OWNED = _SET.where(
    _report.c.state == DeliveryState.PENDING.value,
    _report.c.courier.is_not(None),
    _report.c.attempts == bindparam("attempt"),
)
_RENEW = update(_report).where(
    _report.c.transaction_key == bindparam("key"),
    or_(
        _report.c.state == DeliveryState.DEAD.value,
        (_report.c.state == DeliveryState.PENDING.value)
        & or_(
            _report.c.lease_expires_at.is_(None),
            _report.c.lease_expires_at <= bindparam("renewed_at", type_=_report.c.lease_expires_at.type),
        ),
    ),
)
_DUE = (
    select(_report)
    .where(
        _report.c.state == DeliveryState.PENDING.value,
        _report.c.next_attempt_at <= _now,
        or_(_report.c.lease_expires_at.is_(None), _report.c.lease_expires_at <= _now),
    )
    .order_by(_report.c.next_attempt_at, _report.c.id)
    .limit(1)
)
