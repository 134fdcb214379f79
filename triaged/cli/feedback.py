"""The command `triaged feedback export`: what readers called wrong, as a list of cases to measure models on.

Parses and prints; what a case is, and what is written of it, is decided elsewhere.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, opened_database

app = typer.Typer(name="feedback", help="Use what readers said of results.", no_args_is_help=True)


@app.callback()
def feedback() -> None:
    """Use what readers said of results."""


@app.command()
def export(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where cases.csv is written.")],
    config: ConfigFile = DEFAULT_CONFIG,
    days: Annotated[float, typer.Option(min=0.01, max=36_500, help="What was said in so many days.")] = 36_500,
    notes: Annotated[
        bool, typer.Option("--notes", help="With readers' notes: people may have named patients.")
    ] = False,
    images: Annotated[
        bool, typer.Option("--images", help="With links to the images in the spool, whose headers name patients.")
    ] = False,
    key: Annotated[bool, typer.Option("--key", help="With key.csv: which case is which Study Instance UID.")] = False,
) -> None:
    """Write the CTs whose results readers called wrong as a list for `triaged model evaluate`, without patients."""
    from triaged.config.loading import load
    from triaged.daemon.spools import open_spool
    from triaged.lab.evaluation.marked import LIST, Wanted, write_marked
    from triaged.store.studies.marked import Marked
    from triaged.store.studies.spool_name import SpoolName

    settings = load(config)
    with opened_database(settings) as database:
        identity = SpoolName(database).known()
        studies = Marked(database).since(datetime.now(UTC) - timedelta(days=days))
    spool = open_spool(settings.storage, identity)
    wanted = Wanted(notes, images, key)
    written = write_marked(studies, out, wanted, secret=identity or "", kept=spool.absolute)
    typer.echo(f"{written.cases} {'case' if written.cases == 1 else 'cases'} in {out / LIST}.")
    if written.xrays:
        typer.echo(f"{written.xrays} X-rays are left out: `evaluate` takes them by another list (docs/evaluation.md).")
    if images and written.with_images < written.cases:
        typer.echo(f"{written.cases - written.with_images} of them have no images in the spool any more.")
    if written.cases:
        typer.echo(
            "The truth is missing: write the true group of each case in the place of `unknown`; masks are optional."
        )
