"""The commands about what waits for destinations and subscribers: `triaged outbox list`, `move`, `drop`, `resume`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from triaged.cli.administration import Reason, acting
from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, opened_database

if TYPE_CHECKING:
    from triaged.config.settings import Config
    from triaged.store.couriers.notifications import Notifications
    from triaged.store.couriers.outbox import Outbox

app = typer.Typer(name="outbox", help="See and mend what waits for destinations and subscribers.", no_args_is_help=True)


@app.command("list")
def list_waiting(
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Count what waits for each name, and say which names the configuration does not have."""
    with _queues(config) as (settings, outbox, pushes):
        objects, changes = outbox.waiting(), pushes.waiting()
    rows = [
        {
            "name": name,
            "objects": objects.get(name, 0),
            "notifications": changes.get(name, 0),
            "known": _is_known(settings, name),
        }
        for name in sorted({*objects, *changes, *_names(settings)})
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("Name", "Objects waiting", "Notifications waiting", "In the configuration")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row.values()))
    Console(highlight=False, width=160).print(table)


@app.command()
def move(
    from_: Annotated[str, typer.Option("--from", metavar="NAME", help="For whom it waits now.")],
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Who is to get it.")],
    config: ConfigFile = DEFAULT_CONFIG,
    reason: Reason = None,
) -> None:
    """Let another destination, or subscriber, get what waits for one or was given up."""
    with acting(config, reason) as (administration, asker):
        typer.echo(administration.move(from_, to, asker))


@app.command()
def drop(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For whom it waits.")],
    config: ConfigFile = DEFAULT_CONFIG,
    reason: Reason = None,
) -> None:
    """Withdraw what waits for a name or was given up; it is not sent any more."""
    with acting(config, reason) as (administration, asker):
        typer.echo(administration.drop(name, asker))


@app.command()
def resume(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Send again what is on hold since `triaged restore`."""
    from triaged.cli import program

    let_go(program._load(config))


def let_go(settings: Config) -> None:
    """Send what waits again, and say so."""
    from triaged.store.couriers.pauses import EVERYBODY
    from triaged.store.roles.pauses import Pausable, Pauses

    with opened_database(settings) as database:
        was_held = Pauses(database).end(Pausable.SENDING, EVERYBODY)
    typer.echo("What waits is sent again." if was_held else "Nothing was on hold.")


@contextmanager
def _queues(config: ConfigFile) -> Iterator[tuple[Config, Outbox, Notifications]]:
    from triaged.daemon.logs import configure_logging
    from triaged.daemon.versions import version_to_run
    from triaged.store.couriers.notifications import Notifications
    from triaged.store.couriers.outbox import Outbox

    settings = version_to_run(config).config
    configure_logging(settings.logging.level, settings.logging.style, role="command", hide=settings.secrets.hide)
    with opened_database(settings) as database:
        yield settings, Outbox(database), Notifications(database)


def _names(settings: Config) -> set[str]:
    return {each.name for each in settings.destinations} | {each.name for each in settings.pushes}


def _is_known(settings: Config, name: str) -> str:
    return "yes" if name in _names(settings) else settings.retired.get(name, "no")
