"""Answers that we owe to peers who asked us for storage commitment: one row each, claimed by couriers until sent."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, or_, update

from triaged.store.couriers.queue import Queue
from triaged.store.dispatch.tickets import Task
from triaged.store.posting.leases import Leases, is_free, posted
from triaged.store.tables import schema
from triaged.store.tables.rows import insert_unless_there
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
    courier: str


class Answers(Queue[QueuedReport]):
    """What is owed to peers that asked, until they have it; one that is given up stays so until the peer asks again."""

    leases = Leases(schema.commitment_report)
    due = leases.first(schema.commitment_report)
    peer = schema.commitment_report.c.ae_title
    task = Task.COMMITMENT
    has_courier_each = False

    def queue_report(self, ae_title: str, report: CommitmentReport, *, now: datetime) -> None:
        """Owe a peer an answer; the same question asked twice is answered once, unless the answer was given up.

        Then, and while it has not been sent, the peer gets what was found last.
        """
        key = derived_uid("commitment report", ae_title, report.transaction_uid)
        due = {**posted(now), "report": _text(report)}
        values = {"transaction_key": key, "ae_title": ae_title, "created_at": now, **due}
        with self._database.begin() as connection:
            if insert_unless_there(connection, _report, values, key=["transaction_key"]) is None:
                connection.execute(_RENEW, {"key": key, "now": now, **due})
            self._issue(connection, ae_title)

    def refused(self, item: QueuedReport, *, error: str, now: datetime) -> None:
        """Give it up: an answer is taken, or it is not."""
        self.dead(item, error=error, now=now)

    def _first(self, connection: Connection, due: Select[Any], courier: str, now: datetime) -> QueuedReport | None:
        row = connection.execute(due.with_for_update(skip_locked=True), {"now": now}).first()
        if row is None:
            return None
        return QueuedReport(row.id, row.ae_title, _report_of(row.report), row.attempts + 1, courier)

    def _named(self, item: QueuedReport) -> tuple[int, str]:
        return item.report_id, f"answer {item.report_id} to {item.ae_title}"


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
_RENEW = update(_report).where(
    _report.c.transaction_key == bindparam("key"),
    or_(
        _report.c.state == DeliveryState.DEAD.value, (_report.c.state == DeliveryState.PENDING.value) & is_free(_report)
    ),
)
