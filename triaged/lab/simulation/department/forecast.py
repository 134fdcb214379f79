"""Forecasts what orders of reading do in a department, and how many machines it needs, over several runs.

In each run all orders and all numbers of machines meet the same studies. The time in which lists fill and empty is not
measured, and intervals come from the runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from triaged.lab.simulation.comparison import Plan
from triaged.lab.simulation.department.drawing import Drawn, draw
from triaged.lab.simulation.department.machines import late_share, scored_at
from triaged.lab.simulation.department.measuring import Measured, measure, timeline_of
from triaged.lab.simulation.department.model import Department
from triaged.lab.simulation.disciplines import ReadingOrder
from triaged.lab.simulation.replay import Interruption
from triaged.lab.simulation.replicated import Replicated, mean_of


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a department.

    `limit_min`: which share of waits is longer. `order_within_min`: from the last slice to the order, for 95 % of all
    studies. `machines` None: as many as that takes. `late_min`: from when on the drift guard gives up the order.
    """

    plan: Plan
    interruption: Interruption
    limit_min: float
    order_within_min: float
    machines: int | None
    late_min: float


@dataclass(frozen=True, slots=True)
class GroupForecast:
    """How one group fares under one order; `max_min` and `studies` are over all runs.

    `change_min` is the mean wait less that of first come first on the same studies.
    """

    studies: int
    mean_min: Replicated
    p95_min: Replicated
    max_min: float
    above: Replicated
    change_min: Replicated


@dataclass(frozen=True, slots=True)
class OrderForecast:
    """What one order does: waits by group, load by reading group, and the share of studies begun without a score."""

    waits: Mapping[str, GroupForecast]
    loads: Mapping[str, Replicated]
    unscored: Replicated


@dataclass(frozen=True, slots=True)
class ScoringForecast:
    """From the last slice to the order with a number of machines.

    `late` is the share of the time in which the drift guard would have given up the order.
    """

    machines: int
    load: Replicated
    mean_min: Replicated
    p95_min: Replicated
    max_min: float
    late: Replicated


@dataclass(frozen=True, slots=True)
class Forecast:
    """The answer; the first order is first come first.

    `needed` is the smallest number of machines with which the whole interval of the 95th percentile keeps the limit,
    None where no number does. `machines` is the number under which the orders were simulated.
    """

    orders: Mapping[str, OrderForecast]
    scoring: tuple[ScoringForecast, ...]
    needed: int | None
    machines: int


def forecast(department: Department, orders: Sequence[ReadingOrder], question: Question) -> Forecast:
    """Return what each order does; `orders` begin with first come first, and are of one policy."""
    plan, options = question.plan, orders[0].options
    end_min = plan.warm_up_min + plan.measured_min
    span = plan.warm_up_min, end_min
    runs = [
        draw(department, options, end_min + plan.cool_down_min, np.random.default_rng([plan.seed, number]))
        for number in range(plan.replications)
    ]
    scoring, needed = machines_needed(runs, question, span)
    machines = question.machines or needed or scoring[-1].machines
    if machines not in {each.machines for each in scoring}:
        scoring = tuple(sorted((*scoring, _scoring(runs, machines, question, span)), key=lambda each: each.machines))
    measured = [_run(department, drawn, orders, machines, question, span) for drawn in runs]
    baseline = [each[0] for each in measured]
    found = {order.name: _order([each[number] for each in measured], baseline) for number, order in enumerate(orders)}
    return Forecast(found, scoring, needed, machines)


def machines_needed(
    runs: Sequence[Drawn], question: Question, span: tuple[float, float]
) -> tuple[tuple[ScoringForecast, ...], int | None]:
    """Return the numbers of machines that were tried, rising, and the smallest one that suffices, None where none does.

    Fewer than are busy on average are not tried. More than are ever busy at once change nothing.
    """
    tried: list[ScoringForecast] = []
    number = math.floor(max(_busy(drawn, span) for drawn in runs)) + 1
    enough = max(_at_once(drawn) for drawn in runs)
    while True:
        tried.append(_scoring(runs, number, question, span))
        if _keeps(tried[-1], question.order_within_min):
            return tuple(tried), number
        if number >= enough:
            return tuple(tried), None
        number += 1


def _keeps(found: ScoringForecast, limit_min: float) -> bool:
    return found.p95_min.high <= limit_min


def _busy(drawn: Drawn, span: tuple[float, float]) -> float:
    """Return how many machines are busy on average."""
    work = drawn.work
    inside = (work.ready_min >= span[0]) & (work.ready_min < span[1])
    return float((work.scoring_min + work.finishing_min)[inside].sum() / (span[1] - span[0]))


def _at_once(drawn: Drawn) -> int:
    """Return how many machines are busy at once at most where nobody waits for one."""
    begins = drawn.work.ready_min
    ends = np.sort(begins + drawn.work.scoring_min + drawn.work.finishing_min)
    busy = np.arange(1, len(begins) + 1) - np.searchsorted(ends, begins, side="right")
    return int(busy.max(initial=1))


def _scoring(runs: Sequence[Drawn], machines: int, question: Question, span: tuple[float, float]) -> ScoringForecast:
    rows = []
    for drawn in runs:
        arrived = drawn.stream.arrived_min
        scored = scored_at(drawn.work, machines)
        inside = (arrived >= span[0]) & (arrived < span[1])
        waits = (scored - arrived)[inside]
        late = late_share(arrived, scored, question.late_min, span)
        figures = [waits.mean(), np.percentile(waits, 95), waits.max()] if len(waits) else [math.nan] * 3
        rows.append([_busy(drawn, span) / machines, *figures, late])
    load, mean, p95, longest, late = np.array(rows, dtype=np.float64).T
    return ScoringForecast(
        machines, mean_of(load), mean_of(mean), mean_of(p95), float(np.nanmax(longest, initial=0.0)), mean_of(late)
    )


def _run(
    department: Department,
    drawn: Drawn,
    orders: Sequence[ReadingOrder],
    machines: int,
    question: Question,
    span: tuple[float, float],
) -> list[Measured]:
    stream = drawn.scored(scored_at(drawn.work, machines))
    return [
        measure(
            department,
            drawn,
            stream,
            timeline_of(department, drawn, stream, order, question.interruption),
            span,
            question.limit_min,
        )
        for order in orders
    ]


def _order(runs: Sequence[Measured], baseline: Sequence[Measured]) -> OrderForecast:
    return OrderForecast(
        {name: _group(name, runs, baseline) for name in runs[0].waits},
        {name: mean_of(np.array([each.loads[name] for each in runs])) for name in runs[0].loads},
        mean_of(np.array([each.unscored for each in runs])),
    )


def _group(name: str, runs: Sequence[Measured], baseline: Sequence[Measured]) -> GroupForecast:
    here, base = [each.waits[name] for each in runs], [each.waits[name] for each in baseline]
    mean = np.array([each.mean_min for each in here])
    return GroupForecast(
        studies=sum(each.studies for each in here),
        mean_min=mean_of(mean),
        p95_min=mean_of(np.array([each.p95_min for each in here])),
        max_min=max((each.max_min for each in here if each.studies), default=0.0),
        above=mean_of(np.array([each.above for each in here])),
        change_min=mean_of(mean - np.array([each.mean_min for each in base])),
    )
