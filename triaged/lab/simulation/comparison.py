"""Compares orders of reading at one site over independent replications.

In each replication all orders read the same studies. The days on which the list fills and empties are not measured, and
intervals come from the replications.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from triaged.errors import ConfigError
from triaged.lab.simulation.arrivals import DAY_MIN, Trace
from triaged.lab.simulation.disciplines import ReadingOrder, ordered
from triaged.lab.simulation.ranking import ranking_of
from triaged.lab.simulation.replay import Interruption, replay
from triaged.lab.simulation.replicated import Replicated, mean_of, ratio_of
from triaged.lab.simulation.site import Site
from triaged.lab.simulation.stream import draw_stream
from triaged.lab.simulation.waits import TOLD_APART, Summary, summaries, waits_of
from triaged.triage.scheme import Discipline, Scheme, TriageOptions

COLUMNS = MappingProxyType({column.name: index for index, column in enumerate(fields(Summary))})


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often is simulated.

    `warm_up_min` and `cool_down_min` surround the minutes that are measured: the list fills, and studies that are
    measured are read while others still come. `longest_min`: who waits longer has starved.
    """

    replications: int = 20
    warm_up_min: float = 2.0 * DAY_MIN
    measured_min: float = 14.0 * DAY_MIN
    cool_down_min: float = 1.0 * DAY_MIN
    longest_min: float = 1.0 * DAY_MIN
    seed: int = 0


@dataclass(frozen=True, slots=True)
class GroupWaits:
    """How one group fared under one order, over the replications.

    `change_min` and the ratios are relative to first come first on the same studies; `max_min`, `studies` and `starved`
    are over all replications together, `overtaken_span_min` is the greatest. In `weighted_ratio` a study counts by how
    long its like is read.
    """

    studies: int
    mean_min: Replicated
    median_min: Replicated
    p95_min: Replicated
    max_min: float
    turnaround_min: Replicated
    inside_target: Replicated
    overtaken: Replicated
    overtaken_span_min: float
    starved: int
    change_min: Replicated
    p95_change_min: Replicated
    max_change_min: Replicated
    mean_ratio: Replicated
    p95_ratio: Replicated
    weighted_ratio: Replicated


@dataclass(frozen=True, slots=True)
class RankQuality:
    """How good the list looked under one order; see `triaged.lab.simulation.ranking`."""

    recall: Replicated
    area: Replicated


@dataclass(frozen=True, slots=True)
class Comparison:
    """Waits by order of reading and by group (`triaged.lab.simulation.waits.TOLD_APART`); the first order is FIFO."""

    load: float
    plan: Plan
    waits: Mapping[str, Mapping[str, GroupWaits]]
    rankings: Mapping[str, RankQuality] = field(default_factory=dict)


def plan_over(trace: Trace, plan: Plan) -> Plan:
    """Return the plan that measures all of a trace after its warm-up; a trace has no cool-down.

    Raises:
        ConfigError: the trace is not longer than the warm-up.
    """
    measured = trace.minutes - plan.warm_up_min
    if measured <= 0:
        found = f"{trace.minutes / DAY_MIN:.1f} days from the first midnight to the last arrival"
        raise ConfigError(
            f"expected a trace longer than its warm-up of {plan.warm_up_min / DAY_MIN:g} days, found {found}"
        )
    return Plan(plan.replications, plan.warm_up_min, measured, 0.0, plan.longest_min, plan.seed)


def compare(
    site: Site,
    disciplines: Sequence[ReadingOrder],
    plan: Plan,
    interruption: Interruption = Interruption.NEVER,
) -> Comparison:
    """Return how every group fares under first come first and under the disciplines given, all of one policy."""
    policy = disciplines[0].options if disciplines else TriageOptions(scheme=Scheme.COMBINED)
    first_come = ordered(Discipline.FIFO, policy)
    compared = [first_come, *(each for each in disciplines if each.name != first_come.name)]
    drawn = [_replication(site, compared, plan, number, interruption) for number in range(plan.replications)]
    measured = np.array([waits for waits, _ in drawn])
    ranked = np.array([ranks for _, ranks in drawn])
    tables = (
        {name: _group(measured[:, order, group], measured[:, 0, group]) for group, name in enumerate(TOLD_APART)}
        for order in range(len(compared))
    )
    return Comparison(
        site.load,
        plan,
        {each.name: table for each, table in zip(compared, tables, strict=True)},
        {
            each.name: RankQuality(mean_of(ranked[:, order, 0]), mean_of(ranked[:, order, 1]))
            for order, each in enumerate(compared)
        },
    )


def _replication(
    site: Site, disciplines: Sequence[ReadingOrder], plan: Plan, number: int, interruption: Interruption
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the summaries by order, group and column, and the two figures of the ranking by order."""
    end_min = plan.warm_up_min + plan.measured_min
    stream = draw_stream(site, end_min + plan.cool_down_min, np.random.default_rng([plan.seed, number]))
    inside = (stream.arrived_min >= plan.warm_up_min) & (stream.arrived_min <= end_min)
    rows, ranks = [], []
    for discipline in disciplines:
        timeline = replay(stream, discipline, site.readers, interruption)
        found = summaries(stream, waits_of(stream, timeline), inside, plan.longest_min, disciplines[0].options)
        rows.append([[getattr(found[name], column) for column in COLUMNS] for name in TOLD_APART])
        ranking = ranking_of(stream, timeline, plan.warm_up_min, end_min)
        ranks.append([ranking.recall, ranking.area])
    return np.array(rows), np.array(ranks)


def _group(found: NDArray[np.float64], fifo: NDArray[np.float64]) -> GroupWaits:
    """Return the figures of a group from (replication, column) tables of the order and of first come first."""
    here = {name: found[:, index] for name, index in COLUMNS.items()}
    base = {name: fifo[:, index] for name, index in COLUMNS.items()}
    greatest = {name: float(np.nanmax(values, initial=0.0)) for name, values in here.items()}
    return GroupWaits(
        studies=int(here["studies"].sum()),
        mean_min=mean_of(here["mean_min"]),
        median_min=mean_of(here["median_min"]),
        p95_min=mean_of(here["p95_min"]),
        max_min=greatest["max_min"],
        turnaround_min=mean_of(here["turnaround_min"]),
        inside_target=mean_of(here["inside_target"]),
        overtaken=mean_of(here["overtaken"]),
        overtaken_span_min=greatest["overtaken_span_min"],
        starved=int(np.nansum(here["starved"])),
        change_min=mean_of(here["mean_min"] - base["mean_min"]),
        p95_change_min=mean_of(here["p95_min"] - base["p95_min"]),
        max_change_min=mean_of(here["max_min"] - base["max_min"]),
        mean_ratio=ratio_of(here["mean_min"], base["mean_min"]),
        p95_ratio=ratio_of(here["p95_min"], base["p95_min"]),
        weighted_ratio=ratio_of(here["weighted_min"], base["weighted_min"]),
    )
