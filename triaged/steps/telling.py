"""Tells the site's audit repository what is in the audit trail, in its order; what cannot be told waits.

Of several couriers one tells at a time, so that no row is told by two. Knows neither the message nor the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from triaged.steps.errand import DeliveryOptions, backoff_s
from triaged.steps.ports import Refused, SendOutcome, Sent, Unreachable
from triaged.steps.waits import still_waits
from triaged.store.trail.audits import Audits, Told

log = structlog.get_logger()

_AT_ONCE = 100


class Repository(Protocol):
    """Takes messages about rows of the audit trail."""

    def tell(self, rows: Sequence[Told]) -> SendOutcome:
        """Hand all of them over, or say why not."""
        ...


class AuditTeller:
    """One courier's errand: some rows at a time; one that cannot be told is told again later, with growing waits."""

    def __init__(self, audits: Audits, repository: Repository, *, options: DeliveryOptions) -> None:
        self._audits = audits
        self._repository = repository
        self._options = options
        self._failures = 0
        self._again_at: datetime | None = None

    def run_next(self, *, clock: Callable[[], datetime]) -> bool:
        """Tell the oldest rows; False when there is none, it is too soon, or another courier is at it.

        A crash between telling and writing that down tells the same rows twice: twice is better than never.

        Raises:
            TryLater: the store is away.
        """
        if still_waits(self._again_at, longest_s=self._options.longest_wait_s, now=clock()):
            return False
        if not self._audits.untold(1):
            return False
        with self._audits.only_teller(lease_s=self._options.lease_s) as is_alone:
            return is_alone and self._tell_oldest(clock)

    def _tell_oldest(self, clock: Callable[[], datetime]) -> bool:
        rows = self._audits.untold(_AT_ONCE)
        if not rows:
            return False
        match self._repository.tell(rows):
            case Sent():
                self._audits.told(rows[-1].number, now=clock())
                self._failures, self._again_at = 0, None
            case Refused(reason=reason) | Unreachable(reason=reason):
                self._failures += 1
                wait_s = backoff_s(self._failures, self._options)
                self._again_at = clock() + timedelta(seconds=wait_s)
                log.warning("audit repository not told, will try again", why=reason, wait_s=wait_s)
        return True
