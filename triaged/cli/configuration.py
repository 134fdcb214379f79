"""How commands get at the configuration and the store, and the command `triaged config`, which prints a commented one.

Knows nothing of the settings themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from triaged.config.settings import Config
    from triaged.store.tables.database import Database

ConfigFile = Annotated[
    Path, typer.Option("--config", envvar="TRIAGED_CONFIG", metavar="FILE", help="The configuration file.")
]
DEFAULT_CONFIG = Path("config.yaml")

app = typer.Typer(name="config", help="Show what can be configured, and what was.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """Show what can be configured, and what was."""


@app.command()
def example() -> None:
    """Print a configuration file with every setting, its default and what it means, to start from."""
    from triaged.config.shipped import shipped

    typer.echo(shipped("config.yaml").read_text(encoding="utf-8"), nl=False)


def say_defaults(path: Path) -> None:
    """Say that every setting has its default, where nobody named a file and there is none."""
    from triaged.config.loading import is_absent_default

    if is_absent_default(path):
        words = f"No {path} here: every setting has its default (triaged config example prints them)."
        typer.echo(words, err=True)


@contextmanager
def opened_database(settings: Config) -> Iterator[Database]:
    """Open the store; one of another schema is refused, since a daemon may be at work on it."""
    from triaged.daemon.upgrading import demand_current
    from triaged.store.tables.database import open_database

    database = open_database(settings.database.url)
    try:
        demand_current(database)
        yield database
    finally:
        database.close()
