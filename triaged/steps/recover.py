"""Queues studies again that failed by an outage, once it is over: what was away is no fault of theirs."""

from __future__ import annotations

from datetime import datetime

import structlog

from triaged.errors import IllegalTransition, TryLater
from triaged.spool.files import Spool
from triaged.store.studies.completion import Completion
from triaged.store.studies.failures import Failures
from triaged.store.studies.history import History
from triaged.study.ranking_input import RankingPolicy

log = structlog.get_logger()

_FILES_ARE_BACK = "its files are back"
_OUTAGE_IS_OVER = "it was given up while spool or database were away"


class Recovery:
    """What the clock does now and then; raises `TryLater` while the store or the spool is away."""

    def __init__(
        self, failures: Failures, history: History, completion: Completion, spool: Spool, ranking_policy: RankingPolicy
    ) -> None:
        self._failures = failures
        self._history = history
        self._completion = completion
        self._spool = spool
        self._placing = ranking_policy
        self._looked_back = False

    def tick(self, *, now: datetime) -> int:
        """Queue again what can be read now; return how many studies."""
        self._spool.check_present()
        back = (uid for uid in self._failures.with_lost_files() if self._has(uid))
        queued = sum(self._requeue(uid, _FILES_ARE_BACK, now) for uid in back)
        if not self._looked_back:  # no study is given up for outages any more: once for each start is enough
            queued += sum(self._requeue(uid, _OUTAGE_IS_OVER, now) for uid in self._failures.from_outages())
            self._looked_back = True
        return queued

    def _has(self, study_uid: str) -> bool:
        """Tell whether every file of a study can be read to its end; most often the first one says that it cannot."""
        kept = self._history.instances(study_uid)
        try:
            is_whole = all(self._spool.is_whole(each.path, each.size_bytes) for each in kept)
        except TryLater:
            self._spool.check_present()
            return False  # the file system refuses this one alone
        return is_whole and all(self._spool.sha256(each.path) == each.sha256 for each in kept)

    def _requeue(self, study_uid: str, why: str, now: datetime) -> bool:
        try:
            self._completion.requeue(study_uid, ranking=self._placing, now=now, why=f"queued again: {why}")
        except IllegalTransition:
            return False  # a slice came, or a person was faster
        log.info("study queued again", why=why, study_instance_uid=study_uid)
        return True
