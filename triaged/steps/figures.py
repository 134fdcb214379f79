"""What the order earned, in figures: how often readers agree, how long studies wait, and how long they would have.

Reads only. Of each group of studies as many figures as there is something to count; nothing is said of nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.store.listing.readings import Readings, ReadStudy
from triaged.store.listing.verdicts import VerdictCount, Verdicts
from triaged.study.ranking import TriageClass
from triaged.study.verdict import Said, Verdict
from triaged.triage.sources import Count

MOST_STUDIES: Final = 200_000
MOST_VERDICTS: Final = 200_000
"""So many are looked at, from the newest."""
_KEPT_FOR: Final = timedelta(minutes=1)


class Period(StrEnum):
    """The last hours or days that figures are of."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"

    @property
    def span(self) -> timedelta:
        """Return how long it is."""
        return {"h": timedelta(hours=1), "d": timedelta(days=1)}[self.value[-1]] * int(self.value[:-1])


class By(StrEnum):
    """What studies are told apart by: the class of their images, what made these, what read them."""

    ALL = "all"
    CLASS = "class"
    SCANNER = "scanner"
    MODEL = "model"


class Flag(StrEnum):
    """Whether the images put a study forward. Emergency orders are first whatever their images show."""

    FLAGGED = "flagged"
    NOT_FLAGGED = "not flagged"
    EMERGENCY = "emergency order"
    UNSCORED = "no score"


FLAG_OF: Final[Mapping[TriageClass, Flag]] = {
    TriageClass.EMERGENCY: Flag.EMERGENCY,
    TriageClass.CRITICAL: Flag.FLAGGED,
    TriageClass.SEVERE: Flag.FLAGGED,
    TriageClass.SUSPECTED_MODERATE: Flag.FLAGGED,
    TriageClass.SUSPECTED_MILD: Flag.FLAGGED,
    TriageClass.UNSCORED: Flag.UNSCORED,
    TriageClass.OPACITY_NOT_FLAGGED: Flag.NOT_FLAGGED,
    TriageClass.NOT_FLAGGED: Flag.NOT_FLAGGED,
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often readers said what of the results of a group; `bounds` of the share that agrees with 95 % confidence."""

    by: By
    name: str
    counts: Mapping[Verdict, int]

    @property
    def agreeing(self) -> Count:
        """Return how many of how many agree."""
        return Count(self.counts[Verdict.AGREE], sum(self.counts.values()))


@dataclass(frozen=True, slots=True)
class Spread:
    """Minutes that something took in `n` studies: median and 95th percentile."""

    n: int
    median_min: float
    p95_min: float


@dataclass(frozen=True, slots=True)
class Turnaround:
    """How long the stages of a group's studies took; None for a stage of which no study has both ends.

    `scored` is from the last slice to the result, `opened` from there to the first reader, `done` from there to the end
    of reading, `in_all` from the last slice to there.
    """

    by: By
    name: str
    scored: Spread | None
    opened: Spread | None
    done: Spread | None
    in_all: Spread | None


@dataclass(frozen=True, slots=True)
class Earned:
    """How long studies waited from complete to opened, and how long in the order of arrival at the same moments."""

    flag: Flag
    waited: Spread
    by_arrival: Spread


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of a period; `is_cut` where older studies of it were left out."""

    period: Period
    since: datetime
    studies: int
    agreement: tuple[Agreement, ...]
    turnaround: tuple[Turnaround, ...]
    earned: tuple[Earned, ...]
    is_cut: bool


class Figures:
    """Figures from the store; safe to share between threads. Times of reading are counted once a minute at most.

    Raises:
        TryLater: the store is unreachable.
    """

    def __init__(self, verdicts: Verdicts, readings: Readings) -> None:
        self._verdicts = verdicts
        self._readings = readings
        self._kept: dict[Period, _Times] = {}
        self._one_at_a_time = threading.Lock()

    def report(self, period: Period, *, now: datetime) -> Report:
        """Return the figures of the last hours or days."""
        since, times = now - period.span, self._times(period, now)
        said = agreement(self._verdicts.counts(since))
        is_cut = times.studies >= MOST_STUDIES
        return Report(period, since, times.studies, said, times.turnaround, times.earned, is_cut)

    def verdicts(self, period: Period, *, now: datetime) -> list[Said]:
        """Return the verdicts of a period that stand, the oldest first."""
        return self._verdicts.since(now - period.span, most=MOST_VERDICTS)

    def _times(self, period: Period, now: datetime) -> _Times:
        with self._one_at_a_time:
            kept = self._kept.get(period)
            if kept is None or not timedelta(0) <= now - kept.at < _KEPT_FOR:
                read = self._readings.since(now - period.span, most=MOST_STUDIES)
                kept = _Times(now, len(read), turnaround(read), earned(read))
                self._kept[period] = kept
        return kept


@dataclass(frozen=True, slots=True)
class _Times:
    at: datetime
    studies: int
    turnaround: tuple[Turnaround, ...]
    earned: tuple[Earned, ...]


def agreement(counts: Sequence[VerdictCount]) -> tuple[Agreement, ...]:
    """Return what was said of all results, and of those of each class, scanner and model that somebody judged."""
    found = []
    for by, name in _NAMES.items():
        groups: dict[str, Counter[Verdict]] = {}
        for each in counts:
            groups.setdefault(name(each), Counter())[each.verdict] += each.number
        for group in _in_order(by, groups):
            found.append(Agreement(by, group, {verdict: groups[group][verdict] for verdict in Verdict}))
    return tuple(found)


def turnaround(read: Sequence[ReadStudy]) -> tuple[Turnaround, ...]:
    """Return how long the studies took, all of them and those of each class, scanner and model."""
    last, scored, opened, done = (_column(read, name) for name in ("last_slice_s", "scored_s", "opened_s", "done_s"))
    stages = np.stack([scored - last, opened - scored, done - opened, done - last])
    found = []
    for by, name in _NAMES.items():
        names = np.array([name(each) for each in read])
        for group in _in_order(by, set(names.tolist())):
            found.append(Turnaround(by, group, *(_spread(stage[names == group]) for stage in stages)))
    return tuple(found)


def earned(read: Sequence[ReadStudy]) -> tuple[Earned, ...]:
    """Return how long studies waited for the first reader, and how long they would have in the order of arrival.

    The moments at which readers opened a study stay as they were; only which study was opened then is another. No study
    is opened before it came: at each moment no more have been opened than had come. Studies of which either time is
    not known do not count, nor does what is still waiting.
    """
    seen = [each for each in read if each.opened_s is not None and each.opened_s >= each.complete_s]
    came, opened = _column(seen, "complete_s"), _column(seen, "opened_s")
    by_arrival = np.empty_like(opened)
    by_arrival[np.argsort(came, kind="stable")] = np.sort(opened)
    flags = np.array([FLAG_OF[each.triage_class].value for each in seen])
    found = []
    for flag in Flag:
        waited, instead = (_spread((times - came)[flags == flag.value]) for times in (opened, by_arrival))
        if waited is not None and instead is not None:
            found.append(Earned(flag, waited, instead))
    return tuple(found)


def _in_order(by: By, groups: Collection[str]) -> list[str]:
    """Return the groups, classes in the order of the list, others by their names."""
    return [each.value for each in TriageClass if each in groups] if by is By.CLASS else sorted(groups)


def _column(read: Sequence[ReadStudy], name: str) -> NDArray[np.float64]:
    """Return one moment of each study, not a number where it is not known."""
    return np.array([getattr(each, name) for each in read], dtype=np.float64)


def _spread(seconds: NDArray[np.float64]) -> Spread | None:
    """Return the spread of times; one whose ends are not known, or not in this order, does not count."""
    counted = seconds[seconds >= 0]
    if not counted.size:
        return None
    median, p95 = np.quantile(counted, (0.5, 0.95)) / 60
    return Spread(int(counted.size), float(median), float(p95))


_NAMES: Final[Mapping[By, Callable[[VerdictCount | ReadStudy], str]]] = {
    By.ALL: lambda _: "",
    By.CLASS: lambda each: each.triage_class.value,
    By.SCANNER: lambda each: each.device,
    By.MODEL: lambda each: each.model,
}
