"""The options of `triaged model data drr`, as the command line takes them.

Must not know how radiographs are made: the command imports what it needs when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

LARGEST_SHARE: Final = 0.95


def drr(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the radiographs go; what is there is kept.")],
    count: Annotated[int, typer.Option(min=1, help="How many chests to draw, or to make of each scan.")] = 100,
    first_seed: Annotated[int, typer.Option(min=0, help="Seeds rise from here; equal seeds, equal files.")] = 0,
    views: Annotated[int, typer.Option(min=1, max=16, help="Radiographs of each chest.")] = 4,
    size: Annotated[int, typer.Option(min=128, max=2048, help="Pixels of a side.")] = 640,
    severity: Annotated[
        str | None,
        typer.Option(
            metavar="LEAST:MOST",
            help="Draw viral pneumonia alone, the worse lung's share between these; in a folder of its own.",
        ),
    ] = None,
    scans: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Chest CTs to paste lesions into, instead of generated patients."),
    ] = None,
    infected: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV slice_from_cranial,infected: slices with lesions of their own."),
    ] = None,
) -> None:
    """Make radiographs with exact truth from generated chests, or from real scans with pasted lesions."""
    import time

    from triaged.lab.radiographs.make import write_generated, write_pasted
    from triaged.lab.sources.normals import normals_in

    started = time.monotonic()
    if scans and severity:
        raise typer.BadParameter("--severity is for generated patients, not for --scans")
    if scans:
        found = [scan for folder in scans for scan in normals_in(folder, infected)]
        total, paths = count * len(found), write_pasted(out, found, count, first_seed, views, size)
    else:
        total, paths = count, write_generated(out, count, first_seed, views, size, _shares(severity))
    for done, path in enumerate(paths, start=1):
        typer.echo(f"{done}/{total * views} {path.name} {time.monotonic() - started:.0f} s")


def _shares(severity: str | None) -> tuple[float, float] | None:
    """Return the two shares of LEAST:MOST; a phantom's lung is diseased in `LARGEST_SHARE` at most."""
    if severity is None:
        return None
    try:
        least, most = (float(part) for part in severity.split(":"))
    except ValueError:
        least, most = 1.0, 0.0
    if not 0 <= least <= most <= LARGEST_SHARE:
        raise typer.BadParameter(f"--severity: expected LEAST:MOST in 0 to {LARGEST_SHARE:g}, found {severity}")
    return least, most
