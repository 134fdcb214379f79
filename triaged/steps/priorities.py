"""Looks up on another list how urgent the order of a complete study is, and moves the study if it is more urgent.

Beside everything else: nothing waits for it, and where the other list is unreachable the images alone decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from triaged.steps.errand import Clock
from triaged.steps.ports import ImagingRequest, Peer, RequestPrioritySource, Unreachable
from triaged.steps.waits import still_waits
from triaged.store.listing.priorities import Priorities, Unasked
from triaged.store.listing.rankings import Rankings
from triaged.study.ranking import RequestPriority
from triaged.study.ranking_input import RankingPolicy

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LookUpOptions:
    """`source` is what the history calls the other list; `retry_s`: the wait after it was unreachable.

    `look_back_s`: a study that has been complete for longer is no longer asked about, so that a list that comes back
    after a day is asked about what still waits, and not about all that was ever kept.
    """

    source: str
    retry_s: float = 30.0
    look_back_s: float = 3600.0


class RequestPriorityLookUp:
    """Asks about one study after the other, each once; `TryLater` where the store is unreachable."""

    def __init__(
        self,
        priorities: Priorities,
        rankings: Rankings,
        wire: RequestPrioritySource,
        *,
        peer: Peer,
        ranking_policy: RankingPolicy,
        options: LookUpOptions,
    ) -> None:
        self._priorities = priorities
        self._standings = rankings
        self._wire = wire
        self._peer = peer
        self._placing = ranking_policy
        self._options = options
        self._not_before: datetime | None = None

    def ask_next(self, *, clock: Clock) -> bool:
        """Ask about the study that was completed last; False when there is none, or the other list is unreachable."""
        now = clock()
        if still_waits(self._not_before, longest_s=self._options.retry_s, now=now):
            return False
        unasked = self._priorities.unasked(ready_since=now - timedelta(seconds=self._options.look_back_s))
        if unasked is None:
            return False
        uid = unasked.study_uid
        order = ImagingRequest(unasked.accession_number, uid.value if uid.was_valid else "")
        answer = self._wire.ask(order, self._peer)
        if isinstance(answer, Unreachable):
            self._not_before = clock() + timedelta(seconds=self._options.retry_s)
            log.warning(
                "urgency of an order not known, will ask again", study_instance_uid=uid.value, why=answer.reason
            )
            return False
        self._take(unasked, answer, clock())
        return True

    def _take(self, unasked: Unasked, answer: RequestPriority | None, now: datetime) -> None:
        uid, source = unasked.study_uid, self._options.source
        moved = False
        if answer is not None:
            moved = self._standings.prioritise(uid.value, answer, self._placing, cause=source, now=now)
        # Last, so that a crash in between has it asked again instead of forgotten.
        said = "nothing" if answer is None else answer.value
        self._priorities.asked(uid, detail=f"{source}: {said}", now=now)
        log.info("urgency of an order asked for", study_instance_uid=uid.value, answer=said, moved=moved)
