"""The command `triaged sites`: what is left of each site, and whether a drained one can be taken away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, opened_database

if TYPE_CHECKING:
    from triaged.web.sites import SiteRow


def sites(
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say of each site what waits, is being scored and is undelivered, and of a drained one when nothing is left."""
    from triaged.daemon.logs import configure_logging
    from triaged.daemon.versions import version_to_run
    from triaged.store.studies.left_of_sites import LeftOfSites
    from triaged.web.sites import site_rows

    settings = version_to_run(config).config
    configure_logging(settings.logging.level, settings.logging.style, role="command", hide=settings.secrets.hide)
    with opened_database(settings) as database:
        rows = site_rows(settings.ruled().sites, LeftOfSites(database).all())
    if as_json:
        typer.echo(json.dumps([_item(row) for row in rows], indent=2))
        return
    if not rows:
        typer.echo("The configuration names no sites.")
        return
    table = Table("Site", "Title", "Share", "Arriving", "Waiting", "Being scored", "Undelivered", "Given up", "Left")
    for row in rows:
        left = row.left
        numbers = left.arriving, left.waiting, left.scoring, left.undelivered, left.given_up
        table.add_row(*map(escape, (row.name, row.title, str(row.share), *map(str, numbers), row.words)))
    Console(highlight=False, width=160).print(table)


def _item(row: SiteRow) -> dict[str, object]:
    left = row.left
    return {
        "site": row.name,
        "title": row.title,
        "share": row.share,
        "drained": row.drained,
        "arriving": left.arriving,
        "waiting": left.waiting,
        "scoring": left.scoring,
        "following": left.following,
        "undelivered": left.undelivered,
        "given_up": left.given_up,
        "nothing_left": left.is_nothing,
    }
