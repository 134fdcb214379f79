"""The page of second engines beside the first, and the same for programs; thin over `steps.shadowing`.

For administrators. No study and no patient is named in any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request

from triaged.steps.shadowing import By, Group, Shadow, Shadowing, ShadowReport
from triaged.study.ranking import TriageClass
from triaged.triage.intervals import Interval
from triaged.triage.method_comparison import BlandAltman
from triaged.web.groups import DAYS, UNNAMED_SCANNER, AskedDays, class_label
from triaged.web.period_pages import add_period_page
from triaged.web.plots import Band, Plot, across, dots, level, signed, upwards
from triaged.web.shadow_items import ShadowItems, as_items
from triaged.web.templating import Templates
from triaged.web.visitor import administrator

BY_WORDS: Final[Mapping[By, str]] = {By.ALL: "", By.CLASS: "Class", By.SCANNER: "Scanner", By.KERNEL: "Kernel"}
COLUMNS: Final = (
    "n",
    "Mean difference",
    "Lower limit",
    "Upper limit",
    "κ of grades",
    "κ of classes",
    "Other class",
    "Second failed",
    "First failed",
)
_NONE: Final = "–"


def router(shadowing: Shadowing, templates: Templates, clock: Callable[[], datetime]) -> APIRouter:
    """Return `/admin/shadow` and `/api/admin/shadow`."""
    routes = APIRouter(tags=["administration"])

    add_period_page(routes, templates, "shadow", lambda days: _shown(shadowing.report(days, now=clock())))

    @routes.get("/api/admin/shadow", summary="How second engines compare with the first")
    def items(request: Request, days: AskedDays = DAYS) -> ShadowItems:
        administrator(request)
        return as_items(shadowing.report(days, now=clock()))

    return routes


def sentences(shadow: Shadow, by_classes: bool) -> tuple[str, ...]:
    """Return in words what would be otherwise."""
    whole, flips = shadow.groups[0], shadow.flips
    lowered = whole.other_class - whole.raised
    order = "by their classes " if by_classes else ""
    return (
        f"{whole.other_class} of {whole.n} studies{_percent(whole.other_class, whole.n)} would have another class: "
        f"{whole.raised} a more urgent one, {lowered} a less urgent one.",
        f"{flips.flipped} of {flips.pairs} pairs of studies that waited at the same time"
        f"{_percent(flips.flipped, flips.pairs)} would be {order}in the other order.",
        f"The second engine could not read {whole.second_failed} that the first has read; "
        f"the first could not read {whole.first_failed or 0}.",
    )


def cells(group: Group) -> tuple[str, ...]:
    """Return a group for people, in the order of `COLUMNS`."""
    found = group.difference
    differences = ("too few",) * 3 if found is None else tuple(map(points, (found.bias, found.low, found.high)))
    kappas = tuple(_NONE if each is None else _interval(each, 2) for each in (group.grade_kappa, group.class_kappa))
    first_failed = _NONE if group.first_failed is None else str(group.first_failed)
    other = f"{group.other_class}{_percent(group.other_class, group.n)}"
    return str(group.n), *differences, *kappas, other, str(group.second_failed), first_failed


def named(group: Group) -> str:
    """Return what a group is called."""
    match group.by:
        case By.ALL:
            return "all studies"
        case By.CLASS:
            return class_label(group.name)
        case By.SCANNER:
            return group.name or UNNAMED_SCANNER
        case By.KERNEL:
            return group.name or "not said"


def points(interval: Interval) -> str:
    """Return a difference in percentage points with its bounds."""
    return _interval(interval, 1)


def plot_of(shadow: Shadow) -> Plot | None:
    """Return the plot of Bland and Altman; None of fewer than three studies."""
    found = shadow.groups[0].difference
    if found is None:
        return None
    means, differences = zip(*shadow.points, strict=True)
    limits = found.low.value, found.high.value
    x = across(0.0, max(*means, 1.0))
    y = upwards(min(*differences, *limits, 0.0), max(*differences, *limits, 0.0))
    return Plot(
        words=_plot_words(found),
        x_words="mean of both, % of the affected share",
        y_words="second less first, percentage points",
        x_ticks=x.ticks(),
        y_ticks=y.ticks(),
        bands=[_band(y.at(each.low or each.value), y.at(each.high or each.value)) for each in (found.low, found.high)],
        dots=dots((x.at(mean), y.at(difference)) for mean, difference in shadow.points),
        lines=[
            level(y.at(found.high.value), "limit", signed(found.high.value)),
            level(y.at(found.bias.value), "middle", signed(found.bias.value)),
            level(y.at(found.low.value), "limit", signed(found.low.value)),
        ],
    )


def _band(low: float, high: float) -> Band:
    return Band(high, round(low - high, 1))


def _plot_words(found: BlandAltman) -> str:
    return (
        f"Differences of the affected share of {found.n} studies by its mean: mean difference {points(found.bias)} "
        f"percentage points, limits of agreement {signed(found.low.value)} and {signed(found.high.value)}"
    )


def _interval(interval: Interval, digits: int) -> str:
    value = signed(interval.value, digits)
    if interval.low is None or interval.high is None:
        return value
    return f"{value} ({signed(interval.low, digits)} to {signed(interval.high, digits)})"


def _percent(part: int, whole: int) -> str:
    return f" ({100 * part / whole:.1f} %)" if whole else ""


def _crossed(shadow: Shadow) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """Return the classes that occur, and of each class by the first engine how many have which by the second."""
    present = [each for each in TriageClass if any(each in pair for pair in shadow.classes)]
    rows = [(class_label(one), [shadow.classes.get((one, other), 0) for other in present]) for one in present]
    return [each.value for each in present], rows


def _shown(report: ShadowReport) -> dict[str, Any]:
    """Return what the template shows, every text ready."""
    shadows: Sequence[dict[str, Any]] = [
        {
            "first": each.first,
            "second": each.second,
            "sentences": sentences(each, report.by_classes),
            "plot": plot_of(each),
            "rows": [(BY_WORDS[group.by], named(group), cells(group)) for group in each.groups],
            "crossed": _crossed(each),
        }
        for each in report.shadows
    ]
    return {
        "days": report.days,
        "since": report.since,
        "is_cut": report.is_cut,
        "shadows": shadows,
        "unread": report.unread,
        "columns": COLUMNS,
    }
