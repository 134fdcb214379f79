"""The commands for whoever answers for quality: the same figures as on the administrator's pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, opened_database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triaged.config.settings import Config
    from triaged.store.tables.database import Database

Days = Annotated[int, typer.Option("--since", metavar="DAYS", min=1, max=366, help="The last days.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to a program."""
    for command in (times, shadow, watch):
        app.command()(command)


def times(config: ConfigFile = DEFAULT_CONFIG, since: Days = 30, as_json: AsJson = False) -> None:
    """Print the times from the last slice to place on the list, results at the destination and notification sent."""
    from triaged.steps.notification_times import NotificationTimes
    from triaged.store.studies.notified import Notified
    from triaged.web.times import STAGE_WORDS, as_items, cells

    with _opened(config) as (_, database):
        report = NotificationTimes(Notified(database)).report(since, now=datetime.now(UTC))
    if as_json:
        _print_json(as_items(report))
        return
    typer.echo(f"{report.studies} studies since {report.since:%Y-%m-%d %H:%M} UTC")
    head = "Of", "n", "Mean (95 % interval)", "Median", "95th percentile", "Longest"
    for stage, words in STAGE_WORDS.items():
        _print_table(words, head, [cells(row) for row in report.rows if row.stage is stage])


def shadow(config: ConfigFile = DEFAULT_CONFIG, since: Days = 30, as_json: AsJson = False) -> None:
    """Compare each second engine with the first: differences, kappas, other classes, pairs in another order."""
    from triaged.steps.shadowing import Shadowing
    from triaged.store.studies.paired import Paired
    from triaged.web.shadow import BY_WORDS, COLUMNS, cells, named, sentences
    from triaged.web.shadow_items import as_items

    with _opened(config) as (settings, database):
        shadowing = Shadowing(Paired(database), settings.triage.options())
        report = shadowing.report(since, now=datetime.now(UTC))
    if as_json:
        _print_json(as_items(report))
        return
    for each in report.shadows:
        rows = [(f"{BY_WORDS[group.by]} {named(group)}".strip(), *cells(group)) for group in each.groups]
        _print_table(f"{each.second} beside {each.first}", ("Of", *COLUMNS), rows)
        for sentence in sentences(each, report.by_classes):
            typer.echo(sentence)
    if not report.shadows:
        typer.echo(f"No second engine has come to an end with a study since {report.since:%Y-%m-%d %H:%M} UTC.")
    for waiting in report.unread:
        typer.echo(f"{waiting.name}: {waiting.waiting} not read yet, {waiting.dropped} not named any more")


def watch(
    config: ConfigFile = DEFAULT_CONFIG,
    since: Annotated[int, typer.Option("--since", metavar="DAYS", min=7, max=366, help="The last days.")] = 30,
    baseline: Annotated[int, typer.Option(metavar="DAYS", min=14, max=366, help="What is usual: days before.")] = 60,
    as_json: AsJson = False,
) -> None:
    """Say of each scanner whether it sends, fails and is flagged as it used to: control limits from the days before."""
    from triaged.steps.control_charts import Asked, ControlCharts
    from triaged.store.studies.daily import Daily
    from triaged.web.watch import COLUMNS, MEASURE_WORDS, cells, scanner_name, sentence
    from triaged.web.watch_items import as_items

    with _opened(config) as (_, database):
        charts = ControlCharts(Daily(database)).charts(Asked(since, baseline), now=datetime.now(UTC))
    if as_json:
        _print_json(as_items(charts))
        return
    rows = [(scanner_name(each.scanner), MEASURE_WORDS[each.measure], *cells(each)) for each in charts.charts]
    period = f"{charts.first} to {charts.last}, usual: {charts.asked.baseline} days before"
    if not rows:
        typer.echo(f"No study came from {charts.first} to {charts.last} (whole days, UTC).")
        return
    _print_table(period, ("Scanner", "What", *COLUMNS), rows)
    for each in charts.outside:
        typer.echo(sentence(each))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Config, Database]]:
    from triaged.config.loading import load

    settings = load(path)
    with opened_database(settings) as database:
        yield settings, database


def _print_json(values: Any) -> None:
    typer.echo(json.dumps(values, indent=2))


def _print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from triaged.cli.tables import add_row

    table = Table(*head, title=title)
    table.title_justify = "left"
    for row in rows:
        add_row(table, *row)
    Console(highlight=False).print(table)
