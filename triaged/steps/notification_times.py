"""How soon studies had their place, and others their results and a notification: as triage devices report it.

Reads only. All times begin with the last slice of a study, so that no slow sender makes them longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from triaged.steps.figures import FLAG_OF, Flag
from triaged.steps.kept import Kept
from triaged.store.studies.notified import Notified, NotifiedStudy
from triaged.study.ranking import TriageClass
from triaged.triage.intervals import Times, times_of

MOST_STUDIES: Final = 50_000
"""So many are looked at, from the newest."""


class Stage(StrEnum):
    """Where a time ends: the place on the list, the first destination with all objects, the first notification sent."""

    ORDER = "order"
    RESULTS = "results"
    NOTIFICATION = "notification"


class By(StrEnum):
    """What studies are told apart by; TO is the destination or subscriber that a time is of."""

    ALL = "all"
    FLAG = "flag"
    CLASS = "class"
    SCANNER = "scanner"
    TO = "to"


@dataclass(frozen=True, slots=True)
class Row:
    """How long a stage took in the studies of a group; None where no study of it came to its end."""

    stage: Stage
    by: By
    name: str
    studies: int
    times: Times | None


@dataclass(frozen=True, slots=True)
class TimesReport:
    """The times of a period of `days`; `is_cut` where older studies of it were left out."""

    days: int
    since: datetime
    studies: int
    rows: tuple[Row, ...]
    is_cut: bool


class NotificationTimes:
    """Times from the store, counted once a minute at most; safe to share between threads.

    Raises:
        TryLater: the store is unreachable.
    """

    def __init__(self, notified: Notified) -> None:
        self._notified = notified
        self._kept: Kept[int, TimesReport] = Kept(self._counted)

    def report(self, days: int, *, now: datetime) -> TimesReport:
        """Return the times of the studies that were ordered in the last days."""
        return self._kept.of(days, now=now)

    def _counted(self, days: int, now: datetime) -> TimesReport:
        since = now - timedelta(days=days)
        studies = self._notified.since(since, most=MOST_STUDIES)
        return TimesReport(days, since, len(studies), tuple(rows_of(studies)), len(studies) >= MOST_STUDIES)


def rows_of(studies: Sequence[NotifiedStudy]) -> Iterator[Row]:
    """Yield each stage of all studies, of those flagged and not, of each class and scanner, and to each receiver."""
    groups = list(_groups(studies))
    for stage in Stage:
        ends = _ENDS[stage]
        for by, name, members in groups:
            yield Row(stage, by, name, len(members), times_of([end for each in members for end in _first(ends(each))]))
        for name in sorted({name for each in studies for name in ends(each)} - {""}):
            times = [ends(each)[name] for each in studies if name in ends(each)]
            yield Row(stage, By.TO, name, len(times), times_of(times))


def _groups(studies: Sequence[NotifiedStudy]) -> Iterator[tuple[By, str, list[NotifiedStudy]]]:
    if studies:
        yield By.ALL, "", list(studies)
    orders: Mapping[By, Iterable[str]] = {
        By.FLAG: [each.value for each in Flag],
        By.CLASS: [each.value for each in TriageClass],
        By.SCANNER: sorted({each.device for each in studies}),
    }
    for by, names in orders.items():
        members: dict[str, list[NotifiedStudy]] = {}
        for each in studies:
            members.setdefault(_NAMES[by](each), []).append(each)
        yield from ((by, name, members[name]) for name in names if name in members)


def _first(ends: Mapping[str, float]) -> list[float]:
    """Return when the first of several had it; nothing where nobody has."""
    return [min(ends.values())] if ends else []


_ENDS: Final[Mapping[Stage, Callable[[NotifiedStudy], Mapping[str, float]]]] = {
    Stage.ORDER: lambda each: {"": each.ordered_s},
    Stage.RESULTS: lambda each: each.stored_s,
    Stage.NOTIFICATION: lambda each: each.notified_s,
}
_NAMES: Final[Mapping[By, Callable[[NotifiedStudy], str]]] = {
    By.FLAG: lambda each: FLAG_OF[each.triage_class].value,
    By.CLASS: lambda each: each.triage_class.value,
    By.SCANNER: lambda each: each.device,
}
