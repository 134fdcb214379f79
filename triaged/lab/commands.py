"""The commands of `triaged model`: make training series, train, export, evaluate, accept.

Must not know how any of it is done: each command imports what it needs when it runs, so that the daemon's command line
neither waits for the extra `[lab]` nor needs it installed.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triaged.lab.engine_options import ConfigFile, EngineThreads, PipelineName
from triaged.lab.evaluation.options import features, grades
from triaged.lab.films.options import film_lungs, films
from triaged.lab.packages.options import drift, ensemble, export_package, fit_trees, fit_xray, slice_area
from triaged.lab.radiographs.options import drr
from triaged.lab.sources.options import label_maps, paste, slices
from triaged.lab.table.options import table
from triaged.lab.training.options import ablate, finish, train, truth

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    name="model",
    help="Make, measure and export the networks (needs the extra `lab`).",
    no_args_is_help=True,
    add_completion=False,
)

data = typer.Typer(name="data", help="Make training series and radiographs, one .npz file each.", no_args_is_help=True)
app.add_typer(data)


@app.callback()
def model() -> None:
    """Make, measure and export the networks (needs the extra `lab`)."""


data.command("slices")(slices)
data.command("label-maps")(label_maps)
data.command("paste")(paste)
data.command("drr")(drr)


app.command("train")(train)
app.command("finish")(finish)
app.command("ablate")(ablate)
data.command("truth")(truth)


@app.command("evaluate")
def evaluate(
    cases: Annotated[Path, typer.Option(metavar="FILE", help="The list of cases (CSV).")],
    package: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A model package; left out: the configuration's.")
    ] = None,
    pipeline: PipelineName = None,
    generated: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A list of generated cases, for a column of their own.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where the HTML report is written.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the figures are written.")] = None,
    peers: Annotated[
        str | None, typer.Option(metavar="NAME[,NAME...]", help="X-rays: columns of the list with others' scores.")
    ] = None,
    threads: EngineThreads = None,
    config: ConfigFile = Path("config.yaml"),
) -> None:
    """Measure a package, or the engine without networks, on cases with references."""
    from triaged.lab.evaluation.command import Job, reads_xrays
    from triaged.lab.evaluation.command import evaluate as measure
    from triaged.lab.evaluation.film_command import FilmJob, evaluate_films

    if package is not None and reads_xrays(package):
        named = tuple(name for name in (peers or "").split(",") if name)
        evaluate_films(FilmJob(cases, package, named, threads or 1, json), _console())
        return

    measure(Job(cases, generated, package, pipeline, config, threads, out, json), _console())


@app.command("accept")
def accept(
    cases: Annotated[Path, typer.Option(metavar="FILE", help="The site's list of cases (CSV), as for evaluate.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the report is written.")] = Path("acceptance"),
    package: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A model package; left out: the configuration's.")
    ] = None,
    pipeline: PipelineName = None,
    arrivals: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The site's arrivals (CSV: arrived, priority); else by chance.")
    ] = None,
    load: Annotated[float, typer.Option(min=0.05, max=0.99, help="Share of the readers' time, without a trace.")] = 0.8,
    readers: Annotated[
        str | None, typer.Option(metavar="N[,N...]", help="Readers at any hour, or at each of 24 hours.")
    ] = None,
    prevalence: Annotated[
        float | None, typer.Option(min=0.0001, max=0.9999, help="Share of the site's studies with the disease.")
    ] = None,
    checklist: Annotated[
        Path | None, typer.Option(metavar="FILE", help="How cases were chosen and read (YAML).")
    ] = None,
    days: Annotated[float, typer.Option(min=0.5, help="Days that each replication measures.")] = 14.0,
    replications: Annotated[int, typer.Option(min=2, help="How often the worklist is simulated.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="The same seed simulates the same studies.")] = 1,
    signer: Annotated[str, typer.Option(metavar="NAME", help="Who stands for the report.")] = "",
    date: Annotated[str | None, typer.Option(metavar="DATE", help="What the report says; left out: today.")] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An Ed25519 private key (PEM) that signs the report.")
    ] = None,
    threads: EngineThreads = None,
    config: ConfigFile = Path("config.yaml"),
) -> None:
    """Judge a package on a site's own cases and worklist, and write a sealed report. Never a clinical claim."""
    from triaged.lab.acceptance.command import Engine, Job, Simulated, SiteSaid
    from triaged.lab.acceptance.command import accept as judge
    from triaged.lab.simulation.site import Readers

    said = datetime.now(UTC).date().isoformat() if date is None else date
    staffed = None if readers is None else Readers.parse(readers)
    engine = Engine(package, pipeline, config, threads)
    site = SiteSaid(arrivals, load, staffed, prevalence, checklist)
    judge(Job(cases, engine, site, Simulated(days, replications, seed), signer, said, key, out), _console())


@app.command("verify")
def verify(
    report: Annotated[Path, typer.Argument(metavar="FILE", help="acceptance.json")],
    public_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The signer's public key (PEM); left out: the one beside it.")
    ] = None,
) -> None:
    """Check that an acceptance report is unchanged, and who signed it."""
    from triaged.lab.acceptance.command import check

    check(report, public_key, _console())


app.command("export")(export_package)
app.command("ensemble")(ensemble)
app.command("slice-area")(slice_area)
app.command("fit-trees")(fit_trees)
app.command("fit-xray")(fit_xray)
data.command("films")(films)
data.command("film-lungs")(film_lungs)
app.command("drift")(drift)
app.command("grades")(grades)
app.command("features")(features)
app.command("table")(table)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 160)
