"""The page of each scanner's charts, the same for programs, and its words; thin over `steps.control_charts`.

For administrators. No study and no patient is named in any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from statistics import median
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from triaged.steps.control_charts import BASELINE_DAYS, WEEK, Asked, Chart, Charts, ControlCharts, Measure, Outside
from triaged.triage.control_limits import FEWEST_DAYS, Judged, Side
from triaged.web.groups import DAYS, MOST_DAYS, UNNAMED_SCANNER, AskedDays
from triaged.web.period_pages import add_period_page
from triaged.web.plots import Line, Mark, Plot, Scale, Tick, across, joined, upwards
from triaged.web.templating import Templates
from triaged.web.visitor import administrator
from triaged.web.watch_items import WatchItems, as_items

MEASURE_WORDS: Final[Mapping[Measure, str]] = {
    Measure.ARRIVED: "studies that arrived",
    Measure.FLAGGED: "share flagged",
    Measure.FAILED: "share that could not be read",
}
COLUMNS: Final = ("Usual", "Last 7 days", "Expected", "Says")
_DID: Final = {Measure.FLAGGED: "of {} scored studies were flagged", Measure.FAILED: "of {} studies could not be read"}
_SIDES: Final = {Side.ABOVE: "above its limits", Side.BELOW: "below its limits"}
_LABELS: Final = 8
"""So many dates stand below a plot at most."""

Baseline = Annotated[int, Query(ge=FEWEST_DAYS, le=MOST_DAYS, description="The days before that say what is usual.")]


def router(charts: ControlCharts, templates: Templates, clock: Callable[[], datetime]) -> APIRouter:
    """Return `/admin/watch` and `/api/admin/watch`."""
    routes = APIRouter(tags=["administration"])

    def shown(days: int) -> Mapping[str, Any]:
        return _shown(charts.charts(Asked(days), now=clock()))

    add_period_page(routes, templates, "watch", shown, least_days=WEEK)

    @routes.get("/api/admin/watch", summary="Whether each scanner sends, fails and is flagged as it used to")
    def items(request: Request, days: AskedDays = DAYS, baseline: Baseline = BASELINE_DAYS) -> WatchItems:
        administrator(request)
        return as_items(charts.charts(Asked(max(WEEK, days), baseline), now=clock()))

    return routes


def warnings(outside: Iterable[Outside]) -> list[str]:
    """Return in words, for operators, what was far outside its limits lately."""
    return [f"{sentence(each)}: see /admin/watch" for each in outside]


def sentence(outside: Outside) -> str:
    """Return in words what was outside its limits, and what was to be expected."""
    chart, judged = outside.chart, outside.judged
    day = f"{outside.day:%Y-%m-%d}"
    when = f"on {day}" if outside.days == 1 else f"in the {outside.days} days to {day}"
    if judged.total is None:
        did = f"{judged.hits} {'study' if judged.hits == 1 else 'studies'} arrived"
    else:
        did = f"{judged.hits} {_DID[chart.measure].format(judged.total)} ({_value(judged, judged.value)})"
    return f"{scanner_name(chart.scanner)}: {when} {did}; {expected(judged)} was to be expected"


def cells(chart: Chart) -> tuple[str, ...]:
    """Return a chart for people, in the order of `COLUMNS`."""
    week = chart.week
    if week is None:
        return "–", "–", "–", chart.usual
    if week.value is None:
        return chart.usual, "no study", "–", "nothing"
    last = _value(week, week.value) if week.total is None else f"{_value(week, week.value)} of {week.total}"
    outside = sum(judged.signal is not None for _, judged in chart.days)
    said = _SIDES[week.signal.side] if week.signal is not None else "within its limits"
    if outside:
        said += f"; {outside} {'day' if outside == 1 else 'days'} of the period outside"
    return chart.usual, last, expected(week), said


def scanner_name(scanner: str) -> str:
    """Return what a scanner is called."""
    return scanner or UNNAMED_SCANNER


def expected(judged: Judged) -> str:
    """Return between which limits a number was to be expected."""
    return f"{_value(judged, judged.low)} to {_value(judged, judged.high)}"


def plot_of(chart: Chart) -> Plot | None:
    """Return a chart as a plot; None where nothing is judged."""
    if not chart.is_judged or not any(judged.value is not None for _, judged in chart.days):
        return None
    factor = 1.0 if chart.measure is Measure.ARRIVED else 100.0
    judged = [each for _, each in chart.days]
    values = [None if each.value is None else factor * each.value for each in judged]
    seen = [each for each in values if each is not None]
    tallest = max(*seen, factor * judged[0].centre, factor * median(each.high for each in judged))
    x, y = across(-0.5, len(judged) - 0.5), upwards(0.0, min(tallest, 100.0) if factor > 1 else tallest)
    last = chart.days[-1][0]
    return Plot(
        words=f"{scanner_name(chart.scanner)}: {MEASURE_WORDS[chart.measure]} on each of {len(judged)} days "
        f"to {last:%Y-%m-%d}; usual: {chart.usual}",
        x_words="",
        y_words=MEASURE_WORDS[chart.measure] + (", %" if factor > 1 else ""),
        x_ticks=_dates(x, [day for day, _ in chart.days]),
        y_ticks=y.ticks(),
        lines=[
            _steps(x, y, [factor * each.high for each in judged], "limit"),
            _steps(x, y, [factor * each.low for each in judged], "limit"),
            _steps(x, y, [factor * each.centre for each in judged], "middle"),
            joined(
                (None if value is None else (x.at(place), y.at(value)) for place, value in enumerate(values)), "values"
            ),
        ],
        marks=[
            Mark(x.at(place), y.at(factor * (each.value or 0.0)), sentence(Outside(chart, day, 1, each)))
            for place, (day, each) in enumerate(chart.days)
            if each.signal is not None
        ],
    )


def _steps(x: Scale, y: Scale, values: Sequence[float], kind: str) -> Line:
    """Return a line that is level over each day."""
    ends = ((x.at(place + side), y.at(value)) for place, value in enumerate(values) for side in (-0.5, 0.5))
    return joined(ends, kind)


def _dates(x: Scale, days: Sequence[date]) -> list[Tick]:
    step = max(1, -(-len(days) // _LABELS))
    return [Tick(x.at(place), f"{days[place]:%m-%d}") for place in range(len(days) - 1, -1, -step)][::-1]


def _value(judged: Judged, value: float | None) -> str:
    if value is None:
        return "–"
    if judged.total is not None:
        return f"{100 * value:.1f} %"
    return f"{value:.0f}"


def _shown(charts: Charts) -> dict[str, Any]:
    """Return what the template shows, every text ready."""
    out = {(each.chart.scanner, each.chart.measure) for each in charts.outside}
    scanners: dict[str, list[tuple[str, tuple[str, ...], bool, Plot | None]]] = {}
    for chart in charts.charts:
        is_outside = (chart.scanner, chart.measure) in out
        drawn = MEASURE_WORDS[chart.measure], cells(chart), is_outside, plot_of(chart)
        scanners.setdefault(chart.scanner, []).append(drawn)
    return {
        "days": charts.asked.days,
        "baseline": charts.asked.baseline,
        "first": charts.first,
        "last": charts.last,
        "outside": [sentence(each) for each in charts.outside],
        "columns": COLUMNS,
        "scanners": [(scanner_name(name), drawn, charts.counts[name]) for name, drawn in scanners.items()],
    }
