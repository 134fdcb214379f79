"""What administrators do at the machine: the same actions as on their page, each with a reason, each written down."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, opened_database

if TYPE_CHECKING:
    from triaged.daemon.rooms import Rooms
    from triaged.steps.administering import Administration, Asker

Reason = Annotated[str | None, typer.Option("--reason", help="Why; it is kept in the audit trail.")]
What = Annotated[Literal["receiving", "sending"], typer.Argument(help="What to stop or let go on.")]
Destination = Annotated[str, typer.Option("--destination", metavar="NAME", help="Sending only to this name.")]
Number = Annotated[int, typer.Argument(min=1, help="A number of `triaged quarantine list`.")]

quarantined = typer.Typer(name="quarantine", help="Settle what could not be filed.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands to a program."""
    for command in (requeue, resend, complete, pause, resume):
        app.command()(command)
    app.command("test")(try_destination)
    app.add_typer(quarantined)


def requeue(study_instance_uid: str, config: ConfigFile = DEFAULT_CONFIG, reason: Reason = None) -> None:
    """Have a study read again; it keeps its place until the new result is there."""
    with acting(config, reason) as (administration, asker):
        typer.echo(administration.requeue(study_instance_uid, asker))


def complete(study_instance_uid: str, config: ConfigFile = DEFAULT_CONFIG, reason: Reason = None) -> None:
    """Have a study that waits for slices read now; a slice that comes later re-opens it."""
    with acting(config, reason) as (administration, asker):
        typer.echo(administration.complete(study_instance_uid, asker))


def resend(
    config: ConfigFile = DEFAULT_CONFIG,
    study: Annotated[str | None, typer.Option(metavar="UID", help="Only what is of this study.")] = None,
    destination: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only to this destination or receiver.")
    ] = None,
    reason: Reason = None,
) -> None:
    """Try again to deliver the result objects, and to tell the changes, that were refused or given up."""
    with acting(config, reason) as (administration, asker):
        typer.echo(administration.resend(study, destination, asker))


def pause(
    what: What, config: ConfigFile = DEFAULT_CONFIG, destination: Destination = "", reason: Reason = None
) -> None:
    """Stop receiving (senders are told to keep what they have) or sending, until `triaged resume`."""
    from triaged.store.roles.pauses import Pausable

    with acting(config, reason) as (administration, asker):
        typer.echo(administration.pause(Pausable(what), destination, asker))


def resume(
    what: What, config: ConfigFile = DEFAULT_CONFIG, destination: Destination = "", reason: Reason = None
) -> None:
    """Let receiving or sending go on."""
    from triaged.store.roles.pauses import Pausable

    with acting(config, reason) as (administration, asker):
        typer.echo(administration.resume(Pausable(what), destination, asker))


def try_destination(
    destination: Annotated[str, typer.Argument(help="Its name in the configuration.")],
    config: ConfigFile = DEFAULT_CONFIG,
    reason: Reason = None,
) -> None:
    """Ask a destination by C-ECHO, and store a generated picture without a patient there."""
    with acting(config, reason) as (administration, asker):
        typer.echo(administration.test(destination, asker))


@quarantined.command("list")
def listed(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """List what stands in quarantine, the newest first."""
    from triaged.daemon.administering import quarantine

    with _rooms(config) as rooms:
        found = quarantine(rooms, "command").all()
    for each in found:
        kept = each.kept
        typer.echo(f"{each.number}  {kept.at:%Y-%m-%d %H:%M:%S}  {kept.calling_ae_title} {kept.peer}  {kept.reason}")


@quarantined.command()
def show(number: Number, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Say everything that is known of one."""
    from dataclasses import asdict

    from triaged.store.studies.quarantines import Quarantines

    with _rooms(config) as rooms:
        aside = Quarantines(rooms.database).one(number)
    for name, value in asdict(aside.kept).items():
        typer.echo(f"{name}: {value}")


@quarantined.command()
def release(
    number: Number,
    config: ConfigFile = DEFAULT_CONFIG,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEYWORD=VALUE", help="Set this attribute of its header.")
    ] = None,
    reason: Reason = None,
) -> None:
    """File one as if its sender sent it now, with its header mended; the bytes as they were sent are deleted."""
    from triaged.steps.quarantine import changes_of

    with acting(config, reason) as (administration, asker):
        typer.echo(administration.release(number, changes_of(iter(changes or ())), asker))


@quarantined.command()
def delete(number: Number, config: ConfigFile = DEFAULT_CONFIG, reason: Reason = None) -> None:
    """Delete one for ever."""
    with acting(config, reason) as (administration, asker):
        typer.echo(administration.delete(number, asker))


@contextmanager
def _rooms(path: Path) -> Iterator[Rooms]:
    from triaged.daemon.logs import configure_logging
    from triaged.daemon.rooms import Rooms
    from triaged.daemon.spools import open_spool
    from triaged.daemon.versions import version_to_run
    from triaged.store.studies.spool_name import SpoolName

    settings = version_to_run(path).config
    configure_logging("ERROR", settings.logging.style, role="command")
    with opened_database(settings) as database:
        spool = open_spool(settings.storage, SpoolName(database).known())
        yield Rooms(settings, database, spool, file=path)


@contextmanager
def acting(path: Path, reason: str | None) -> Iterator[tuple[Administration, Asker]]:
    """Give what administrators act with, and who asks: the account at this machine."""
    from triaged.daemon.administering import administration
    from triaged.steps.administering import Asker

    if reason is None:
        reason = str(typer.prompt("Reason")) if sys.stdin.isatty() else "not given, by a script"
    with _rooms(path) as rooms:
        yield administration(rooms, "command"), Asker(getpass.getuser(), "", reason)
