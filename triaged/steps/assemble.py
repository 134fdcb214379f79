"""Decides when a study is complete, and takes back what a dead worker held; knows nothing of pixels or sockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from triaged.errors import StaleClaim
from triaged.rules.matching import NO_RULES, Rules
from triaged.steps.choosing import considered
from triaged.store.studies.claims import Claims
from triaged.store.studies.completion import Completion
from triaged.study.completeness import (
    Candidate,
    Cause,
    Complete,
    CompletionOptions,
    IsWhole,
    Wait,
    as_first_seen,
    decide,
)
from triaged.study.ranking_input import RankingPolicy
from triaged.study.records import Series

log = structlog.get_logger()

WORDS = {
    Cause.WHOLE: "complete: the series is whole",
    Cause.QUIET: "complete: nothing new came for a while",
    Cause.MAX_WAIT: "complete: waited for as long as allowed",
}
"""What the history says about why a study counts as complete."""


class Assembler:
    """Moves complete studies from RECEIVING to READY, as often as the clock calls `tick`."""

    def __init__(
        self,
        completion: Completion,
        claims: Claims,
        *,
        is_whole: IsWhole,
        options: CompletionOptions,
        ranking_policy: RankingPolicy,
        monotonic: Callable[[], float] = time.monotonic,
        rules: Rules = NO_RULES,
    ) -> None:
        """`rules` are those of the site: what they exclude is not waited for."""
        self._rules = rules
        self._completion = completion
        self._claims = claims
        self._is_whole = is_whole
        self._options = options
        self._placing = ranking_policy
        self._monotonic = monotonic
        self._first_seen: dict[tuple[str, int, int], float] = {}

    def tick(self, *, now: datetime) -> int:
        """Complete every study that is whole or has waited long enough; return how many became READY."""
        return sum(self._complete(candidate, now) for candidate in self._candidates(now))

    def reap(self, *, now: datetime) -> int:
        """Give studies back to the queue whose worker let the lease run out; return how many."""
        reaped = self._claims.reap(now=now)
        if reaped:
            log.warning("lease expired, study returned to the queue", studies=reaped)
        return reaped

    def _candidates(self, now: datetime) -> list[Candidate]:
        """Return every study that may be complete, with times that lie before `now` whatever the clock was set to."""
        steady, first_seen, candidates = self._monotonic(), {}, []
        for candidate in self._completion.receiving(now=now):
            as_it_is = candidate.study_uid.value, candidate.revision, candidate.open_associations
            first_seen[as_it_is] = self._first_seen.get(as_it_is, steady)
            seen_at = now - timedelta(seconds=steady - first_seen[as_it_is])
            candidates.append(as_first_seen(candidate, seen_at=seen_at, now=now))
        self._first_seen = first_seen
        return candidates

    def _complete(self, candidate: Candidate, now: datetime) -> bool:
        def is_whole(series: Sequence[Series]) -> bool:
            return self._is_whole(considered(self._rules, candidate.facts, series))

        match decide(candidate, is_whole, options=self._options, now=now):
            case Wait():
                return False
            case Complete(cause=cause):
                try:
                    self._completion.complete(
                        candidate.study_uid, candidate.revision, ranking=self._placing, cause=WORDS[cause], now=now
                    )
                except StaleClaim:
                    return False  # another slice arrived since; the next tick looks again
                log.info("study complete", study_instance_uid=candidate.study_uid.value, cause=cause.value)
                return True
