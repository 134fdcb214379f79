"""How second engines compare with the first, for programs. Knows values only: no server, no store, no markup."""

from __future__ import annotations

from typing_extensions import TypedDict

from triaged.steps.shadowing import Group, Shadow, ShadowReport
from triaged.study.ranking import TriageClass
from triaged.triage.intervals import Interval


class IntervalItem(TypedDict):
    """A figure, and what the true one is between with 95 % confidence; null where too few tell it."""

    value: float
    low: float | None
    high: float | None


class GroupItem(TypedDict):
    """How two engines agree in a group of `n` studies that both have read.

    `bias`, `low_limit` and `high_limit` (Bland and Altman) are second less first, in percentage points of the affected
    share; kappas are weighted linearly, null where an engine says the same of all. `other_class` would have another
    class, of which `raised` a more urgent one.
    """

    by: str
    name: str
    n: int
    bias: IntervalItem | None
    low_limit: IntervalItem | None
    high_limit: IntervalItem | None
    grade_kappa: IntervalItem | None
    class_kappa: IntervalItem | None
    other_class: int
    raised: int
    second_failed: int
    first_failed: int | None


class ClassesItem(TypedDict):
    """How many studies have one class by the first engine and another, or the same, by the second."""

    first: str
    second: str
    n: int


class ShadowItem(TypedDict):
    """One second engine beside a first: `pairs` waited at the same time, `flipped` would be in the other order."""

    first: str
    second: str
    pairs: int
    flipped: int
    classes: list[ClassesItem]
    groups: list[GroupItem]


class UnreadItem(TypedDict):
    """How many results a second engine has not read: `waiting`, or not named by the settings any more."""

    first: str
    name: str
    waiting: int
    dropped: int


class ShadowItems(TypedDict):
    """All second engines of a period; `by_classes` where the site's order changes with time alone."""

    days: int
    since: str
    is_cut: bool
    by_classes: bool
    shadows: list[ShadowItem]
    unread: list[UnreadItem]


def as_items(report: ShadowReport) -> ShadowItems:
    """Return the comparisons for programs."""
    return {
        "days": report.days,
        "since": report.since.isoformat(),
        "is_cut": report.is_cut,
        "by_classes": report.by_classes,
        "shadows": [_shadow_item(each) for each in report.shadows],
        "unread": [
            {"first": each.first_model, "name": each.name, "waiting": each.waiting, "dropped": each.dropped}
            for each in report.unread
        ],
    }


def _interval_item(interval: Interval | None) -> IntervalItem | None:
    return None if interval is None else {"value": interval.value, "low": interval.low, "high": interval.high}


def _shadow_item(shadow: Shadow) -> ShadowItem:
    return {
        "first": shadow.first,
        "second": shadow.second,
        "pairs": shadow.flips.pairs,
        "flipped": shadow.flips.flipped,
        "classes": [
            {"first": one.value, "second": other.value, "n": number}
            for (one, other), number in sorted(shadow.classes.items(), key=lambda each: _places(each[0]))
        ],
        "groups": [_group_item(group) for group in shadow.groups],
    }


def _places(classes: tuple[TriageClass, TriageClass]) -> tuple[int, int]:
    order = list(TriageClass)
    return order.index(classes[0]), order.index(classes[1])


def _group_item(group: Group) -> GroupItem:
    found = group.difference
    return {
        "by": group.by.value,
        "name": group.name,
        "n": group.n,
        "bias": None if found is None else _interval_item(found.bias),
        "low_limit": None if found is None else _interval_item(found.low),
        "high_limit": None if found is None else _interval_item(found.high),
        "grade_kappa": _interval_item(group.grade_kappa),
        "class_kappa": _interval_item(group.class_kappa),
        "other_class": group.other_class,
        "raised": group.raised,
        "second_failed": group.second_failed,
        "first_failed": group.first_failed,
    }
