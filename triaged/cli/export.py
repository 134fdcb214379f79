"""The command `triaged export registry`: what was found and how soon, one row a study, for research and for registries.

Parses and prints; what leaves of a study, and how a patient is named, is decided elsewhere.
"""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from triaged.cli.audit import begin_of
from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, opened_database

app = typer.Typer(name="export", help="Write what may leave the site, without naming patients.", no_args_is_help=True)


@app.callback()
def export() -> None:
    """Write what may leave the site, without naming patients."""


@app.command()
def registry(
    out: Annotated[Path, typer.Option(metavar="FILE.csv", help="Where it is written.")],
    secret: Annotated[
        Path, typer.Option(metavar="FILE", help="The site's secret, at least 32 bytes; the same one names alike.")
    ],
    config: ConfigFile = DEFAULT_CONFIG,
    since: Annotated[
        str, typer.Option(metavar="TIME|90d", help="Studies that came since: 24h, 90d, or a time in UTC.")
    ] = "365d",
    rare: Annotated[
        int, typer.Option(min=1, max=1000, help="Scanners and kernels of fewer patients are called rare.")
    ] = 5,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit trail.")] = "",
) -> None:
    """Write one row a study, pseudonymised and without dates: scores, class, times to notification, verdicts."""
    from triaged.config.loading import load
    from triaged.daemon.exporting import export_registry, secret_in
    from triaged.study.audit import Audited, AuditEvent

    now = datetime.now(UTC)
    begin, key = begin_of(since, now), secret_in(secret)
    asker = Audited(
        AuditEvent.LIST_EXPORTED, now, person=getpass.getuser(), source="command", target="registry", reason=reason
    )
    with opened_database(load(config)) as database:
        number = export_registry(database, out, since=begin, secret=key, rare_below=rare, asker=asker)
    typer.echo(f"{number} {'study' if number == 1 else 'studies'} in {out}.")
