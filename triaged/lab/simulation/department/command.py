"""The command `triaged forecast`: from a department in texts to waits, loads and machines.

Must not know how a wait comes about.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from rich.console import Console
from rich.markup import escape

from triaged.errors import ConfigError
from triaged.lab.simulation.arrivals import DAY_MIN, OrderShares
from triaged.lab.simulation.closed_forms import Saving
from triaged.lab.simulation.comparison import Plan
from triaged.lab.simulation.department.forecast import Question, forecast
from triaged.lab.simulation.department.model import Department, Machines
from triaged.lab.simulation.department.orders import FLAG, chosen_orders
from triaged.lab.simulation.department.parsing import (
    Usual,
    accuracy_of,
    group_of,
    place_of,
    reading_of,
    seconds_of,
    severities_of,
)
from triaged.lab.simulation.department.printing import (
    as_json,
    machines_sentence,
    machines_table,
    readers_table,
    theory_table,
    waits_table,
)
from triaged.lab.simulation.department.theory import Silence, flag_rates, theory_of
from triaged.lab.simulation.replay import Interruption
from triaged.study.modalities import Stratum
from triaged.triage.scheme import TriageOptions

SITES: Final = ("site,per_hour=4",)
GROUPS: Final = ("readers=1",)
SCORING_S: Final = "lognormal:5:3"
"""A proposal near what was measured on two cores (docs/performance.md)."""
COOL_DOWN_MIN: Final = 0.5 * DAY_MIN

Flag = tuple[float, float | None, float, float | None]
"""Prevalence; sensitivity, specificity and area under the curve of the flag: the sensitivity or the area is None."""


@dataclass(frozen=True, slots=True)
class Said:
    """A department as a command line says it; what is empty is the default."""

    sites: tuple[str, ...]
    groups: tuple[str, ...]
    reading: tuple[str, ...]
    scoring: tuple[str, ...]
    finishing: str
    settle_s: float
    failing: float

    @classmethod
    def of(
        cls,
        sites: Sequence[str] | None,
        groups: Sequence[str] | None,
        reading: Sequence[str] | None,
        scoring: Sequence[str] | None,
        finishing: str,
        settle_s: float,
        failing: float,
    ) -> Said:
        """Return what was said, None being nothing."""
        texts = tuple(sites or ()), tuple(groups or ()), tuple(reading or ()), tuple(scoring or ())
        return cls(*texts, finishing, settle_s, failing)


@dataclass(frozen=True, slots=True)
class Span:
    """How long and how often is simulated, in days."""

    days: float
    warm_up_days: float
    runs: int
    seed: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of it; `cap_min` None is that of the policy. `show_theory` puts closed forms beside the figures."""

    orders: tuple[str, ...]
    question: Question
    cap_min: int | None
    show_theory: bool
    as_json: bool


def usual_of(stat: float, high: float, ct: Flag, xray: Flag, severities: str | None) -> Usual:
    """Return what holds for every site that does not say otherwise.

    Raises:
        ConfigError: numbers contradict each other.
    """
    try:
        orders = OrderShares(stat, high)
    except ValueError as error:
        raise ConfigError(f"--stat, --high: {error}") from None
    return Usual("", orders, accuracy_of(*ct), accuracy_of(*xray), severities_of(severities))


def question_of(
    span: Span, interruption: str, limit_min: float, order_within_s: float, machines: int | None, late_min: float
) -> Question:
    """Return what is asked of a department."""
    plan = Plan(
        replications=span.runs,
        warm_up_min=span.warm_up_days * DAY_MIN,
        measured_min=span.days * DAY_MIN,
        cool_down_min=COOL_DOWN_MIN,
        seed=span.seed,
    )
    return Question(plan, Interruption(interruption), limit_min, order_within_s / 60, machines, late_min)


def department_of(said: Said, usual: Usual) -> Department:
    """Return the department that texts say; a site without a group is read by the first.

    Raises:
        ConfigError: a text cannot be read, or names a group that there is not.
    """
    groups = tuple(map(group_of, said.groups or GROUPS))
    usual = replace(usual, group=usual.group or groups[0].name)
    places = tuple(place_of(text, usual) for text in said.sites or SITES)
    finishing = seconds_of((), said.finishing)[Stratum.VOLUME]
    machines = Machines(seconds_of(said.scoring, SCORING_S), finishing, said.settle_s / 60, said.failing)
    try:
        return Department(places, groups, reading_of(said.reading), machines)
    except ValueError as error:
        raise ConfigError(f"--site, --group: {error}") from None


def run(said: Said, usual: Usual, asked: Asked, options: TriageOptions, console: Console) -> None:
    """Forecast and print.

    Raises:
        ConfigError: a text, or the name of an order, cannot be used.
    """
    department = department_of(said, usual)
    if asked.cap_min is not None:
        options = replace(options, strict_cap_min=float(asked.cap_min))
    names = asked.orders if not asked.show_theory or not asked.orders else (*asked.orders, FLAG)
    orders = chosen_orders(names, options)
    found = forecast(department, orders, asked.question)
    theory = theory_of(department, options, asked.question.interruption)
    if asked.as_json:
        told = as_json(found, flag_rates(department, options), asked.question, theory)
        console.file.write(json.dumps({"scheme": options.scheme.value} | told, indent=2, allow_nan=False) + "\n")
        return
    console.print(_title(department, options, asked.question))
    console.print(waits_table(found, asked.question.limit_min))
    console.print(readers_table(found))
    console.print(machines_table(found, asked.question.late_min))
    console.print(machines_sentence(found, asked.question))
    for name, load in found.orders[orders[0].name].loads.items():
        if load.value >= 1:
            console.print(f"{escape(name)}: more comes than is read; waits grow as long as is simulated.")
    if asked.show_theory:
        match theory:
            case Silence(reasons):
                console.print(f"No closed form holds here: {'; '.join(reasons)}.")
            case Saving():
                console.print(theory_table(found, theory))


def _title(department: Department, options: TriageOptions, question: Question) -> str:
    rates, plan = flag_rates(department, options), question.plan
    per_hour = math.fsum(place.arrivals.per_day for place in department.places) / 24
    stat = 1 - 60 * (rates.diseased_per_min + rates.healthy_per_min) / per_hour
    return (
        f"Means of {plan.replications} runs of {plan.measured_min / DAY_MIN:g} days after "
        f"{plan.warm_up_min / DAY_MIN:g}, with 95 % intervals, and the longest of all. "
        f"{per_hour:g} studies an hour, {100 * stat:.1f} % STAT; of the others "
        f"{_known(100 * rates.prevalence, 1)} % have the disease and {100 * rates.flagged:.1f} % are flagged "
        f"(sensitivity {_known(rates.sensitivity, 3)}, specificity {_known(rates.specificity, 3)}, "
        f"scheme {options.scheme.value})."
    )


def _known(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
