"""The command `triaged forecast`: what an order of reading does in a department, and how many machines it needs.

Parses, calls, prints; what simulates is imported when it runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, say_defaults

if TYPE_CHECKING:
    from triaged.config.settings import Config

Several = list[str] | None
Sites = Annotated[
    Several,
    typer.Option(
        metavar="NAME,per_hour=N[,KEY=VALUE...]",
        help="Where studies come from. Keys: profile (flat, day), group, xrays, stat, high, prevalence, "
        "xray_prevalence; per_hour also 24 numbers with / between them.",
    ),
]
Groups = Annotated[Several, typer.Option(metavar="NAME=N[,N...]", help="Readers of one list: at any hour, or at 24.")]
Reading = Annotated[
    Several,
    typer.Option(
        metavar="[MODALITY[/STATE]=]LENGTH",
        help="Minutes: exponential:MEAN, lognormal:MEAN:SD or fixed:N; ct or x-ray; flagged, not-flagged, unscored "
        "or stat.",
    ),
]
Scoring = Annotated[
    Several, typer.Option(metavar="[MODALITY=]LENGTH", help="Seconds a machine takes to order a study.")
]
Finishing = Annotated[str, typer.Option(metavar="LENGTH", help="Seconds from then until it takes the next one.")]
Settle = Annotated[float | None, typer.Option(min=0, help="Last slice to complete; else the configuration's.")]
Machines = Annotated[int | None, typer.Option(min=1, max=10_000, help="Else as many as --order-within-s takes.")]
OrderWithin = Annotated[float, typer.Option(min=0.001, help="From last slice to order, for 95 % of studies.")]
Share = Annotated[float, typer.Option(min=0, max=1)]
Failing = Annotated[float, typer.Option(min=0, max=1, help="Share of studies that end without a score.")]
Stat = Annotated[float, typer.Option(min=0, max=1, help="Share of STAT requests.")]
High = Annotated[float, typer.Option(min=0, max=1, help="Share of requests of priority HIGH.")]
Sensitivity = Annotated[float | None, typer.Option(min=0, max=1, help="Of the flag; 0.9 without an AUC.")]
Auc = Annotated[float | None, typer.Option(min=0.5, max=0.9999, help="Instead of a sensitivity.")]
Severities = Annotated[
    str | None, typer.Option(metavar="N,N,N,N", help="Of the diseased: critical, severe, moderate, mild.")
]
Order = Annotated[Several, typer.Option(help="To compare with fifo: flag, flag_cap or a discipline.")]
Cap = Annotated[int | None, typer.Option(min=1, help="Ageing guard of flag_cap, strict_cap; else the configuration's.")]
Interruption = Annotated[Literal["never", "emergencies", "tiers"], typer.Option(help="Who interrupts a reading.")]
Limit = Annotated[float, typer.Option(min=0, help="Which share of waits is longer.")]
Days = Annotated[float, typer.Option(min=0.1, help="Measured in each run.")]
WarmUp = Annotated[float, typer.Option(min=0, help="Before that, not measured.")]
Runs = Annotated[int, typer.Option(min=2)]
Seed = Annotated[int, typer.Option(min=0, help="The same seed simulates the same studies.")]
ClosedForms = Annotated[bool, typer.Option("--closed-forms", help="Put what queueing theory expects beside it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def forecast(
    config: ConfigFile = DEFAULT_CONFIG,
    site: Sites = None,
    group: Groups = None,
    reading_min: Reading = None,
    scoring_s: Scoring = None,
    finishing_s: Finishing = "fixed:3",
    settle_s: Settle = None,
    failing: Failing = 0.03,
    machines: Machines = None,
    order_within_s: OrderWithin = 60.0,
    stat: Stat = 0.05,
    high: High = 0.10,
    prevalence: Share = 0.10,
    sensitivity: Sensitivity = None,
    specificity: Share = 0.90,
    auc: Auc = None,
    xray_prevalence: Share = 0.10,
    xray_sensitivity: Sensitivity = None,
    xray_specificity: Share = 0.90,
    xray_auc: Auc = None,
    severities: Severities = None,
    order: Order = None,
    cap_min: Cap = None,
    interruption: Interruption = "never",
    limit_min: Limit = 60.0,
    days: Days = 7.0,
    warm_up_days: WarmUp = 1.0,
    runs: Runs = 10,
    seed: Seed = 1,
    closed_forms: ClosedForms = False,
    as_json: AsJson = False,
) -> None:
    """Forecast waits, loads and machines of a department under several orders of reading."""
    from triaged.lab.simulation.department.command import Asked, Said, Span, question_of, run, usual_of

    settings = _load(config)
    settle = settings.completion.settle_s if settle_s is None else settle_s
    said = Said.of(site, group, reading_min, scoring_s, finishing_s, settle, failing)
    ct = prevalence, sensitivity, specificity, auc
    usual = usual_of(stat, high, ct, (xray_prevalence, xray_sensitivity, xray_specificity, xray_auc), severities)
    span, late_min = Span(days, warm_up_days, runs, seed), settings.triage.guard.lag_min
    question = question_of(span, interruption, limit_min, order_within_s, machines, late_min)
    asked = Asked(tuple(order or ()), question, cap_min, closed_forms, as_json)
    run(said, usual, asked, settings.triage.options(), _console())


def _load(path: Path) -> Config:
    from triaged.config.loading import load
    from triaged.daemon.logs import configure_logging

    settings = load(path)
    say_defaults(path)
    configure_logging(settings.logging.level, settings.logging.style, role="command", hide=settings.secrets.hide)
    return settings


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else 160)
