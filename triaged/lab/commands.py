"""The commands of `triaged model`: make training series, train, export, evaluate, accept.

Must not know how any of it is done: each command imports what it needs when it runs, so that the daemon's command line
neither waits for the extra `[lab]` nor needs it installed.
"""

from __future__ import annotations

import typer

app = typer.Typer(
    name="model",
    help="Make, measure and export the networks (needs the extra `lab`).",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def model() -> None:
    """Make, measure and export the networks (needs the extra `lab`)."""
