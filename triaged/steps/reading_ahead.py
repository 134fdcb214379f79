"""Reads a study's images while it settles, and prepares that while it arrives; writes nothing.

A study that looks whole waits for a moment, since a slice may come late. What its images show does not depend on that:
it is kept in memory for exactly the files that were read, and is used only where the same ones are to be read. Of a
study that is not whole, an examination may do what single images allow.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from triaged.errors import UnreadableStudy
from triaged.exams.exam import Analysis, Examination, StillAlive
from triaged.store.studies.completion import Completion
from triaged.study.completeness import Candidate

log = structlog.get_logger()

_EVERY = 32
"""A study that arrives is prepared each time that so many instances have come."""
_MOST_KNOWN = 100

_Study = tuple[str, int]
"""A study as it was at a revision."""

Choose = Callable[[Candidate], tuple[Examination, Sequence[Path]] | None]
"""Returns which files would be read of a study by which examination; None where it would have no score."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    study: _Study
    examination: Examination
    instances: tuple[Path, ...]
    analysis: Analysis


class ReadingAhead:
    """What one worker has read ahead: at most one study."""

    def __init__(self, completion: Completion, is_whole: Callable[[Candidate], bool]) -> None:
        self._completion = completion
        self._is_whole = is_whole
        self._tried: set[_Study] = set()
        self._kept: _Kept | None = None
        self._is_missed = False
        self._prepared: dict[str, int] = {}

    def look(self, choose: Choose, *, now: datetime) -> bool:
        """Read a study that looks whole and settles, else prepare one that arrives; False where there is none.

        Raises:
            TryLater: the store or the spool is away.
            Exception: anything unforeseen; the study's claim will meet it again.
        """
        candidate = self._next(now=now)
        if candidate is None:
            return self._kept is None and self._prepare(choose)
        self._ahead(candidate, choose)
        return True

    def _prepare(self, choose: Choose) -> bool:
        """Let the examination work on what has come of a study, if that is much more than the last time."""
        found = self._completion.growing(self._prepared, by=_EVERY)
        if found is None:
            return False
        candidate, instances = found
        self._prepared = dict([*self._prepared.items(), (candidate.study_uid.value, instances)][-_MOST_KNOWN:])
        chosen = choose(candidate)
        if chosen is not None:
            with suppress(UnreadableStudy):  # it may be readable once the others are there
                examination, paths = chosen
                examination.prepare(paths)
        return True

    def _next(self, *, now: datetime) -> Candidate | None:
        """Return a study that is whole and settles, and was not tried as it is; None where there is none.

        While what was read ahead is still to be used nothing else is read: a worker has memory for one study.
        """
        settling: dict[_Study, Candidate] = {
            (each.study_uid.value, each.revision): each
            for each in self._completion.receiving(now=now, ended_only=True)
            if self._is_whole(each)
        }
        self._tried &= settling.keys()
        self._forget_unless(settling)
        if self._kept is not None:
            return None
        return next((each for study, each in settling.items() if study not in self._tried), None)

    def _forget_unless(self, settling: Container[_Study]) -> None:
        """Drop what was read where its study does not settle, twice in a row: at first it may just be complete."""
        is_missed = self._kept is not None and self._kept.study not in settling
        if is_missed and self._is_missed:
            self._kept = None
        self._is_missed = is_missed and not self._is_missed

    def _ahead(self, candidate: Candidate, choose: Choose) -> None:
        """Read what would be read of a study; nothing is kept of one that cannot be read, which its claim will tell."""
        study = candidate.study_uid.value, candidate.revision
        self._tried.add(study)
        chosen = choose(candidate)
        if chosen is None:
            return
        examination, instances = chosen
        try:
            analysis = examination.read(instances, _nobody_asks)
        except UnreadableStudy:
            return
        self._kept = _Kept(study, examination, tuple(instances), analysis)
        log.info("images read ahead", study_instance_uid=candidate.study_uid.value, revision=candidate.revision)

    def read(self, examination: Examination, instances: Sequence[Path], still_alive: StillAlive) -> Analysis:
        """Return what is found in these files: what was read ahead, else read now; nothing is kept any more.

        Raises:
            UnreadableStudy: as `Examination.read`.
        """
        kept, self._kept = self._kept, None
        if kept is not None and kept.examination is examination and kept.instances == tuple(instances):
            still_alive()
            return kept.analysis
        del kept  # before another study takes its memory
        return examination.read(instances, still_alive)


def read_now(examination: Examination, instances: Sequence[Path], still_alive: StillAlive) -> Analysis:
    """Return what is found in these files, where nothing is read ahead; raises as `Examination.read`."""
    return examination.read(instances, still_alive)


def _nobody_asks() -> None:
    """Is told that reading gets on; nothing is held that could be lost."""
