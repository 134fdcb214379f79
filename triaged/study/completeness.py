"""Decides whether a study has arrived in full; pure: the clock and the store are elsewhere.

C-STORE does not say when a study is complete. To be early is never wrong here, since a late slice re-opens the study.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from triaged.study.facts import NOTHING_SAID, StudyFacts
from triaged.study.ranking import RequestPriority
from triaged.study.records import Series
from triaged.study.uids import StudyUID


class Cause(StrEnum):
    """Why a study counts as complete."""

    WHOLE = "whole"
    QUIET = "quiet"
    MAX_WAIT = "max-wait"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A study that may be complete; `facts` are those that rules of series may ask for."""

    study_uid: StudyUID
    revision: int
    first_instance_at: datetime
    last_instance_at: datetime
    open_associations: int
    last_association_closed_at: datetime | None
    order_priority: RequestPriority
    series: tuple[Series, ...]
    facts: StudyFacts = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class CompletionOptions:
    """How long to wait, in seconds.

    `settle_s` after the last instance and the last association, where the series to score is whole; `quiet_s` without a
    new instance, where it is not; `max_wait_s` from the first instance of a study that never falls quiet.
    """

    settle_s: float = 2.0
    quiet_s: float = 30.0
    max_wait_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Complete:
    """The study can be read."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again at `until`, or when an instance arrives or an association ends before that."""

    until: datetime


Verdict = Complete | Wait


IsWhole = Callable[[Sequence[Series]], bool]
"""Tells whether the series to score has arrived in full; examinations know what that means for them."""


def decide(candidate: Candidate, is_whole: IsWhole, *, options: CompletionOptions, now: datetime) -> Verdict:
    """Tell whether a study is complete at `now`, or until when to wait."""
    deadlines = [
        (candidate.last_instance_at + timedelta(seconds=options.quiet_s), Cause.QUIET),
        (_began_at(candidate, options, now) + timedelta(seconds=options.max_wait_s), Cause.MAX_WAIT),
    ]
    if candidate.open_associations == 0 and is_whole(candidate.series):
        deadlines.insert(0, (_settled_at(candidate, options), Cause.WHOLE))
    for deadline, cause in deadlines:
        if now >= deadline:
            return Complete(cause)
    return Wait(min(deadline for deadline, _ in deadlines))


def as_first_seen(candidate: Candidate, *, seen_at: datetime, now: datetime) -> Candidate:
    """Return a candidate without instants that are yet to come: they are from a clock that has been set back since.

    What came then has come when it was first seen, at `seen_at`, which whoever asks has to know by a clock that nobody
    sets. Without this a study would wait until the wrong time has come.
    """
    closed_at = candidate.last_association_closed_at
    if max(candidate.last_instance_at, closed_at or candidate.last_instance_at) <= now:
        return candidate
    return replace(
        candidate,
        first_instance_at=_past(candidate.first_instance_at, seen_at, now),
        last_instance_at=_past(candidate.last_instance_at, seen_at, now),
        last_association_closed_at=None if closed_at is None else _past(closed_at, seen_at, now),
    )


def _past(at: datetime, otherwise: datetime, now: datetime) -> datetime:
    return at if at <= now else otherwise


def _settled_at(candidate: Candidate, options: CompletionOptions) -> datetime:
    ended_at = candidate.last_association_closed_at or candidate.last_instance_at
    return max(candidate.last_instance_at, ended_at) + timedelta(seconds=options.settle_s)


def _began_at(candidate: Candidate, options: CompletionOptions, now: datetime) -> datetime:
    """Return when the latest run of arrivals began: a pause of `quiet_s` had made the study complete before.

    Without this, a slice that comes a day late would find `max_wait_s` long over and each of its followers would have
    the study scored again.
    """
    received = (instance.received_at for series in candidate.series for instance in series.instances)
    arrivals = sorted(at for at in received if at <= now)
    began_at = candidate.first_instance_at if not arrivals else arrivals[0]
    for earlier, later in itertools.pairwise(arrivals):
        if later - earlier >= timedelta(seconds=options.quiet_s):
            began_at = later
    return began_at
