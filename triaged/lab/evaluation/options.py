"""The options of `triaged model grades`, as the command line takes them.

Must not know how cut-offs are fitted: the command imports what it needs when it runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def grades(
    cases: Annotated[Path, typer.Option(metavar="FILE", help="Cases with readers' grades (CSV): docs/evaluation.md.")],
    package: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The package that measures images without a severity.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=0, help="CPU threads of a network; 0: the runtime's choice.")
    ] = None,
    config: Annotated[
        Path, typer.Option(envvar="TRIAGED_CONFIG", metavar="FILE", help="The configuration file.")
    ] = Path("config.yaml"),
) -> None:
    """Fit the cut-offs of the computed grade to readers' grades, and print them for config.yaml."""
    from rich.console import Console

    from triaged.config.loading import load
    from triaged.config.settings import Config
    from triaged.lab.evaluation.command import Job, prepare
    from triaged.lab.evaluation.grades import grades as fit

    in_force = (load(config) if config.exists() else Config()).triage.grade_cut_offs
    job = Job(cases, None, package, None, config, threads, None, None)
    fit(cases, lambda: prepare(job), in_force, Console(highlight=False, width=None if sys.stdout.isatty() else 160))
