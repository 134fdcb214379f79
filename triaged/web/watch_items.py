"""The charts of each scanner for programs. Knows values only: no server, no store, no markup."""

from __future__ import annotations

from datetime import date

from typing_extensions import TypedDict

from triaged.steps.control_charts import Chart, Charts
from triaged.triage.control_limits import Judged


class JudgedItem(TypedDict):
    """A number beside its limits: `hits` of `total`, or a count where that is null; `value` null of no study.

    `value`, `centre`, `low` and `high` are shares in [0, 1], or counts. `signal` is above or below where it is outside
    its limits and that is no chance, else null; `chance` is how probable so extreme a number is while all is as usual.
    """

    day: str | None
    hits: int
    total: int | None
    value: float | None
    centre: float
    low: float
    high: float
    signal: str | None
    chance: float | None


class ChartItem(TypedDict):
    """One measure of one scanner: arrived, flagged or failed; `usual` says in words what is, or why nobody can say.

    `week` is of the last seven days together, null where nothing is judged; `days` is empty then.
    """

    scanner: str
    measure: str
    usual: str
    week: JudgedItem | None
    days: list[JudgedItem]


class WatchItems(TypedDict):
    """All charts of the days from `first` to `last`, with limits from so many days before."""

    days: int
    baseline: int
    first: str
    last: str
    charts: list[ChartItem]


def as_items(charts: Charts) -> WatchItems:
    """Return the charts for programs."""
    return {
        "days": charts.asked.days,
        "baseline": charts.asked.baseline,
        "first": charts.first.isoformat(),
        "last": charts.last.isoformat(),
        "charts": [_chart(each) for each in charts.charts],
    }


def _chart(chart: Chart) -> ChartItem:
    return {
        "scanner": chart.scanner,
        "measure": chart.measure.value,
        "usual": chart.usual,
        "week": None if chart.week is None else _judged(None, chart.week),
        "days": [_judged(day, judged) for day, judged in chart.days],
    }


def _judged(day: date | None, judged: Judged) -> JudgedItem:
    return {
        "day": None if day is None else day.isoformat(),
        "hits": judged.hits,
        "total": judged.total,
        "value": judged.value,
        "centre": judged.centre,
        "low": judged.low,
        "high": judged.high,
        "signal": None if judged.signal is None else judged.signal.side.value,
        "chance": None if judged.signal is None else judged.signal.chance,
    }
