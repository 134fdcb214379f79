"""The command `triaged phantom`: parses, calls, prints.

Must not know how a phantom is drawn; what draws is imported when the command runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

SeverityName = Literal["none", "mild", "moderate", "severe"]
DiseaseName = Literal[
    "none", "viral", "bacterial", "bronchopneumonia", "oedema", "fibrosis", "nodules", "mass", "effusion", "atelectasis"
]
KernelName = Literal["soft", "medium", "sharp"]
TrendName = Literal["worse", "stable", "better"]

FIELD_OF_VIEW_MM = 371.2


def phantom(
    out_dir: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the instances are written.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same study.")] = 1,
    severity: Annotated[SeverityName, typer.Option(help="How much disease it shows.")] = "moderate",
    disease: Annotated[DiseaseName, typer.Option(help="Which disease; only a viral one has a severity.")] = "viral",
    kernel: Annotated[KernelName, typer.Option(help="How sharp and noisy the images are.")] = "medium",
    slice_mm: Annotated[float, typer.Option(min=0.5, max=10, help="Thickness of a slice.")] = 4.0,
    increment_mm: Annotated[float, typer.Option(min=0.5, max=12, help="Distance of slices.")] = 4.0,
    matrix: Annotated[int, typer.Option(min=64, max=768, help="Rows and columns of an image.")] = 256,
    follow_up: Annotated[
        TrendName | None, typer.Option(help="Adds a second scan, a week later, in follow_up/.")
    ] = None,
    truth: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Where the truth is written.")] = None,
    masks: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where its masks are written, as NIfTI.")] = None,
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="Not needed here.")] = Path("config.yaml"),
) -> None:
    """Generate a chest CT study to try the daemon with; no patient is in it."""
    del config  # every command takes it; this one needs nothing from it
    from triaged.lab.phantom.study import StudyOrder, write_masks, write_order, write_truth

    order = StudyOrder(
        seed=seed,
        severity=severity,
        disease=disease,
        matrix=matrix,
        pixel_mm=FIELD_OF_VIEW_MM / matrix,
        slice_mm=slice_mm,
        increment_mm=increment_mm,
        kernel=kernel,
    )
    written = write_order(order, out_dir, ("localizer",), follow_up)
    if truth is not None:
        write_truth(truth, [each.drawing for each in written])
    if masks is not None:
        for folder, each in zip((masks, masks / "follow_up"), written, strict=False):
            write_masks(folder, each.drawing)
    typer.echo(f"{sum(len(each.paths) for each in written)} instances in {out_dir}")
