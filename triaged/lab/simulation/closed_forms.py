"""Mean waits of queues with priorities in closed form, and the time that a flag saves; pure arithmetic.

Must not know the simulation, which is compared with it. The formulas are those of textbooks:

- one class: Erlang's C, and Pollaczek and Khinchine for one server and any length (Kleinrock, Queueing Systems, 1975);
- classes that do not interrupt: Cobham (1954), for one server any length, for several one exponential length;
- classes that interrupt, one server: what is there already, and what comes before it ends (Kleinrock 1976);
- classes that interrupt, several servers, one exponential length: the first k classes together are a queue without
  classes, since nobody below delays them and an exponential rest is as long as a whole; so the studies of class k that
  wait are those of the first k less those of the first k - 1, and Little's law gives their wait.

The metric is that of the FDA's QuCAD (Thompson et al., Queueing Systems 108, 2024): the mean wait of patients with the
disease with a flag, less that without. A wait is all time in which nobody reads the study, interruptions included.
Demands are in the order of urgency, most urgent first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Demand:
    """What one class asks of the servers: studies a minute, and mean and mean square of the minutes that one takes.

    Raises:
        ValueError: none come, one takes no time, or the mean square is below the square of the mean.
    """

    per_min: float
    mean_min: float
    mean_square: float

    def __post_init__(self) -> None:
        possible = self.mean_square >= self.mean_min**2 * (1 - 1e-9)
        if not (self.per_min > 0 and self.mean_min > 0 and possible):
            raise ValueError(f"expected a class that comes and takes time, found {self}")

    @classmethod
    def exponential(cls, per_min: float, mean_min: float) -> Demand:
        """Return a class whose length is exponential."""
        return cls(per_min, mean_min, 2 * mean_min**2)

    @property
    def is_exponential(self) -> bool:
        """Tell whether mean and mean square are those of an exponential length."""
        return math.isclose(self.mean_square, 2 * self.mean_min**2, rel_tol=1e-9)


Waits = Callable[[Sequence[Demand], int], tuple[float, ...]]
"""The mean wait of each class at a number of servers."""


def pooled(demands: Sequence[Demand]) -> Demand:
    """Return classes as one."""
    per_min = math.fsum(each.per_min for each in demands)
    mean = math.fsum(each.per_min * each.mean_min for each in demands) / per_min
    return Demand(per_min, mean, math.fsum(each.per_min * each.mean_square for each in demands) / per_min)


def erlang_c(servers: int, offered: float) -> float:
    """Return the chance that an arrival waits, from the recursion of Erlang's B.

    `offered` is what comes a minute by what one server does a minute, and below `servers`.
    """
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    load = offered / servers
    return blocked / (1 - load * (1 - blocked))


def non_preemptive_waits(demands: Sequence[Demand], servers: int = 1) -> tuple[float, ...]:
    """Return the mean wait of each class where who has begun a study finishes it.

    Raises:
        ValueError: more comes than is served, or there are several servers and not one exponential length.
    """
    edges = _loads(demands, servers)
    if servers == 1:
        delay = math.fsum(each.per_min * each.mean_square for each in demands) / 2
    else:
        mean = _one_length(demands)
        delay = erlang_c(servers, edges[-1] * servers) * mean / servers
    return tuple(delay / ((1 - above) * (1 - with_own)) for above, with_own in zip((0.0, *edges), edges, strict=False))


def preemptive_resume_waits(demands: Sequence[Demand], servers: int = 1) -> tuple[float, ...]:
    """Return the mean wait of each class where a more urgent study interrupts another one, which is resumed later.

    Raises:
        ValueError: more comes than is served, or there are several servers and not one exponential length.
    """
    edges = _loads(demands, servers)
    if servers == 1:
        delays = accumulate(each.per_min * each.mean_square / 2 for each in demands)
        return tuple(
            each.mean_min * (1 / (1 - above) - 1) + delay / ((1 - above) * (1 - with_own))
            for each, delay, above, with_own in zip(demands, delays, (0.0, *edges), edges, strict=False)
        )
    mean, found, held_above = _one_length(demands), [], 0.0
    for number, with_own in enumerate(edges, 1):
        together = math.fsum(each.per_min for each in demands[:number])
        held = together * erlang_c(servers, with_own * servers) * mean / servers / (1 - with_own)
        found.append((held - held_above) / demands[number - 1].per_min)
        held_above = held
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Saving:
    """Mean waits in minutes with and without a flag; those who come before all others are in neither.

    `saved_min` is by how much patients with the disease wait less, `added_min` by how much the others wait longer.
    """

    without_flag_min: float
    flagged_min: float
    not_flagged_min: float
    diseased_min: float
    healthy_min: float

    @property
    def saved_min(self) -> float:
        """The time that the flag saves a patient with the disease on average."""
        return self.without_flag_min - self.diseased_min

    @property
    def added_min(self) -> float:
        """The time that it costs a patient without it."""
        return self.healthy_min - self.without_flag_min


def saving(
    flagged: Demand,
    not_flagged: Demand,
    chances: tuple[float, float],
    waits: Waits,
    servers: int = 1,
    before_all: Demand | None = None,
) -> Saving:
    """Return the waits with and without a flag; `chances` are those of a flag with and without the disease.

    A patient's wait depends on the flag alone, so those with and without the disease are mixed from the two classes.
    `before_all` are studies that come first with and without the flag.
    """
    first = () if before_all is None else (before_all,)
    *_, without = waits((*first, pooled((flagged, not_flagged))), servers)
    *_, up, down = waits((*first, flagged, not_flagged), servers)
    diseased, healthy = (chance * up + (1 - chance) * down for chance in chances)
    return Saving(without, up, down, diseased, healthy)


def _loads(demands: Sequence[Demand], servers: int) -> tuple[float, ...]:
    """Return the load of each class together with those above it."""
    edges = tuple(accumulate(each.per_min * each.mean_min / servers for each in demands))
    if not edges or edges[-1] >= 1:
        raise ValueError(f"expected classes with a load below 1, found {edges[-1] if edges else 'none'}")
    return edges


def _one_length(demands: Sequence[Demand]) -> float:
    mean = demands[0].mean_min
    if not all(each.is_exponential and math.isclose(each.mean_min, mean, rel_tol=1e-9) for each in demands):
        raise ValueError("expected one exponential length for all classes, since there are several servers")
    return mean
