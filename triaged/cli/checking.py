"""The command `triaged check`: prints what was tried and what was found, for people or for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from triaged.cli.configuration import say_defaults

_COLOURS = {"ok": "green", "warning": "yellow", "FAILED": "red"}


def check(config: Path, out: Console, *, as_json: bool, only: Sequence[str]) -> bool:
    """Print every row; return whether all passed. What a supervisor hands over is checked in the place of the file.

    Raises:
        ConfigError: the configuration has mistakes, or `only` names no section.
    """
    from triaged.daemon import checks
    from triaged.daemon.handover import handed_over
    from triaged.daemon.logs import configure_logging
    from triaged.daemon.versions import version_of

    version = handed_over()
    if version is None:
        version = version_of(config)
        say_defaults(config)
    settings = version.config
    hide = settings.secrets.hide
    configure_logging(
        settings.logging.level, settings.logging.style, role="command", configuration=version.sha256, hide=hide
    )
    rows = checks.located(checks.check(settings, checks.only_known(only)), version.text, version.path, hide=hide)
    if as_json:
        found = list(rows)
        out.print_json(data={"checks": [asdict(row) for row in found]})
        return all(row.passed for row in found)
    title = f"triaged check --config {version.path}"
    table = Table("", "What", Column("Found", overflow="fold"), title=title, title_justify="left")
    passed = True
    for row in rows:
        passed = passed and row.passed
        found_here = row.found if row.passed else f"{row.found} ({row.at})"
        table.add_row(f"[{_COLOURS[row.state]}]{row.state}[/]", row.what, escape(found_here))
    out.print(table)
    return passed
