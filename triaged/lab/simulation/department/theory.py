"""Says what queueing theory expects of a department, or why it says nothing.

The assumptions are those of the FDA's QuCAD: chance arrivals at one rate, one list, a constant number of readers, and a
flag that is there with the study. One reader may read for any length, several for one exponential one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from triaged.lab.simulation.closed_forms import (
    Demand,
    Saving,
    Waits,
    non_preemptive_waits,
    pooled,
    preemptive_resume_waits,
    saving,
)
from triaged.lab.simulation.department.model import Department, Kind, State, kind_of
from triaged.lab.simulation.replay import Interruption
from triaged.triage.scheme import TriageOptions


@dataclass(frozen=True, slots=True)
class Silence:
    """Why no closed form holds, in words."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlagRates:
    """How many studies a minute come without a STAT request, with and without the disease, and how they are flagged."""

    diseased_per_min: float
    healthy_per_min: float
    sensitivity: float
    specificity: float

    @property
    def flagged(self) -> float:
        """The share of all that is flagged; 0 where nobody could be."""
        parts = self.prevalence * self.sensitivity, (1 - self.prevalence) * (1 - self.specificity)
        return math.fsum(part for part in parts if not math.isnan(part))

    @property
    def prevalence(self) -> float:
        """The share of all that has the disease; NaN where all requests are STAT."""
        per_min = self.diseased_per_min + self.healthy_per_min
        return self.diseased_per_min / per_min if per_min else math.nan


def flag_rates(department: Department, options: TriageOptions) -> FlagRates:
    """Return what a policy makes of the studies that come: NaN where nobody has, or lacks, the disease."""
    rates: dict[tuple[bool, bool], float] = defaultdict(float)
    for kind, _, per_min in _kinds(department, options):
        rates[kind.has_disease, kind.state is State.FLAGGED] += per_min
    ill, well = (rates[has, True] + rates[has, False] for has in (True, False))
    return FlagRates(
        ill, well, rates[True, True] / ill if ill else math.nan, rates[False, False] / well if well else math.nan
    )


def theory_of(department: Department, options: TriageOptions, interruption: Interruption) -> Saving | Silence:
    """Return the mean waits without and with a flag, or why they are not known."""
    waits = _waits(department, interruption)
    reasons = [*_reasons(department)]
    if waits is None:
        reasons.append("only STAT requests interrupt")
    demands = _demands(department, options)
    if not {State.FLAGGED, State.NOT_FLAGGED} <= demands.keys():
        reasons.append("all studies are flagged, or none is")
    if reasons or waits is None:
        return Silence(tuple(reasons))
    rates = flag_rates(department, options)
    try:
        return saving(
            demands[State.FLAGGED],
            demands[State.NOT_FLAGGED],
            (rates.sensitivity, 1 - rates.specificity),
            waits,
            department.groups[0].readers.by_hour[0],
            demands.get(State.STAT),
        )
    except ValueError as error:
        return Silence((str(error),))


def _waits(department: Department, interruption: Interruption) -> Waits | None:
    if interruption is Interruption.BY_TIER:
        return preemptive_resume_waits
    has_stat = any(place.arrivals.orders.stat for place in department.places)
    return None if has_stat and interruption is Interruption.BY_EMERGENCIES else non_preemptive_waits


def _reasons(department: Department) -> Iterator[str]:
    if len(department.groups) > 1:
        yield "there are several lists"
    if any(len(set(place.arrivals.per_hour)) > 1 for place in department.places):
        yield "arrivals change with the hour"
    if any(len(set(group.readers.by_hour)) > 1 for group in department.groups):
        yield "the number of readers changes with the hour"
    if not department.machines.are_instant or department.machines.failing:
        yield "scores come later than the study, or not at all"


def _demands(department: Department, options: TriageOptions) -> Mapping[State, Demand]:
    """Return what each class asks of the readers; classes of which nothing comes are left out."""
    found: dict[State, list[Demand]] = defaultdict(list)
    for kind, stat_per_min, per_min in _kinds(department, options):
        for state, rate in ((State.STAT, stat_per_min), (kind.state, per_min)):
            length = department.reading[kind.case.stratum, state]
            if rate > 0 and length.mean_min > 0:
                found[state].append(Demand(rate, length.mean_min, length.mean_square))
    return {state: pooled(each) for state, each in found.items()}


def _kinds(department: Department, options: TriageOptions) -> Iterator[tuple[Kind, float, float]]:
    """Yield each kind of study with how many a minute come with a STAT request, and without."""
    for place in department.places:
        whole = math.fsum(case.weight for case in place.cases)
        for case in place.cases:
            per_min = place.arrivals.per_day / 1440 * case.weight / whole
            stat = place.arrivals.orders.stat
            yield kind_of(case, options), per_min * stat, per_min * (1 - stat)
