"""The command `triaged config`: the commented configuration that comes with the program.

Knows nothing of the settings themselves.
"""

from __future__ import annotations

import typer

app = typer.Typer(name="config", help="Show what can be configured.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """Show what can be configured."""


@app.command()
def example() -> None:
    """Print a configuration file with every setting, its default and what it means, to start from."""
    from triaged.config.shipped import shipped

    typer.echo(shipped("config.yaml").read_text(encoding="utf-8"), nl=False)
