"""The options of `triaged model table`, as the command line takes them.

Must not know how a table is made: the command imports what it needs when it runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from triaged.lab.table.methods import STEPS
from triaged.lab.training.order import source_of

INTERRUPTED_EXIT_CODE = 130


def table(
    runs: Annotated[Path, typer.Option(metavar="FOLDER", help="Where trainings are kept, and looked for.")],
    data: Annotated[list[str], typer.Option(metavar="FOLDER[:SHARE]", help="Training series (.npz).")],
    held_out: Annotated[Path, typer.Option(metavar="FOLDER", help="Series of others, watched while training.")],
    test: Annotated[Path, typer.Option(metavar="FOLDER", help="Series of others again, to measure on.")],
    real: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Patients' slices (.npz of model data slices), or a whole scan (DICOM)."),
    ] = None,
    package: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Kind ct-multitask: where to start, and the last row.")
    ] = None,
    seeds: Annotated[str, typer.Option(metavar="N[,N...]", help="Of the trainings, one run each.")] = "2021",
    steps: Annotated[int, typer.Option(min=1, help="Of networks of slices, 12 each; others see as much.")] = STEPS,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the figures are put (Markdown), between their marks.")
    ] = None,
) -> None:
    """Train and measure the paper's methods under one protocol; the same command goes on after an interruption."""
    from rich.console import Console

    from triaged.config.shipped import shipped
    from triaged.lab.evaluation.command import DEFAULT_PACKAGE
    from triaged.lab.table.command import make_table
    from triaged.lab.table.order import TableOrder

    order = TableOrder(
        runs,
        tuple(map(source_of, data)),
        held_out,
        test,
        tuple(real or ()),
        package or shipped("onnx_models") / DEFAULT_PACKAGE,
        _seeds(seeds),
        steps,
        threads,
        out,
    )
    if not make_table(order, Console(highlight=False, width=None if sys.stdout.isatty() else 160)):
        raise typer.Exit(INTERRUPTED_EXIT_CODE)


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(each) for each in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--seeds: expected whole numbers with commas between them, found {text}") from None
