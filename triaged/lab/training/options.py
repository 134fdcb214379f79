"""The options of `triaged model train` and `finish`, as the command line takes them.

Must not know how networks learn: each command imports what it needs when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from triaged.lab.training.order import Keeping, MtlChoices, Order, Shifting, Weighing, source_of
from triaged.lab.training.presets import PresetName, Subject, recipe_of

INTERRUPTED_EXIT_CODE = 130

_Data = Annotated[
    list[str], typer.Option(metavar="FOLDER[:SHARE]", help="Training series (.npz); again for more sources.")
]
_HeldOut = Annotated[Path, typer.Option(metavar="FOLDER", help="Series of other patients, to measure on.")]
_Out = Annotated[Path, typer.Option(metavar="FOLDER", help="Where checkpoint.pt, metrics.csv and .png are kept.")]
_LeaveOut = Annotated[list[str] | None, typer.Option(metavar="PATIENT", help="Somebody whose series must not teach.")]
_Network = Annotated[
    str, typer.Option(metavar="DECODER-ENCODER", help="Of members and cascades: fpn-residual, unet-resnet18, …")
]
_StartFrom = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Checkpoint or exported graph (.onnx) to take every fitting tensor from."),
]
_Labels = Annotated[Path | None, typer.Option(metavar="FILE", help="Of mtl: what is known of each series (CSV).")]
_Features = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Of mtl: what `triaged model features` wrote; left out: none.")
]
_Shift = Annotated[Shifting, typer.Option(help="Of mtl: how features are shifted, as in paper or code.")]
_Weigh = Annotated[Weighing, typer.Option(help="Of mtl: how much each task counts in a batch.")]


def train(
    subject: Annotated[Subject, typer.Argument(help="What to train.")],
    data: _Data,
    held_out: _HeldOut,
    out: _Out,
    leave_out: _LeaveOut = None,
    preset: Annotated[PresetName, typer.Option(help="The paper's recipe, or the project's.")] = PresetName.DEFAULT,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps in all.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Slices, series or cubes per step.")] = None,
    rate: Annotated[float | None, typer.Option(min=0, help="Learning rate at its highest.")] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Channels at full resolution.")] = None,
    levels: Annotated[int, typer.Option(min=2, help="Resolutions of a 2D network.")] = 7,
    network: _Network = "",
    patch: Annotated[int | None, typer.Option(min=8, help="Edge of the 3D U-Net's cubes in voxels.")] = None,
    variant: Annotated[str, typer.Option(help="What identifies: latent, or spatial-1 to spatial-7.")] = "spatial-1",
    labels: _Labels = None,
    features: _Features = None,
    shift: _Shift = "paper",
    weigh: _Weigh = "random",
    seed: Annotated[int, typer.Option(min=0, help="The same seed trains the same network.")] = 2021,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to learn.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0: torch's choice.")] = 0,
    measure_every: Annotated[int, typer.Option(min=1, help="Steps between measurements and checkpoints.")] = 250,
    most: Annotated[int, typer.Option(min=1, help="Most series to read from each folder.")] = 2000,
    fresh: Annotated[bool, typer.Option("--fresh/--resume", help="Begin again, or go on from a checkpoint.")] = False,
    start_from: _StartFrom = None,
) -> None:
    """Train a network on folders of training series; Ctrl-C keeps a checkpoint, and the same command goes on."""
    from rich.console import Console

    from triaged.lab.training.run import run

    recipe = recipe_of(subject, preset, steps=steps, batch=batch, rate=rate, width=width, patch_px=patch)
    sources, starts_from = tuple(map(source_of, data)), tuple(start_from or ())
    begin: Literal["fresh", "resume"] = "fresh" if fresh else "resume"
    kept = Keeping(out, begin, starts_from, measure_every)
    without = tuple(leave_out or ())
    mtl = MtlChoices(labels, features, shift, weigh) if labels else None
    runs = seed, device, threads
    order = Order(subject, preset, recipe, variant, levels, sources, held_out, most, kept, *runs, without, network, mtl)
    if run(order, Console(highlight=False)) < recipe.steps:
        raise typer.Exit(INTERRUPTED_EXIT_CODE)


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


def truth(
    data: Annotated[list[Path], typer.Option(metavar="FOLDER", help="Generated series (.npz); again for more.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The labels to write (CSV).")],
) -> None:
    """Write what is known of generated series as labels for `triaged model train mtl`."""
    from triaged.lab.training.mtl_truth import write_truth

    typer.echo(f"{out}: {write_truth(data, out)} series")


def ablate(
    data: _Data,
    held_out: _HeldOut,
    labels: Annotated[Path, typer.Option(metavar="FILE", help="What is known of each series (CSV).")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where each training is kept, in a folder of its own.")],
    features: _Features = None,
    shift: Annotated[Literal["paper", "code"], typer.Option(help="How features are shifted.")] = "paper",
    seed: Annotated[list[int] | None, typer.Option(min=0, help="Of a training; again for more, at least two.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of each training.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Series per step.")] = None,
    rate: Annotated[float | None, typer.Option(min=0, help="Learning rate at its highest.")] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Channels after the first convolution.")] = None,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to learn.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0: torch's choice.")] = 0,
) -> None:
    """Train COVID-MTL with and without Shift3D and random weights; the same command goes on where it was stopped."""
    from rich.console import Console

    from triaged.lab.training.mtl_ablation import FIGURES, arms, told
    from triaged.lab.training.mtl_ablation import ablate as train_all

    seeds = seed or [1, 2, 3]
    if len(set(seeds)) < 2:
        raise typer.BadParameter("--seed: expected at least two that differ, for a standard deviation")
    recipe = recipe_of(Subject.MTL, PresetName.DEFAULT, steps=steps, batch=batch, rate=rate, width=width)
    kept = Keeping(out, "resume", (), recipe.steps)
    sources, runs = tuple(map(source_of, data)), (seeds[0], device, threads)
    mtl = MtlChoices(labels, features)
    order = Order(Subject.MTL, PresetName.DEFAULT, recipe, "", 7, sources, held_out, 2000, kept, *runs, mtl=mtl)
    try:
        found = train_all(order, arms(shift), seeds, Console(highlight=False))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED_EXIT_CODE) from None
    typer.echo(f"| | {' | '.join(name for name in FIGURES)} |\n|---|---|---|---|")
    for line in told(found):
        typer.echo(line)
