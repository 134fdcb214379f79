"""Returns claimed studies to the queue: one that failed by itself has lost an attempt, any other nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

import structlog

from triaged.errors import StaleClaim
from triaged.steps.errand import Clock
from triaged.store.studies.claims import Claims
from triaged.study.records import Claim

log = structlog.get_logger()


class _GiveBack(Protocol):
    """How the store takes a claimed study back."""

    def __call__(self, claim: Claim, *, not_before: datetime, why: str, now: datetime) -> None: ...


class PuttingBack:
    """Puts studies back, not to be claimed before `retry_wait_s` times the attempts that count against them."""

    def __init__(self, claims: Claims, retry_wait_s: float) -> None:
        self._claims = claims
        self._retry_wait_s = retry_wait_s

    def put_back(self, claim: Claim, why: str, *, clock: Clock) -> None:
        """Return a study to the queue that has nothing to do with why its analysis ended; this costs it no attempt."""
        self._put_back(self._claims.retry_later, claim, why, waits=1, clock=clock)

    def count_and_put_back(self, claim: Claim, why: str, *, clock: Clock) -> None:
        """Return a study to the queue whose analysis failed by itself; after `max_attempts` of these it is given up.

        `why` is shown on the list in the end: no patient attribute.
        """
        self._put_back(self._claims.strike, claim, why, waits=len(claim.strikes) + 1, clock=clock)

    def _put_back(self, give_back: _GiveBack, claim: Claim, why: str, *, waits: int, clock: Clock) -> None:
        not_before = clock() + timedelta(seconds=self._retry_wait_s * waits)
        log.warning("analysis put back", study_instance_uid=claim.study_uid.value, why=why, attempt=claim.attempt)
        try:
            give_back(claim, not_before=not_before, why=why, now=clock())
        except StaleClaim as stale:
            log.info("nothing to put back", study_instance_uid=claim.study_uid.value, why=str(stale))
