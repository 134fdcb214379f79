"""The commands of `triaged model`: make training series, train, export, evaluate, accept.

Must not know how any of it is done: each command imports what it needs when it runs, so that the daemon's command line
neither waits for the extra `[lab]` nor needs it installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="model",
    help="Make, measure and export the networks (needs the extra `lab`).",
    no_args_is_help=True,
    add_completion=False,
)
data = typer.Typer(name="data", help="Make training series, one .npz file each.", no_args_is_help=True)
app.add_typer(data)


@app.callback()
def model() -> None:
    """Make, measure and export the networks (needs the extra `lab`)."""


@data.command("slices")
def data_slices(
    slices: Annotated[Path, typer.Option(metavar="FOLDER", help="8-bit slices with masks: ct/, lung/ and lesion/.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the training series are written.")],
    series: Annotated[
        list[Path] | None, typer.Option(metavar="FOLDER", help="A DICOM chest CT to learn the recipe's undoing from.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of that learning, 8 slices each.")] = 1500,
    seed: int = 1,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Turn the published 8-bit slices of ten COVID-19 patients into HU. For non-commercial research only.

    What was learnt about the recipe is kept as inversion.pt beside the series, and used again where it is found.
    """
    import numpy as np
    import torch

    from triaged.lab.sources.slices import INVERSION, learn_from_series, load_inversion, write_patients

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    kept = out / INVERSION
    if not kept.exists():
        network = learn_from_series(series or [], steps, np.random.default_rng(seed), typer.echo)
        torch.save(network.state_dict(), kept)
    for path in write_patients(slices, load_inversion(kept), out):
        typer.echo(path.name)


@data.command("paste")
def data_paste(
    normals: Annotated[
        list[Path],
        typer.Option(metavar="FOLDER", help="Scans without disease: one DICOM series, or subfolders with one each."),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the training series go; what is there is kept.")],
    count: Annotated[int, typer.Option(min=1, help="How many series to make.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed makes the same files.")] = 0,
    infected: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV slice_from_cranial,infected: slices with lesions of their own."),
    ] = None,
) -> None:
    """Paste generated lesions into real scans without disease."""
    from triaged.lab.sources.normals import normals_in
    from triaged.lab.sources.paste import write_pasted

    scans = [scan for folder in normals for scan in normals_in(folder, infected)]
    for done, path in enumerate(write_pasted(scans, out, count, seed), start=1):
        typer.echo(f"{done}/{count} {path.name}")


@app.command("evaluate")
def evaluate(
    cases: Annotated[Path, typer.Option(metavar="FILE", help="The list of cases (CSV).")],
    package: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A model package; left out: the configuration's.")
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option(metavar="NAME", help="threshold: the engine without networks.")
    ] = None,
    generated: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A list of generated cases, for a column of their own.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where the HTML report is written.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the figures are written.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=0, help="CPU threads of a network; 0: the runtime's choice.")
    ] = None,
    config: Annotated[
        Path, typer.Option(envvar="TRIAGED_CONFIG", metavar="FILE", help="The configuration file.")
    ] = Path("config.yaml"),
) -> None:
    """Measure a package, or the engine without networks, on cases with references."""
    from rich.console import Console

    from triaged.lab.evaluation.command import Job
    from triaged.lab.evaluation.command import evaluate as measure

    measure(Job(cases, generated, package, pipeline, config, threads, out, json), Console(highlight=False))
