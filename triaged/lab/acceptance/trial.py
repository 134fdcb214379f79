"""Tries the daemon's order on a site's own stream of studies before the site does.

Must not know reports. What is compared is what the site has, first come first, with what it would get.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from triaged.lab.evaluation.row import Row
from triaged.lab.simulation.arrivals import Trace
from triaged.lab.simulation.comparison import Comparison, Plan, compare, plan_over
from triaged.lab.simulation.disciplines import DaemonOrder, all_disciplines
from triaged.lab.simulation.evaluated import Drawn, simulated_cases, with_tau
from triaged.lab.simulation.gates import gates
from triaged.lab.simulation.site import DAY_AND_NIGHT, Readers, Site, busy_site
from triaged.lab.simulation.verdict import Criterion
from triaged.lab.simulation.waits import SEVERE_AND_WORSE
from triaged.triage.scheme import TriageOptions

BRIEF: Final = 4
"""Replications with which thresholds are compared with each other, on the same studies."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What a site says of itself; what it does not say is None, and a remark of the report says what stood in for it.

    Studies come as in the trace, or by chance at `load`; `prevalence` is the share of studies with the disease.
    """

    trace: Trace | None
    load: float
    readers: Readers | None
    prevalence: float | None
    plan: Plan


@dataclass(frozen=True, slots=True)
class Trial:
    """What the simulation gave; `remarks` say what it rests on."""

    comparison: Comparison
    criteria: tuple[Criterion, ...]
    remarks: tuple[str, ...]


def run_trial(rows: Sequence[Row], options: TriageOptions, setting: Setting) -> Trial | None:
    """Return how the daemon's order does at a site that sees studies like these; None where none can be drawn."""
    drawn = simulated_cases(rows, options, setting.prevalence)
    if not drawn.cases:
        return None
    site, plan = _site(drawn, setting)
    comparison = compare(site, all_disciplines(options), plan)
    return Trial(
        comparison, gates(comparison, options.discipline.value, drawn.cases), tuple(_remarks(drawn, setting, site))
    )


def severe_wait(rows: Sequence[Row], options: TriageOptions, setting: Setting, tau: float) -> float:
    """Return the mean wait, minutes, of severe and critical studies drawn from rows at a threshold; NaN without any."""
    policy = with_tau(options, tau)
    drawn = simulated_cases(rows, policy, setting.prevalence)
    if not drawn.cases:
        return float("nan")
    site, plan = _site(drawn, setting)
    brief, order = replace(plan, replications=min(BRIEF, plan.replications)), DaemonOrder(policy)
    return compare(site, [order], brief).waits[order.name][SEVERE_AND_WORSE].mean_min.value


def _site(drawn: Drawn, setting: Setting) -> tuple[Site, Plan]:
    site = busy_site(drawn.cases, setting.load, setting.readers or DAY_AND_NIGHT)
    if setting.trace is None:
        return site, setting.plan
    return replace(site, arrivals=setting.trace), plan_over(setting.trace, setting.plan)


def _remarks(drawn: Drawn, setting: Setting, site: Site) -> list[str]:
    said = [f"{len(drawn.cases)} cases to draw from, load {site.load:.2f}, {site.arrivals.per_day:.1f} studies a day"]
    if drawn.left_out:
        said.append(f"{drawn.left_out} cases left out: with the disease, but without a reference severity")
    if setting.trace is None:
        said.append("arrivals by chance over a general hospital's day: no trace of the site was given")
    if setting.prevalence is None:
        said.append("the disease is as common as among the cases: no prevalence of the site was given")
    if setting.readers is None:
        said.append("one reader, two from 8 to 18 hours: no readers of the site were given")
    said.append("durations of reading and scoring are assumed, not measured at the site")
    return said
