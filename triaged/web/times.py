"""The page of the times to notification, and the same for programs; thin over `steps.notification_times`.

For administrators. No study and no patient is named in any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from typing_extensions import TypedDict

from triaged.steps.figures import Flag
from triaged.steps.notification_times import By, NotificationTimes, Row, Stage, TimesReport
from triaged.triage.intervals import Interval, Times
from triaged.web.groups import DAYS, FLAG_WORDS, UNNAMED_SCANNER, AskedDays, class_label
from triaged.web.offers import duration_of_minutes
from triaged.web.period_pages import add_period_page
from triaged.web.templating import Templates
from triaged.web.visitor import administrator

STAGE_WORDS: Final[Mapping[Stage, str]] = {
    Stage.ORDER: "Last slice to place on the list",
    Stage.RESULTS: "Last slice to results at the destination",
    Stage.NOTIFICATION: "Last slice to notification sent",
}
BY_WORDS: Final[Mapping[By, str]] = {By.ALL: "", By.FLAG: "", By.CLASS: "Class", By.SCANNER: "Scanner", By.TO: "To"}


class TimesItem(TypedDict):
    """How long one stage took in a group: seconds after the last slice, null where no study came to its end.

    `stage` is order, results or notification; `by` says what `name` is. `n` of `studies` came to its end; `low_s` and
    `high_s` are what the true mean is between with 95 % confidence (Student's t), null of one study.
    """

    stage: str
    by: str
    name: str
    studies: int
    n: int
    mean_s: float | None
    low_s: float | None
    high_s: float | None
    median_s: float | None
    p95_s: float | None
    max_s: float | None


class TimesItems(TypedDict):
    """All times of a period; of its `studies` only the newest count where `is_cut`."""

    days: int
    since: str
    studies: int
    is_cut: bool
    times: list[TimesItem]


def router(times: NotificationTimes, templates: Templates, clock: Callable[[], datetime]) -> APIRouter:
    """Return `/admin/times` and `/api/admin/times`."""
    routes = APIRouter(tags=["administration"])

    add_period_page(routes, templates, "times", lambda days: _shown(times.report(days, now=clock())))

    @routes.get("/api/admin/times", summary="Times from the last slice to list, destination and notification")
    def items(request: Request, days: AskedDays = DAYS) -> TimesItems:
        administrator(request)
        return as_items(times.report(days, now=clock()))

    return routes


def as_items(report: TimesReport) -> TimesItems:
    """Return the times for programs."""
    return {
        "days": report.days,
        "since": report.since.isoformat(),
        "studies": report.studies,
        "is_cut": report.is_cut,
        "times": [_item(row) for row in report.rows],
    }


def cells(row: Row) -> tuple[str, ...]:
    """Return a row for people: group, how many, mean with its interval, median, 95th percentile and longest."""
    times = row.times
    if times is None:
        return named(row), f"0 of {row.studies}", "–", "–", "–", "–"
    number = f"{times.n}" if times.n == row.studies else f"{times.n} of {row.studies}"
    return named(row), number, _mean(times.mean), *map(time_words, (times.median_s, times.p95_s, times.max_s))


def named(row: Row) -> str:
    """Return what a group is called."""
    match row.by:
        case By.ALL:
            return "all studies"
        case By.FLAG:
            return FLAG_WORDS[Flag(row.name)]
        case By.CLASS:
            return class_label(row.name)
        case By.SCANNER | By.TO:
            return row.name or UNNAMED_SCANNER


def time_words(seconds: float) -> str:
    """Return a time as people read it: below two minutes in seconds."""
    return f"{seconds:.1f} s" if seconds < 120 else duration_of_minutes(seconds / 60)


def _mean(mean: Interval) -> str:
    if mean.low is None or mean.high is None:
        return time_words(mean.value)
    return f"{time_words(mean.value)} ({time_words(max(0.0, mean.low))} to {time_words(mean.high)})"


def _item(row: Row) -> TimesItem:
    times: Times | None = row.times
    return {
        "stage": row.stage.value,
        "by": row.by.value,
        "name": row.name,
        "studies": row.studies,
        "n": 0 if times is None else times.n,
        "mean_s": None if times is None else times.mean.value,
        "low_s": None if times is None else times.mean.low,
        "high_s": None if times is None else times.mean.high,
        "median_s": None if times is None else times.median_s,
        "p95_s": None if times is None else times.p95_s,
        "max_s": None if times is None else times.max_s,
    }


def _shown(report: TimesReport) -> dict[str, Any]:
    """Return what the template shows, every text ready."""
    stages = [
        (stage, words, [(BY_WORDS[row.by], cells(row)) for row in report.rows if row.stage is stage])
        for stage, words in STAGE_WORDS.items()
    ]
    return {
        "days": report.days,
        "since": report.since,
        "studies": report.studies,
        "is_cut": report.is_cut,
        "stages": stages,
    }
