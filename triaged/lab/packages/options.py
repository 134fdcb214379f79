"""The options of `triaged model export`, `ensemble`, `slice-area`, `fit-trees`, `fit-xray` and `drift` for typer.

Must not know how packages are written or tried: each command imports what it needs when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def export_package(
    package: Annotated[Path, typer.Option(metavar="FOLDER", help="The package to write.")],
    checkpoints: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="What training wrote: lungs/, multitask/, identification/.")
    ] = None,
    label: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What the package says about itself (YAML).")
    ] = None,
    weights: Annotated[
        Literal["half", "single"], typer.Option(help="How weights are stored; computation is in single precision.")
    ] = "half",
    int8: Annotated[
        bool, typer.Option("--int8", help="Also write FOLDER-int8, if it finds as much as the package does.")
    ] = False,
    calibrate: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Training series (.npz) that scale 8 bits.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Series of other patients on which the loss is measured.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Write trained networks as a model package and check it; without --checkpoints, take the package that is there."""
    from triaged.lab.packages.commands import export_quantised, export_trained

    if (checkpoints is None) != (label is None):
        raise typer.BadParameter("--checkpoints and --label go together")
    if int8 and (calibrate is None or reference is None):
        raise typer.BadParameter("--int8 needs --calibrate and --reference")
    if checkpoints and label:
        for line in export_trained(checkpoints, label, package, weights, threads):
            typer.echo(line)
    if int8 and calibrate and reference:
        for line in export_quantised(package, calibrate, reference, threads):
            typer.echo(line)


def ensemble(
    label: Annotated[Path, typer.Option(metavar="FILE", help="Who takes part, in which groups (YAML).")],
    package: Annotated[Path, typer.Option(metavar="FOLDER", help="The package to write, beside those of its parts.")],
    tune: Annotated[
        list[Path], typer.Option(metavar="FOLDER", help="Series (.npz) to fit the vote on; never those of a test.")
    ],
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Write an ensemble of packages: fit its vote, and leave out members that do not help."""
    from triaged.lab.packages.ensemble import write_ensemble

    write_ensemble(label, package, tune, threads, typer.echo)


def slice_area(
    package: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A package of kind ct-cascade; its manifest changes.")
    ],
    tune: Annotated[
        list[Path], typer.Option(metavar="FOLDER", help="Series (.npz) to fit the area on; never those of a test.")
    ],
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Fit the area of lesion from which a slice counts as positive."""
    from triaged.lab.packages.slice_area import write_slice_area

    write_slice_area(package, tune, threads, typer.echo)


def fit_trees(
    features: Annotated[Path, typer.Option(metavar="FILE", help="Features to learn from, of triaged model features.")],
    tune: Annotated[Path, typer.Option(metavar="FILE", help="Features of other people, to calibrate on.")],
    label: Annotated[Path, typer.Option(metavar="FILE", help="What the package says about itself (YAML).")],
    package: Annotated[Path, typer.Option(metavar="FOLDER", help="The package to write, beside that of the reader.")],
    reader: Annotated[str, typer.Option(metavar="NAME", help="The package that finds the lungs.")] = "ct-open",
    test: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Features of further people: measured on, never fitted to.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of halves, folds and trees.")] = 2021,
) -> None:
    """Fit trees to radiomic features and write them as a package that explains its probability."""
    from triaged.lab.packages.trees import Fitting
    from triaged.lab.packages.trees import fit_trees as fit

    fit(Fitting(features, tune, test, label, package, reader, seed), typer.echo)


def fit_xray(
    package: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A package of kind cxr-two-stage; its manifest changes.")
    ],
    tune: Annotated[
        list[Path], typer.Option(metavar="FOLDER", help="Films to fit on, of people that are not trained on.")
    ],
    scores: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Readers' scores of films (CSV image,score): fits the zones.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Fit thresholds, gate, zones, the map from extent to volume and its scatter of a package for chest X-rays."""
    from triaged.lab.packages.two_stage_fit import fit_two_stage

    fit_two_stage(package, tune, scores, threads, typer.echo)


def drift(
    package: Annotated[Path, typer.Option(metavar="FOLDER", help="The package to try.")],
    images: Annotated[
        list[Path] | None, typer.Option(metavar="PATH", help="A series with thin slices: DICOM folder or .nii.gz.")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Draw this phantom with slices of 1 mm.")] = None,
    severity: Annotated[
        Literal["none", "mild", "moderate", "severe"], typer.Option(help="How much disease a phantom shows.")
    ] = "moderate",
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the figures are written.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads of a network; 0: the runtime's choice.")] = 0,
) -> None:
    """Tell how far severity drifts with slice thickness, kernel, noise and field of view on the same anatomy."""
    from rich.console import Console

    from triaged.lab.packages.commands import Trial, tabulate_drift

    tabulate_drift(
        Trial(package, tuple(images or ()), tuple(seed or ()), severity, threads), json, Console(highlight=False)
    )
