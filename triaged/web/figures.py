"""The page of what the order earned, the same for programs, and both tables as CSV; thin over `steps.figures`.

No patient is named in any of it: a study is its Study Instance UID.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from typing_extensions import TypedDict

from triaged.steps.figures import Agreement, By, Earned, Figures, Period, Report, Spread, Turnaround
from triaged.study.verdict import Said, Verdict
from triaged.web.groups import FLAG_WORDS, UNNAMED_SCANNER, class_label
from triaged.web.offers import duration_of_minutes
from triaged.web.templating import Templates
from triaged.web.verdicts import VERDICT_WORDS
from triaged.web.visitor import visitor

PERIOD_WORDS: Final[Mapping[Period, str]] = {
    Period.DAY: "24 hours",
    Period.WEEK: "7 days",
    Period.MONTH: "30 days",
    Period.QUARTER: "90 days",
}
_UNNAMED: Final[Mapping[By, str]] = {
    By.ALL: "all studies",
    By.CLASS: "no class",
    By.SCANNER: UNNAMED_SCANNER,
    By.MODEL: "no model",
}
_BY_WORDS: Final[Mapping[By, str]] = {By.ALL: "", By.CLASS: "Class", By.SCANNER: "Scanner", By.MODEL: "Model"}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula."""


class SpreadItem(TypedDict):
    """Minutes that something took in `n` studies: median and 95th percentile."""

    n: int
    median_min: float
    p95_min: float


class AgreementItem(TypedDict):
    """How often readers said what of the results of a group; the share that agrees is null where nobody said anything.

    `low` and `high` are what the true share is between with 95 % confidence (Wilson).
    """

    by: str
    name: str
    n: int
    verdicts: dict[str, int]
    share: float | None
    low: float | None
    high: float | None


class TurnaroundItem(TypedDict):
    """How long the stages took: last slice to result, to opened, to done, and in all; null where nothing is known."""

    by: str
    name: str
    scored: SpreadItem | None
    opened: SpreadItem | None
    done: SpreadItem | None
    in_all: SpreadItem | None


class EarnedItem(TypedDict):
    """How long studies waited to be opened, and how long in the order of arrival at the same moments."""

    flag: str
    waited: SpreadItem
    by_arrival: SpreadItem


class FiguresItem(TypedDict):
    """All figures of a period; `studies` were done in it, of which only the newest count where `is_cut`."""

    period: str
    since: str
    studies: int
    is_cut: bool
    agreement: list[AgreementItem]
    turnaround: list[TurnaroundItem]
    earned: list[EarnedItem]


Asked = Annotated[Period, Query(description="The last hours or days.")]


def router(figures: Figures, templates: Templates, clock: Callable[[], datetime]) -> APIRouter:
    """Return `/figures` with its CSVs, and `/api/figures`."""
    routes = APIRouter(tags=["figures"])

    @routes.get("/figures", include_in_schema=False, response_class=HTMLResponse)
    def page(request: Request, period: str = "") -> Response:
        asked = Period(period) if period in set(Period) else Period.MONTH
        report = figures.report(asked, now=clock())
        return templates.page("figures", visitor(request), status=HTTPStatus.OK, **_shown(report))

    @routes.get("/api/figures", summary="Agreement, turnaround, and what the order earned")
    def items(period: Asked = Period.MONTH) -> FiguresItem:
        return as_item(figures.report(period, now=clock()))

    @routes.get("/figures/verdicts.csv", summary="What readers said, one row for each verdict that stands")
    def verdicts(period: Asked = Period.MONTH) -> Response:
        return _csv("verdicts", verdict_rows(figures.verdicts(period, now=clock())))

    @routes.get("/figures/turnaround.csv", summary="How long the stages took, one row for each group and stage")
    def turnaround(period: Asked = Period.MONTH) -> Response:
        return _csv("turnaround", turnaround_rows(figures.report(period, now=clock())))

    return routes


def as_item(report: Report) -> FiguresItem:
    """Return figures for programs."""
    return {
        "period": report.period.value,
        "since": report.since.isoformat(),
        "studies": report.studies,
        "is_cut": report.is_cut,
        "agreement": [_agreement_item(each) for each in report.agreement],
        "turnaround": [_turnaround_item(each) for each in report.turnaround],
        "earned": [_earned_item(each) for each in report.earned],
    }


def verdict_rows(said: Iterable[Said]) -> Iterable[Sequence[object]]:
    """Return the table of verdicts, its head first."""
    yield "at", "study_instance_uid", "revision", "model", "class", "scanner", "verdict", "person", "note"
    for each in said:
        about = each.judged
        read = about.revision, about.model, about.triage_class.value, about.device
        yield each.at.isoformat(), each.study_uid, *read, each.verdict.value, each.person, each.note


def turnaround_rows(report: Report) -> Iterable[Sequence[object]]:
    """Return the table of times, its head first."""
    yield "by", "name", "stage", "n", "median_min", "p95_min"
    for each in report.turnaround:
        for stage, spread in _stages(each).items():
            if spread is not None:
                times = f"{spread.median_min:.2f}", f"{spread.p95_min:.2f}"
                yield each.by.value, each.name, stage, spread.n, *times


def text_cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: a text that begins like one gets an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _csv(name: str, rows: Iterable[Sequence[object]]) -> Response:
    text = io.StringIO()
    csv.writer(text).writerows([text_cell(cell) for cell in row] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.getvalue().encode("utf-8", "replace"), media_type="text/csv; charset=utf-8", headers=headers)


def _stages(found: Turnaround) -> dict[str, Spread | None]:
    return {"scored": found.scored, "opened": found.opened, "done": found.done, "in_all": found.in_all}


def _agreement_item(found: Agreement) -> AgreementItem:
    agreeing, (low, high) = found.agreeing, found.agreeing.bounds()
    return {
        "by": found.by.value,
        "name": found.name,
        "n": agreeing.total,
        "verdicts": {verdict.value: number for verdict, number in found.counts.items()},
        "share": agreeing.share if agreeing.total else None,
        "low": low if agreeing.total else None,
        "high": high if agreeing.total else None,
    }


def _turnaround_item(found: Turnaround) -> TurnaroundItem:
    scored, opened, done, in_all = (None if each is None else _spread_item(each) for each in _stages(found).values())
    return {
        "by": found.by.value,
        "name": found.name,
        "scored": scored,
        "opened": opened,
        "done": done,
        "in_all": in_all,
    }


def _earned_item(found: Earned) -> EarnedItem:
    return {
        "flag": found.flag.value,
        "waited": _spread_item(found.waited),
        "by_arrival": _spread_item(found.by_arrival),
    }


def _spread_item(spread: Spread) -> SpreadItem:
    return {"n": spread.n, "median_min": spread.median_min, "p95_min": spread.p95_min}


def _shown(report: Report) -> dict[str, object]:
    """Return what the template shows, every text ready."""
    return {
        "version": "",
        "periods": PERIOD_WORDS,
        "period": report.period,
        "since": report.since,
        "studies": report.studies,
        "is_cut": report.is_cut,
        "verdict_words": VERDICT_WORDS.values(),
        "agreement": [
            (_BY_WORDS[each.by], _name(each.by, each.name), _counts(each), *_share(each)) for each in report.agreement
        ],
        "turnaround": [
            (_BY_WORDS[each.by], _name(each.by, each.name), [_times(spread) for spread in _stages(each).values()])
            for each in report.turnaround
        ],
        "earned": [
            (FLAG_WORDS[each.flag], each.waited.n, _times(each.waited), _times(each.by_arrival), _saved(each))
            for each in report.earned
        ],
    }


def _name(by: By, name: str) -> str:
    if not name:
        return _UNNAMED[by]
    return class_label(name) if by is By.CLASS else name


def _counts(found: Agreement) -> list[int]:
    return [found.counts[verdict] for verdict in Verdict]


def _share(found: Agreement) -> tuple[int, str]:
    agreeing, (low, high) = found.agreeing, found.agreeing.bounds()
    return agreeing.total, f"{100 * agreeing.share:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def _times(spread: Spread | None) -> tuple[str, str, int] | None:
    """Return median, 95th percentile and of how many; None where nothing is known."""
    if spread is None:
        return None
    return duration_of_minutes(spread.median_min), duration_of_minutes(spread.p95_min), spread.n


def _saved(found: Earned) -> str:
    """Return by how much the median study of a group was opened earlier or later than by arrival."""
    earlier = found.by_arrival.median_min - found.waited.median_min
    if abs(earlier) < 0.5:
        return "as in the order of arrival"
    return f"{duration_of_minutes(abs(earlier))} {'earlier' if earlier > 0 else 'later'}"
