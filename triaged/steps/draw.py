"""Completes what a result leaves to be drawn after it was committed, and publishes that as part of the result.

Nobody waits for it: a worker does it while no study waits. It may be killed at any line; the draft is claimed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from triaged.errors import StaleClaim, TryLater
from triaged.exams.exam import Examination
from triaged.results.instance import ResultObject
from triaged.spool.files import Spool
from triaged.steps.errand import Clock
from triaged.steps.footing import Footing, Latest, nothing_known
from triaged.steps.options import AnalyseOptions
from triaged.steps.publish import kept_object
from triaged.store.studies.drawings import Drawing, Drawings
from triaged.study.kinds import KINDS, ObjectKind

log = structlog.get_logger()


class Drawer:
    """Completes drafts, one at a time."""

    def __init__(
        self,
        drawings: Drawings,
        spool: Spool,
        examinations: Sequence[Examination],
        *,
        worker: str,
        options: AnalyseOptions,
        destinations: Mapping[str, frozenset[ObjectKind]],
        latest: Latest = nothing_known,
    ) -> None:
        self._drawings = drawings
        self._spool = spool
        self._footing = Footing(spool, latest)
        self._examinations = examinations
        self._worker = worker
        self._options = options
        self._destinations = destinations
        always = {kind for kind in KINDS.values() if kind.always_kept}
        self._kinds = frozenset().union(always, *destinations.values())

    def claim(self, *, clock: Clock) -> Drawing | None:
        """Take a draft that waits, or None; raise `TryLater` where store or spool are away, or unfit to work with."""
        self._footing.demand(now=clock())
        return self._drawings.claim_next(self._worker, lease_s=self._options.lease_s, now=clock())

    def draw(self, drawing: Drawing, *, clock: Clock) -> None:
        """Complete a draft that was claimed, and publish what comes of it.

        Raises:
            Exception: anything unforeseen; the caller hands it to `count_and_put_back`.
        """
        started, fields = clock(), _fields(drawing)
        if drawing.attempts > self._options.max_attempts:
            self._give_up(drawing, "its worker ended before it did, each time")
            return
        try:
            content = self._spool.absolute(drawing.draft_path).read_bytes()
            made = self._completed(content)
            kept = [kept_object(self._spool, drawing.study_uid, one) for one in made if one.kind in self._kinds]
            self._drawings.drawn(drawing, kept, self._destinations, now=clock())
        except StaleClaim as stale:
            log.info("drawing dropped, the study changed meanwhile", why=str(stale), **fields)
        except TryLater as later:
            self._footing.hindered()
            self._put_back(drawing, str(later), clock)
        except OSError as error:
            self._unreadable(drawing, f"{type(error).__name__}: its draft cannot be read", clock)
        else:
            log.info("drawing committed", seconds=round((clock() - started).total_seconds(), 2), **fields)

    def count_and_put_back(self, drawing: Drawing, why: str, *, clock: Clock) -> None:
        """Let a draft be completed later whose drawing failed by itself; after `max_attempts` it is given up."""
        if drawing.attempts >= self._options.max_attempts:
            self._give_up(drawing, why)
        else:
            self._put_back(drawing, why, clock)

    def _completed(self, draft: bytes) -> tuple[ResultObject, ...]:
        """Return what the first examination makes of a draft that knows it; raise the first refusal where none does."""
        refusals = []
        for examination in self._examinations:
            try:
                return examination.complete(draft)
            except ValueError as refusal:
                refusals.append(refusal)
        raise refusals[0]

    def _unreadable(self, drawing: Drawing, why: str, clock: Clock) -> None:
        try:
            self._footing.blame(drawing.study_uid, attempt=drawing.attempts, now=clock(), files=[drawing.draft_path])
        except TryLater as later:
            self._put_back(drawing, str(later), clock)
        else:
            self._give_up(drawing, why)

    def _put_back(self, drawing: Drawing, why: str, clock: Clock) -> None:
        log.warning("drawing put back", why=why, **_fields(drawing))
        not_before = clock() + timedelta(seconds=self._options.retry_wait_s * drawing.attempts)
        _unless_stale(lambda: self._drawings.retry_later(drawing, error=why, not_before=not_before), drawing)

    def _give_up(self, drawing: Drawing, why: str) -> None:
        log.error("drawing given up, the study keeps everything else", why=why, **_fields(drawing))
        _unless_stale(lambda: self._drawings.failed(drawing, error=why), drawing)


def _unless_stale(settle: Callable[[], None], drawing: Drawing) -> None:
    try:
        settle()
    except StaleClaim as stale:
        log.info("nothing to put back", why=str(stale), **_fields(drawing))


def _fields(drawing: Drawing) -> Mapping[str, str | int]:
    return {"study_instance_uid": drawing.study_uid, "attempt": drawing.attempts}
