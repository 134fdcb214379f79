"""The command line: parses, calls, prints; knows how nothing is done.

Rooms are imported by the command that needs them, so that `triaged --help` does not wait for what it does not use. A
mistake in the configuration ends with exit code 2, any other error that was foreseen with 1, each in one line.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from triaged.cli import administration, quality
from triaged.cli.audit import audit
from triaged.cli.config_keys import keys, schema
from triaged.cli.config_try import try_new
from triaged.cli.config_versions import diff, log, rollback, show
from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, opened_database, say_defaults
from triaged.cli.configuration import app as config_app
from triaged.cli.export import app as export_app
from triaged.cli.feedback import app as feedback_app
from triaged.cli.forecast import forecast
from triaged.cli.fsck import fsck
from triaged.cli.health import health
from triaged.cli.keeping import backup, migrate, restore, verify
from triaged.cli.outbox import app as outbox_app
from triaged.cli.retain import retain
from triaged.cli.serving import serve
from triaged.cli.sites import sites
from triaged.cli.users import app as user_app
from triaged.errors import ConfigError, TriagedError
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
app.add_typer(feedback_app)
app.add_typer(export_app)
app.add_typer(outbox_app)
for each in (log, diff, show, rollback, schema, keys):
    config_app.command()(each)
config_app.command("try")(try_new)
for command in (serve, phantom, radiograph, health, fsck, retain, audit, backup, restore, verify, migrate, forecast):
    app.command()(command)
app.command()(sites)
administration.add_to(app)
quality.add_to(app)
out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
CONFIG_EXIT_CODE = 2


def main() -> None:
    """Run the command that the arguments name, and turn foreseen errors into one line and an exit code."""
    try:
        app()
    except ConfigError as error:
        sys.exit(_said(error, code=CONFIG_EXIT_CODE))
    except (TriagedError, OSError) as error:
        sys.exit(_said(error, code=1))


@app.command()
def demo(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the daemon, send it three generated chest CT studies, and show how it orders them."""
    from triaged.cli.tables import worklist_table
    from triaged.daemon.versions import version_of
    from triaged.lab.demo import run

    say_defaults(config)
    run(version_of(config), out, worklist_table)


@app.command()
def check(
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    only: Annotated[list[str] | None, typer.Option(metavar="SECTION", help="Only what this section names.")] = None,
) -> None:
    """Check the configuration and everything that it names, without changing anything."""
    from triaged.cli.checking import check as check_all

    if not check_all(config, out, as_json=as_json, only=only or ()):
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
    ignored: Annotated[bool, typer.Option("--ignored", help="What rules keep off the list.")] = False,
    site: Annotated[str, typer.Option(help="The list of this site alone; other: of none.")] = "",
) -> None:
    """Print the worklist in reading order."""
    from triaged.cli.tables import worklist_table
    from triaged.store.listing.worklist import Part, Worklist
    from triaged.store.tables.views import Shown
    from triaged.web.entries import as_json as row_for_programs
    from triaged.web.site_lists import asked_site, site_choices

    settings = _load(config)
    try:
        sites = asked_site(site, site_choices({each.name: each.title for each in settings.sites}, frozenset()))
    except ValueError as error:
        raise ConfigError(str(error)) from None
    with opened_database(settings) as database:
        part = Part(Shown.IGNORED if ignored else Shown.OPEN, sites=sites)
        entries, warnings = Worklist(database).entries(limit, part=part), Worklist(database).banner()
    if as_json:
        print(json.dumps([row_for_programs(entry) for entry in entries], indent=2))
    else:
        for warning in warnings:
            out.print(escape(warning))
        out.print(worklist_table(entries, now=datetime.now(UTC)))


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
    say_defaults(path)
    configure_logging(settings.logging.level, settings.logging.style, role="command", hide=settings.secrets.hide)
    return settings


def _said(error: TriagedError | OSError, *, code: int) -> int:
    print(f"triaged: {error}" if code != CONFIG_EXIT_CODE else str(error), file=sys.stderr)
    return code
