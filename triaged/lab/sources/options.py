"""The options of `triaged model data slices`, `label-maps` and `paste`, as the command line takes them.

Must not know how series are made: each command imports what it needs when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def slices(
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


def label_maps(
    slices: Annotated[Path, typer.Option(metavar="FOLDER", help="8-bit slices with masks: ct/, lung/ and lesion/.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the training series go; what is there is kept.")],
    variants: Annotated[int, typer.Option(min=1, help="How many series to draw for each patient.")] = 2,
    seed: Annotated[int, typer.Option(help="The same seed makes the same files.")] = 0,
) -> None:
    """Fill the outlines of the published slices with drawn HU. For non-commercial research only (CC BY-NC-SA 4.0)."""
    from triaged.lab.sources.label_maps import write_label_maps

    for path in write_label_maps(slices, out, variants, seed):
        typer.echo(path.name)


def paste(
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
    negative: Annotated[
        bool, typer.Option("--negative", help="No viral lesions: other diseases, and in one of seven series none.")
    ] = False,
) -> None:
    """Paste generated lesions into real scans without disease."""
    from triaged.lab.sources.normals import normals_in
    from triaged.lab.sources.paste import write_pasted

    scans = [scan for folder in normals for scan in normals_in(folder, infected)]
    for done, path in enumerate(write_pasted(scans, out, count, seed, negative=negative), start=1):
        typer.echo(f"{done}/{count} {path.name}")
