"""The commands of `triaged model`: make training series, train, export, evaluate, accept.

Must not know how any of it is done: each command imports what it needs when it runs, so that the daemon's command line
neither waits for the extra `[lab]` nor needs it installed.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from triaged.lab.evaluation.options import grades
from triaged.lab.packages.options import drift, ensemble, export_package, slice_area
from triaged.lab.training.order import Keeping, Order, source_of
from triaged.lab.training.presets import PresetName, Subject, recipe_of

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED_EXIT_CODE = 130

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
    eleventh: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Slices of one more patient, upside down: ct_lesion_slices_11."),
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

    from triaged.lab.sources.slices import INVERSION, learn_from_series, load_inversion, write_eleventh, write_patients

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    kept = out / INVERSION
    if not kept.exists():
        network = learn_from_series(series or [], steps, np.random.default_rng(seed), typer.echo)
        torch.save(network.state_dict(), kept)
    for path in write_patients(slices, load_inversion(kept), out):
        typer.echo(path.name)
    if eleventh is not None:
        typer.echo(write_eleventh(eleventh, load_inversion(kept), out).name)


@data.command("label-maps")
def data_label_maps(
    slices: Annotated[Path, typer.Option(metavar="FOLDER", help="8-bit slices with masks: ct/, lung/ and lesion/.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the training series go; what is there is kept.")],
    variants: Annotated[int, typer.Option(min=1, help="How many series to draw for each patient.")] = 2,
    seed: Annotated[int, typer.Option(help="The same seed makes the same files.")] = 0,
) -> None:
    """Fill the outlines of the published slices with drawn HU. For non-commercial research only (CC BY-NC-SA 4.0)."""
    from triaged.lab.sources.label_maps import write_label_maps

    for path in write_label_maps(slices, out, variants, seed):
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


@app.command("train")
def train(
    subject: Annotated[Subject, typer.Argument(help="What to train.")],
    data: Annotated[
        list[str], typer.Option(metavar="FOLDER[:SHARE]", help="Training series (.npz); again for more sources.")
    ],
    held_out: Annotated[Path, typer.Option(metavar="FOLDER", help="Series of other patients, to measure on.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where checkpoint.pt, metrics.csv and .png are kept.")],
    leave_out: Annotated[
        list[str] | None, typer.Option(metavar="PATIENT", help="Somebody whose series must not teach.")
    ] = None,
    preset: Annotated[PresetName, typer.Option(help="The paper's recipe, or the project's.")] = PresetName.DEFAULT,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps in all.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Slices, series or cubes per step.")] = None,
    rate: Annotated[float | None, typer.Option(min=0, help="Learning rate at its highest.")] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Channels at full resolution.")] = None,
    levels: Annotated[int, typer.Option(min=2, help="Resolutions of a 2D network.")] = 7,
    network: Annotated[
        str, typer.Option(metavar="DECODER-ENCODER", help="Of members and cascades: fpn-residual, unet-resnet18, …")
    ] = "",
    patch: Annotated[int | None, typer.Option(min=8, help="Edge of the 3D U-Net's cubes in voxels.")] = None,
    variant: Annotated[str, typer.Option(help="What identifies: latent, or spatial-1 to spatial-7.")] = "spatial-1",
    seed: Annotated[int, typer.Option(min=0, help="The same seed trains the same network.")] = 2021,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to learn.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0: torch's choice.")] = 0,
    measure_every: Annotated[int, typer.Option(min=1, help="Steps between measurements and checkpoints.")] = 250,
    most: Annotated[int, typer.Option(min=1, help="Most series to read from each folder.")] = 2000,
    fresh: Annotated[bool, typer.Option("--fresh/--resume", help="Begin again, or go on from a checkpoint.")] = False,
    start_from: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Checkpoint or exported graph (.onnx) to take every fitting tensor from."),
    ] = None,
) -> None:
    """Train a network on folders of training series; Ctrl-C keeps a checkpoint, and the same command goes on."""
    from rich.console import Console

    from triaged.lab.training.run import run

    recipe = recipe_of(subject, preset, steps=steps, batch=batch, rate=rate, width=width, patch_px=patch)
    sources, starts_from = tuple(map(source_of, data)), tuple(start_from or ())
    begin: Literal["fresh", "resume"] = "fresh" if fresh else "resume"
    kept = Keeping(out, begin, starts_from, measure_every)
    without = tuple(leave_out or ())
    order = Order(
        subject, preset, recipe, variant, levels, sources, held_out, most, kept, seed, device, threads, without, network
    )
    if run(order, Console(highlight=False)) < recipe.steps:
        raise typer.Exit(INTERRUPTED_EXIT_CODE)


@app.command("finish")
def finish(
    checkpoints: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of lungs/ and multitask/, both trained.")],
    data: Annotated[list[str], typer.Option(metavar="FOLDER[:SHARE]", help="Series to settle the normalisation on.")],
    identify_with: Annotated[
        list[Path], typer.Option(metavar="FOLDER", help="Series to fit the identification head on.")
    ],
    held_out: Annotated[Path, typer.Option(metavar="FOLDER", help="Series of others, to measure its ranking on.")],
    leave_out: Annotated[
        list[str] | None, typer.Option(metavar="PATIENT", help="Somebody whose series must not teach.")
    ] = None,
    batches: Annotated[int, typer.Option(min=1, help="Batches of 16 slices for the normalisation.")] = 150,
    variants: Annotated[int, typer.Option(min=1, help="Appearances of each series for the head.")] = 2,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the head, 16 series each.")] = 1500,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same networks.")] = 2021,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
) -> None:
    """Settle the normalisation of trained networks and fit the identification head on whole series."""
    import torch

    from triaged.lab.training.finishing import FinishOptions, fit_identification, settle
    from triaged.lab.training.run import read_folder, read_sources

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    options = FinishOptions(batches, variants, steps, seed)
    without = frozenset(leave_out or ())
    settle(checkpoints, read_sources(map(source_of, data), without), options, typer.echo)
    series = [one for folder in identify_with for one in read_folder(folder) if one.patient not in without]
    fit_identification(checkpoints, series, read_folder(held_out), options, typer.echo)


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
    from triaged.lab.evaluation.command import Job
    from triaged.lab.evaluation.command import evaluate as measure

    measure(Job(cases, generated, package, pipeline, config, threads, out, json), _console())


@app.command("accept")
def accept(
    cases: Annotated[Path, typer.Option(metavar="FILE", help="The site's list of cases (CSV), as for evaluate.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the report is written.")] = Path("acceptance"),
    package: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A model package; left out: the configuration's.")
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option(metavar="NAME", help="threshold: the engine without networks.")
    ] = None,
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
    threads: Annotated[
        int | None, typer.Option(min=0, help="CPU threads of a network; 0: the runtime's choice.")
    ] = None,
    config: Annotated[
        Path, typer.Option(envvar="TRIAGED_CONFIG", metavar="FILE", help="The configuration file.")
    ] = Path("config.yaml"),
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
app.command("drift")(drift)
app.command("grades")(grades)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 160)
