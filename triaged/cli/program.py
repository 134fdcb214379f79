"""The command line: parses, calls, prints; knows how nothing is done.

Rooms are imported by the command that needs them, so that `triaged --help` does not wait for what it does not use. A
mistake in the configuration ends with exit code 2, any other error that was foreseen with 1, each in one line.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, opened_database
from triaged.cli.configuration import app as config_app
from triaged.cli.fsck import fsck
from triaged.cli.health import health
from triaged.cli.users import app as user_app
from triaged.errors import ConfigError, TriagedError, UnknownDestination
from triaged.lab.commands import app as model_app
from triaged.lab.phantom.command import phantom
from triaged.lab.radiographs.command import radiograph

if TYPE_CHECKING:
    from triaged.config.settings import Config

app = typer.Typer(
    name="triaged",
    help="Chest CT triage: from C-STORE to a re-ordered reading worklist.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(model_app)
app.add_typer(user_app)
app.add_typer(config_app)
app.command()(phantom)
app.command()(radiograph)
app.command()(health)
app.command()(fsck)
out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
CONFIG_EXIT_CODE = 2


class RoleName(StrEnum):
    """The processes of a daemon, each of which can be started alone."""

    RECEIVER = "receiver"
    WORKER = "worker"
    ADVISER = "adviser"
    COURIER = "courier"
    CLOCK = "clock"
    WEB = "web"


def main() -> None:
    """Run the command that the arguments name, and turn foreseen errors into one line and an exit code."""
    try:
        app()
    except ConfigError as error:
        sys.exit(_said(error, code=CONFIG_EXIT_CODE))
    except (TriagedError, OSError) as error:
        sys.exit(_said(error, code=1))


@app.command()
def serve(
    config: ConfigFile = DEFAULT_CONFIG,
    role: Annotated[RoleName | None, typer.Option(help="Run only this role, in this process.")] = None,
) -> None:
    """Run the daemon until Ctrl-C: every role as a process of its own, or one role alone."""
    from triaged.daemon.logs import configure_logging

    if role is not None:
        _serve_role(config, role)
        return
    from triaged.daemon.serving import serve as serve_all
    from triaged.daemon.versions import version_to_run

    version = version_to_run(config)
    _say_defaults(config)
    configure_logging(version.config.logging.level, version.config.logging.style, "daemon")
    serve_all(version)


def _serve_role(config: Path, role: RoleName) -> None:
    """Run one role with what its supervisor handed over, or with the file where a person starts it."""
    from triaged.daemon.handover import handed_over

    version = handed_over()
    settings = _load(config) if version is None else version.config
    from triaged.daemon.logs import configure_logging
    from triaged.daemon.roles import Role, run_role
    from triaged.daemon.supervisor import stopping_on_signals

    configure_logging(settings.logging.level, settings.logging.style, role.value)
    with stopping_on_signals() as stop:
        run_role(settings, Role(role.value), stop)


@app.command()
def demo(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the daemon, send it three generated chest CT studies, and show how it orders them."""
    from triaged.cli.tables import worklist_table
    from triaged.daemon.versions import version_of
    from triaged.lab.demo import run

    _say_defaults(config)
    run(version_of(config), out, worklist_table)


@app.command()
def check(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Check the configuration and everything that it names, without changing anything."""
    settings = _load(config)
    from triaged.daemon.checks import check as check_all

    table = Table(
        "", "What", Column("Found", overflow="fold"), title=f"triaged check --config {config}", title_justify="left"
    )
    failed = 0
    for result in check_all(settings):
        failed += not result.passed
        table.add_row("[green]ok[/]" if result.passed else "[red]FAILED[/]", result.what, escape(result.found))
    out.print(table)
    if failed:
        raise typer.Exit(1)


@app.command()
def status(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Count studies and deliveries, and what waits for a person; say what each destination accepts."""
    from triaged.cli.tables import destinations_table, overview_table, second_engines_table
    from triaged.store.couriers.notifications import Notifications
    from triaged.store.couriers.outbox import Outbox
    from triaged.store.couriers.peers import Peers
    from triaged.store.studies.history import History
    from triaged.store.studies.second_results import SecondResults
    from triaged.web.overview import overview

    with opened_database(_load(config)) as database:
        ledgers = History(database), Outbox(database), Notifications(database), Peers(database), SecondResults(database)
        counts = overview(*ledgers)
    if as_json:
        out.print_json(data=counts)
        return
    out.print(overview_table(counts))
    if counts["destinations"]:
        out.print(destinations_table(counts))
    if counts["second_engines"]:
        out.print(second_engines_table(counts))


@app.command()
def worklist(
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many rows from the top.")] = 1000,
) -> None:
    """Print the worklist in reading order."""
    from triaged.cli.tables import worklist_table
    from triaged.store.listing.worklist import Worklist
    from triaged.web.entries import as_json as row_for_programs

    with opened_database(_load(config)) as database:
        entries, warnings = Worklist(database).entries(limit), Worklist(database).banner()
    if as_json:
        print(json.dumps([row_for_programs(entry) for entry in entries], indent=2))
    else:
        for warning in warnings:
            out.print(escape(warning))
        out.print(worklist_table(entries, now=datetime.now(UTC)))


@app.command()
def requeue(study_instance_uid: str, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Have a study read again; it keeps its place until the new result is there."""
    settings = _load(config)
    from triaged.steps.ranking_policy import ranking_policy
    from triaged.store.studies.completion import Completion

    with opened_database(settings) as database:
        place = ranking_policy(settings.triage.options())
        Completion(database).requeue(study_instance_uid, ranking=place, now=datetime.now(UTC))
    out.print(f"{study_instance_uid} waits for analysis again.")


@app.command()
def resend(
    config: ConfigFile = DEFAULT_CONFIG,
    study: Annotated[str | None, typer.Option(metavar="UID", help="Only what is of this study.")] = None,
    destination: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only to this destination or receiver.")
    ] = None,
) -> None:
    """Try again to deliver the result objects, and to tell the changes, that were refused or given up."""
    settings = _load(config)
    from triaged.store.couriers.notifications import Notifications
    from triaged.store.couriers.outbox import Outbox
    from triaged.store.listing.rankings import Rankings

    with opened_database(settings) as database:
        now, outbox, pushes = datetime.now(UTC), Outbox(database), Notifications(database)
        known = {each.name for each in settings.destinations} | {each.name for each in settings.pushes}
        known |= {*outbox.counts(), *pushes.counts()}
        if destination is not None and destination not in known:
            names = ", ".join(sorted(known)) or "none at all"
            raise UnknownDestination(f"expected a destination (there is: {names}), found {destination}")
        if study is not None:
            Rankings(database).ranking_input(study, now=now)  # refuses a study that is not known
        number, changes = outbox.resend(study, destination, now=now), pushes.resend(study, destination, now=now)
    renotified = f" {changes} change{'' if changes == 1 else 's'} will be told again." if changes else ""
    out.print(f"{number} object{'' if number == 1 else 's'} will be sent again.{renotified}")


@app.command()
def simulate(
    config: ConfigFile = DEFAULT_CONFIG,
    arrivals: Annotated[
        str, typer.Option(metavar="FILE|poisson", help="A trace (CSV: arrived, priority).")
    ] = "poisson",
    per_day: Annotated[float | None, typer.Option(min=0.1, help="Studies a day; else --load.")] = None,
    load: Annotated[float, typer.Option(min=0.05, max=2, help="Share of the readers' time that is needed.")] = 0.8,
    readers: Annotated[str, typer.Option(metavar="N[,N...]", help="At any hour, or at each of 24.")] = "1",
    evaluation: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON of `triaged model evaluate`.")] = None,
    prevalence: Annotated[float, typer.Option(min=0.001, max=0.999)] = 0.10,
    sensitivity: Annotated[float, typer.Option(min=0, max=1, help="Assumed without --evaluation.")] = 0.90,
    specificity: Annotated[float, typer.Option(min=0, max=1, help="Assumed without --evaluation.")] = 0.90,
    xrays: Annotated[
        float, typer.Option(min=0, max=0.99, help="Share of X-rays, assumed as the options below say.")
    ] = 0.0,
    xray_prevalence: Annotated[float, typer.Option(min=0.001, max=0.999)] = 0.10,
    xray_sensitivity: Annotated[float, typer.Option(min=0, max=1, help="A missed X-ray shows nothing.")] = 0.90,
    xray_specificity: Annotated[float, typer.Option(min=0, max=1, help="A false flag is mild.")] = 0.90,
    xray_reading: Annotated[float, typer.Option(min=0.1, max=120, help="Median minutes; a CT has 10.")] = 3.0,
    discipline: Annotated[list[str] | None, typer.Option(help="An order to compare with fifo; else all.")] = None,
    interruption: Annotated[Literal["never", "emergencies", "tiers"], typer.Option(help="Who interrupts.")] = "never",
    days: Annotated[float, typer.Option(min=0.1, help="Measured in each replication.")] = 14.0,
    replications: Annotated[int, typer.Option(min=2)] = 20,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Where a plot (PNG) is written.")] = None,
) -> None:
    """Simulate how long studies wait for a reader under several orders of reading."""
    options = _load(config).triage.options()
    from triaged.lab.simulation.assumed import Accuracy, Xrays
    from triaged.lab.simulation.command import Job
    from triaged.lab.simulation.command import simulate as run
    from triaged.lab.simulation.comparison import Plan
    from triaged.lab.simulation.replay import Interruption
    from triaged.lab.simulation.site import Readers

    accuracy = Accuracy(prevalence, sensitivity, specificity)
    others = Xrays(xrays, Accuracy(xray_prevalence, xray_sensitivity, xray_specificity)) if xrays > 0 else None
    plan = Plan(replications=replications, measured_min=days * 24 * 60, seed=seed)
    chosen = tuple(discipline or ())
    staffed = Readers.parse(readers)
    interrupted = Interruption(interruption)
    job = Job(
        arrivals, per_day, load, staffed, evaluation, accuracy, chosen, interrupted, plan, plot, others, xray_reading
    )
    run(job, options, out)


def _load(path: Path) -> Config:
    from triaged.config.loading import load
    from triaged.daemon.logs import configure_logging

    settings = load(path)
    _say_defaults(path)
    configure_logging(settings.logging.level, settings.logging.style, role="command")
    return settings


def _say_defaults(path: Path) -> None:
    from triaged.config.loading import is_absent_default

    if is_absent_default(path):
        print(f"No {path} here: every setting has its default (triaged config example prints them).", file=sys.stderr)


def _said(error: TriagedError | OSError, *, code: int) -> int:
    print(f"triaged: {error}" if code != CONFIG_EXIT_CODE else str(error), file=sys.stderr)
    return code
