"""Writes films of collections into folders for training, those of held-out patients apart; must not know networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from triaged.lab.films.copies import grouped, is_held_out, names_of
from triaged.lab.films.film import save_film
from triaged.lab.films.tables import films_of

TRAINING, HELD_OUT = "training", "held-out"


def write_films(folders: Sequence[Path], out: Path, seed: int) -> Iterator[Path]:
    """Write the films of collections as `OUT/training|held-out/COLLECTION/NAME.npz`, and yield their paths.

    Whoever is one patient by any table or thumbnail is on one side, and has one name in all folders. Which side does
    not depend on whether other collections are there, unless they link two patients.

    Raises:
        ConfigError: a folder is no collection.
    """
    films = [film for folder in folders for film in films_of(folder)]
    for film, group in zip(films, grouped(films, names_of(folders)), strict=True):
        folder = out / (HELD_OUT if is_held_out(group, seed) else TRAINING) / film.source
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{film.name}.npz"
        save_film(replace(film, patient=group), path)
        yield path
