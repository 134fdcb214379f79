"""The commands that look back at what the configuration was: `triaged config log`, `diff`, `show` and `rollback`.

They work with a file that has mistakes too: then the version that ran last says where the store is.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from triaged.cli.administration import Reason, acting
from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, opened_database
from triaged.errors import ConfigError

if TYPE_CHECKING:
    from triaged.store.roles.configurations import Configurations, Numbered

Number = Annotated[int, typer.Argument(min=1, metavar="N", help="The number that `triaged config log` gives.")]


def log(
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many from the newest.")] = 20,
) -> None:
    """List the configurations that were read: when, whose, what became of them, and what they change."""
    with _kept(config) as kept:
        found = kept.all(limit)
        in_force = kept.in_force()
    if as_json:
        typer.echo(json.dumps([_as_json(each) for each in found], indent=2))
        return
    table = Table("N", "Time", "SHA-256", "Who", "Verdict", Column("Changes", overflow="fold"))
    for each in found:
        reading = each.reading
        number = f"{each.number} *" if in_force is not None and each.number == in_force.number else str(each.number)
        words = "\n".join(filter(None, (reading.difference, reading.reason)))
        cells = (
            number,
            f"{reading.at:%Y-%m-%d %H:%M:%S}Z",
            reading.sha256[:12],
            reading.person,
            reading.verdict,
            words,
        )
        table.add_row(*map(escape, cells))
    Console(highlight=False, width=160).print(table)
    typer.echo("* in force" if found else "No configuration was kept yet: the first is when every role serves.")


def show(number: Number, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Print a configuration as it was read, without passwords."""
    with _kept(config) as kept:
        typer.echo(_one(kept, number).reading.text, nl=False)


def diff(
    number: Annotated[int | None, typer.Argument(min=1, metavar="[N]", help="Else the one in force.")] = None,
    other: Annotated[int | None, typer.Argument(min=1, metavar="[M]", help="Else the file as it is.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Compare the lines of a configuration with those of another, or of the file; passwords are not compared."""
    with _kept(config) as kept:
        before = kept.in_force() if number is None else _one(kept, number)
        after = None if other is None else _one(kept, other)
    if before is None:
        raise ConfigError("expected a configuration that was taken, found none kept yet")
    lines = difflib.unified_diff(
        before.reading.text.splitlines(),
        (_present(config) if after is None else after.reading.text).splitlines(),
        f"version {before.number}",
        str(config) if after is None else f"version {after.number}",
        lineterm="",
    )
    for line in lines:
        typer.echo(line)


def rollback(number: Number, config: ConfigFile = DEFAULT_CONFIG, reason: Reason = None) -> None:
    """Write a configuration that was taken into the file again; a daemon that runs takes it at once."""
    with acting(config, reason) as (administration, asker):
        administration.roll_back(number, asker)
    typer.echo(f"{config} is version {number} again. A daemon that runs takes it; triaged config log shows whether.")


@contextmanager
def _kept(config: Path) -> Iterator[Configurations]:
    from triaged.daemon.logs import configure_logging
    from triaged.daemon.versions import version_to_run
    from triaged.store.roles.configurations import Configurations

    settings = version_to_run(config).config
    configure_logging(settings.logging.level, settings.logging.style, role="command", hide=settings.secrets.hide)
    with opened_database(settings) as database:
        yield Configurations(database)


def _one(kept: Configurations, number: int) -> Numbered:
    found = kept.one(number)
    if found is None:
        raise ConfigError(f"expected the number of a configuration (triaged config log), found {number}")
    return found


def _present(config: Path) -> str:
    from triaged.config.hiding import without_passwords
    from triaged.daemon.versions import raw

    return without_passwords(raw(config))


def _as_json(each: Numbered) -> dict[str, object]:
    reading = each.reading
    return {
        "number": each.number,
        "at": reading.at.isoformat(),
        "sha256": reading.sha256,
        "who": reading.person,
        "verdict": reading.verdict.value,
        "difference": reading.difference.splitlines(),
        "reason": reading.reason.splitlines(),
    }
