"""The options of `triaged model data films` and `triaged model data film-lungs`, as the command line takes them.

Must not know how films are read: each command imports what it needs when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def films(
    collection: Annotated[
        list[Path],
        typer.Option(metavar="FOLDER", help="A collection of chest X-rays, or radiographs made from CT."),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where training/ and held-out/ are written.")],
    seed: Annotated[int, typer.Option(help="Decides which fifth of the patients is held out.")] = 13,
) -> None:
    """Turn chest X-rays into films for training, whoever is one patient on one side of the split."""
    from triaged.lab.films.archive import write_films

    written = [path.parent.parent.name for path in write_films(collection, out, seed)]
    for side in sorted(set(written)):
        typer.echo(f"{side}: {written.count(side)} films")


def film_lungs(
    films: Annotated[list[Path], typer.Option(metavar="FOLDER", help="Films; those that nobody outlined change.")],
    checkpoint: Annotated[Path, typer.Option(metavar="FOLDER", help="What `train cxr-lungs` left.")],
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Find the lungs of films that nobody outlined, for the second stage to learn on."""
    import torch

    from triaged.lab.packages.two_stage import read_film_network
    from triaged.lab.training.film_lungs import find_lungs
    from triaged.lab.training.presets import Subject

    torch.set_num_threads(threads)
    network = read_film_network(checkpoint, Subject.CXR_LUNGS)
    for folder in films:
        typer.echo(f"{folder}: lungs found on {find_lungs(network, folder, typer.echo)} films")
