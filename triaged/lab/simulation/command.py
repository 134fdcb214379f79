"""The command `triaged simulate`: from a site's stream of studies to waits, gates and a plot.

Must not know how a wait comes about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from triaged.errors import ConfigError
from triaged.lab.simulation.arrivals import poisson_day, read_trace
from triaged.lab.simulation.assumed import Accuracy, Xrays, assumed_cases, with_xrays
from triaged.lab.simulation.comparison import Comparison, Plan, compare, plan_over
from triaged.lab.simulation.disciplines import DaemonOrder, all_disciplines
from triaged.lab.simulation.evaluated import read_rows, simulated_cases
from triaged.lab.simulation.gates import FEWEST_CASES, gates
from triaged.lab.simulation.plots import waits_plot
from triaged.lab.simulation.replay import Interruption
from triaged.lab.simulation.site import MOSTLY_ROUTINE, READING_XRAY, Case, Readers, Site, busy_site
from triaged.lab.simulation.tables import gates_table, harm_table, ranking_table, waits_table
from triaged.lab.simulation.verdict import Criterion
from triaged.triage.scheme import TriageOptions

CHANCE: Final = "poisson"


@dataclass(frozen=True, slots=True)
class Job:
    """What the command line asks for.

    `arrivals` is "poisson" or the path of a trace; `per_day` None keeps the readers busy for the share `load`.
    `xrays` are X-rays beside the CTs, which are read for a median of `reading_xray_min`.
    `evaluation` is the JSON file of an evaluation, None where `accuracy` is assumed. `disciplines` empty means all.
    """

    arrivals: str
    per_day: float | None
    load: float
    readers: Readers
    evaluation: Path | None
    accuracy: Accuracy
    disciplines: tuple[str, ...]
    interruption: Interruption
    plan: Plan
    plot: Path | None
    xrays: Xrays | None = None
    reading_xray_min: float = READING_XRAY.median_min


def simulate(job: Job, options: TriageOptions, console: Console) -> None:
    """Simulate and print waits by order and group, what they cost the others, and the gates of the daemon's order.

    Raises:
        ConfigError: a file, or the name of an order, cannot be used.
    """
    chosen = _chosen(job.disciplines, options)
    cases = _cases(job, options)
    site, plan = _site(job, cases if job.xrays is None else with_xrays(cases, job.xrays))
    comparison = compare(site, chosen, plan, job.interruption)
    console.print(_title(comparison, site, job, len(cases)))
    for table in (waits_table, harm_table, ranking_table):
        console.print(table(comparison))
    criteria = _criteria(comparison, options, cases, job)
    if criteria:
        console.print(gates_table(criteria))
    if job.plot is not None:
        job.plot.parent.mkdir(parents=True, exist_ok=True)
        job.plot.write_bytes(waits_plot(comparison, criteria))
        console.print(escape(str(job.plot)))


def _chosen(names: Sequence[str], options: TriageOptions) -> list[DaemonOrder]:
    known = {discipline.name: discipline for discipline in all_disciplines(options)}
    names = [name.strip() for text in names for name in text.split(",")]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"--discipline: expected {', '.join(known)}, found {', '.join(unknown)}")
    return [known[name] for name in names or known]


def _cases(job: Job, options: TriageOptions) -> tuple[Case, ...]:
    if job.evaluation is None:
        return assumed_cases(job.accuracy)
    drawn = simulated_cases(read_rows(job.evaluation), options, job.accuracy.prevalence)
    if not drawn.cases:
        raise ConfigError(f"{job.evaluation}: expected cases with a known severity, found none")
    return drawn.cases


def _site(job: Job, cases: tuple[Case, ...]) -> tuple[Site, Plan]:
    reading_xray = replace(READING_XRAY, median_min=job.reading_xray_min)
    site = busy_site(cases, job.load, job.readers, reading_xray)
    if job.arrivals != CHANCE:
        trace = read_trace(Path(job.arrivals))
        return replace(site, arrivals=trace), plan_over(trace, job.plan)
    if job.per_day is not None:
        site = replace(site, arrivals=poisson_day(job.per_day, MOSTLY_ROUTINE))
    return site, job.plan


def _title(comparison: Comparison, site: Site, job: Job, cases: int) -> str:
    kind = "assumed cases" if job.evaluation is None else f"{cases} evaluated cases"
    if job.xrays is not None:
        kind += f" and {100 * job.xrays.share:g} % assumed X-rays, read for {site.reading_xray.mean_min:.1f} min"
    return (
        f"{comparison.plan.replications} replications of {comparison.plan.measured_min / 1440:g} days, {kind}, "
        f"{site.arrivals.per_day:.1f} studies a day, load {comparison.load:.2f}. Minutes, with 95 % intervals."
    )


def _criteria(
    comparison: Comparison, options: TriageOptions, cases: tuple[Case, ...], job: Job
) -> tuple[Criterion, ...]:
    """Return the gates of the daemon's order, none where it was not simulated.

    Assumed cases stand for as many as are asked for, since nobody evaluated any.
    """
    order = options.discipline.value
    if order not in comparison.waits:
        return ()
    return gates(comparison, order, cases if job.evaluation is not None else cases * FEWEST_CASES)
