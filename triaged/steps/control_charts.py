"""Whether each scanner sends, fails and is flagged as it used to: charts by day, with limits from the time before.

Reads only, and moves nothing: whether the order is trusted is decided by `steps.policy_keeping`. Days are whole ones in
UTC, the last of them yesterday: of a day that is not over nobody knows how many come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final

from triaged.steps.kept import Kept
from triaged.store.studies.daily import Daily, DayCount
from triaged.triage.control_limits import (
    Judged,
    UsualCount,
    UsualShare,
    judge_counts,
    usual_counts,
    usual_share,
)

BASELINE_DAYS: Final = 60
WEEK: Final = 7
_NOTHING: Final = DayCount()
_SURE: Final = 0.01
"""Only what is less probable in all charts together is a warning to operators: once in some months by chance."""
_WORKDAY, _WEEKEND = "workday", "weekend"


class Measure(StrEnum):
    """What is watched of a scanner."""

    ARRIVED = "arrived"
    FLAGGED = "flagged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Asked:
    """The last days, and how many before them say what is usual."""

    days: int
    baseline: int = BASELINE_DAYS


@dataclass(frozen=True, slots=True)
class Chart:
    """One measure of one scanner: each day of the period, and the last seven days together.

    `usual` says what is, or why nobody can say it; then nothing is judged, and `days` and `week` are empty.
    """

    scanner: str
    measure: Measure
    usual: str
    days: tuple[tuple[date, Judged], ...] = ()
    week: Judged | None = None

    @property
    def is_judged(self) -> bool:
        """Tell whether enough is known of what is usual."""
        return self.week is not None


@dataclass(frozen=True, slots=True)
class Outside:
    """What was outside its limits: on one day, or in the seven days that ended with it."""

    chart: Chart
    day: date
    days: int
    judged: Judged


@dataclass(frozen=True, slots=True)
class Charts:
    """All charts of a period: `first` is its first day, `last` its last; `counts` are the plain numbers by scanner."""

    asked: Asked
    first: date
    last: date
    charts: tuple[Chart, ...]
    outside: tuple[Outside, ...]
    counts: Mapping[str, Mapping[date, DayCount]]


class ControlCharts:
    """Charts from the store, counted once a minute at most; safe to share between threads.

    Raises:
        TryLater: the store is unreachable.
    """

    def __init__(self, daily: Daily) -> None:
        self._daily = daily
        self._kept: Kept[Asked, Charts] = Kept(self._counted)
        self._warned: tuple[date, tuple[Outside, ...]] | None = None

    def charts(self, asked: Asked, *, now: datetime) -> Charts:
        """Return the charts of the last days."""
        return self._kept.of(asked, now=now)

    def warnings(self, *, now: datetime) -> tuple[Outside, ...]:
        """Return what was far outside yesterday, or in the last seven days; counted once a day.

        Of many charts one is outside now and then by chance: only what is not by chance in all of them is returned.
        """
        today = _midnight(now).date()
        if self._warned is None or self._warned[0] != today:
            found = self.charts(Asked(WEEK), now=now)
            judged = sum(each.is_judged for each in found.charts)
            last = [each for each in found.outside if each.day == found.last]
            self._warned = today, tuple(each for each in last if _chance(each.judged) * judged < _SURE)
        return self._warned[1]

    def _counted(self, asked: Asked, now: datetime) -> Charts:
        until = _midnight(now)
        number = asked.days + asked.baseline
        begin = until - timedelta(days=number)
        days = [(begin + timedelta(days=each)).date() for each in range(number)]
        found = self._daily.since(begin, until)
        charts = tuple(
            chart for scanner in sorted(found) for chart in _charts(scanner, found[scanner], days, asked.baseline)
        )
        counts = {
            scanner: {days[each]: found[scanner][each] for each in sorted(found[scanner]) if each >= asked.baseline}
            for scanner in sorted(found)
        }
        outside = tuple(each for chart in charts for each in _outside(chart))
        return Charts(asked, days[asked.baseline], days[-1], charts, outside, counts)


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _charts(scanner: str, counts: Mapping[int, DayCount], days: Sequence[date], baseline: int) -> Iterator[Chart]:
    """Yield the charts of one scanner, whose life begins with its first study."""
    each = [counts.get(day, _NOTHING) for day in range(len(days))]
    born = min(counts)
    yield _arrivals(scanner, [count.arrived for count in each], days, born, baseline)
    flagged, failed = [(day.flagged, day.scored) for day in each], [(day.failed, day.ended) for day in each]
    yield _shares(scanner, Measure.FLAGGED, flagged, days, baseline)
    yield _shares(scanner, Measure.FAILED, failed, days, baseline)


def _arrivals(scanner: str, numbers: Sequence[int], days: Sequence[date], born: int, baseline: int) -> Chart:
    kinds = [_WEEKEND if day.weekday() >= 5 else _WORKDAY for day in days]
    usual = usual_counts(list(zip(kinds, numbers, strict=True))[born:baseline])
    if isinstance(usual, str):
        return Chart(scanner, Measure.ARRIVED, usual)
    parts: list[tuple[int, UsualCount, float]] = [
        (number, usual[kind], 1.0) for kind, number in zip(kinds, numbers, strict=True)
    ]
    judged = [(day, judge_counts([part])) for day, part in zip(days, parts, strict=True)]
    means = ", ".join(f"{usual[kind].mean:.1f} on a {kind}" for kind in (_WORKDAY, _WEEKEND) if kind in usual)
    return Chart(scanner, Measure.ARRIVED, means, tuple(judged[baseline:]), judge_counts(parts[-WEEK:]))


def _shares(
    scanner: str, measure: Measure, numbers: Sequence[tuple[int, int]], days: Sequence[date], baseline: int
) -> Chart:
    usual = usual_share(numbers[:baseline])
    if not isinstance(usual, UsualShare):
        return Chart(scanner, measure, usual)
    judged = [(day, usual.judge(*number)) for day, number in zip(days, numbers, strict=True)]
    week = usual.judge(*(sum(each[side] for each in numbers[-WEEK:]) for side in (0, 1)))
    return Chart(scanner, measure, f"{100 * usual.share:.1f} %", tuple(judged[baseline:]), week)


def _outside(chart: Chart) -> Iterator[Outside]:
    """Yield the days outside, the newest first, and before them the last week."""
    if chart.week is not None and chart.week.signal is not None:
        yield Outside(chart, chart.days[-1][0], WEEK, chart.week)
    for day, judged in reversed(chart.days):
        if judged.signal is not None:
            yield Outside(chart, day, 1, judged)


def _chance(judged: Judged) -> float:
    return 1.0 if judged.signal is None else judged.signal.chance
