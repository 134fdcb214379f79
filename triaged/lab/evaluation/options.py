"""The options of `triaged model grades` and `features`, as the command line takes them.

Must not know how cut-offs are fitted or features computed: each command imports what it needs when it runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from triaged.lab.engine_options import ConfigFile, EngineThreads
from triaged.lab.evaluation.families import Family


def grades(
    cases: Annotated[Path, typer.Option(metavar="FILE", help="Cases with readers' grades (CSV): docs/evaluation.md.")],
    package: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The package that measures images without a severity.")
    ] = None,
    threads: EngineThreads = None,
    config: ConfigFile = Path("config.yaml"),
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


def features(
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the features are written (CSV), a line per case.")],
    cases: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The list of cases (CSV), as for evaluate.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(metavar="FOLDER", help="Training series (.npz); their disease is the group.")
    ] = None,
    package: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The package that finds the lungs; left out: ct-open.")
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option(metavar="NAME", help="threshold: the engine without networks finds the lungs.")
    ] = None,
    family: Annotated[
        Family, typer.Option(help="lungs: 394 radiomic features; lesions: 24 of what is affected; all of them.")
    ] = Family.ALL,
    threads: EngineThreads = None,
    config: ConfigFile = Path("config.yaml"),
) -> None:
    """Compute features of the lungs and lesions of each case; the same command goes on with a file that is there."""
    from rich.console import Console

    from triaged.lab.evaluation.cases import read_cases
    from triaged.lab.evaluation.command import Job, prepare
    from triaged.lab.evaluation.features import write_features
    from triaged.lab.evaluation.series import series_cases

    if cases is None and not data:
        raise typer.BadParameter("expected --cases or --data, found neither")
    job = Job(cases or out, None, package, pipeline, config, threads, None, None)
    listed = [*(read_cases(cases) if cases else ()), *(each for one in data or () for each in series_cases(one))]
    missing = write_features(listed, prepare(job).pipeline, out, Console(highlight=False), family)
    typer.echo(f"{out}: {len(listed)} cases" + (f", {missing} without features" if missing else ""))
