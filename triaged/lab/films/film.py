"""One frontal chest X-ray with what is known of it, as one `.npz` file; must not know where a film comes from.

A film is a square of `SIDE` pixels that shows the whole picture as the first stage sees it, the patient's right on its
left. What is not known is said, and teaches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from triaged.errors import ConfigError

SIDE: Final = 512
RIGHT, LEFT, AFFECTED, SOLID, UNSURE = 1, 2, 4, 8, 16
"""Bits of `Film.labels`: the patient's lungs, what of them is affected, consolidated, and what must not teach that."""
ZONES: Final = 6
UNREADABLE: Final = (OSError, KeyError, ValueError, EOFError, BadZipFile)

Lungs = Literal["drawn", "exact", "found", "none"]
"""Who says where the lungs are: a reader, the CT that a film was made from, a network, or nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A chest X-ray with what is known of it.

    Attributes:
        grey: (row, column), 0 to 255: `exams.xray.squares.normalised`, dense bright.
        labels: (row, column), the bits above.
        added_mm: (row, column), water equivalent that lesion adds to the ray, in mm up to 255; 0 where not known.
        lungs: whence the lungs are known.
        affected_known: whether the affected area is known.
        presence: probability that there is any opacity as far as is known without looking; NaN where nothing is.
        share: affected share of the worse lung's volume; NaN where not known, and where other opacities are.
        score: how many of the six zones readers call affected, 0 to 6; NaN where not known.
        zones: (6,), which share of the readers sees opacity in each zone: the right lung's from upper to lower, then
            the left one's; NaN where not known.
        name: of the film in its source.
        patient: a pseudonym; films that share it must stay on one side of any split.
        source: the folder that the film comes from.
    """

    grey: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    added_mm: NDArray[np.uint8]
    lungs: Lungs
    affected_known: bool
    presence: float
    share: float
    score: float
    zones: NDArray[np.float32]
    name: str
    patient: str
    source: str

    @property
    def both(self) -> NDArray[np.bool_]:
        """Where either lung is."""
        return self.labels & (RIGHT | LEFT) > 0

    def with_lungs(self, right: NDArray[np.bool_], left: NDArray[np.bool_]) -> Film:
        """Return the film with lungs that a network found."""
        kept = self.labels & ~np.uint8(RIGHT | LEFT)
        labels = kept | (RIGHT * right).astype(np.uint8) | (LEFT * (left & ~right)).astype(np.uint8)
        return replace(self, labels=labels, lungs="found")


def save_film(film: Film, path: Path) -> None:
    """Write a film; a half-written file never carries the final name."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        values = {each.name: np.asarray(getattr(film, each.name)) for each in fields(film)}
        np.savez_compressed(file, **values)  # type: ignore[arg-type]
    part.rename(path)


def load_film(path: Path) -> Film:
    """Return the film of a file.

    Raises:
        ConfigError: the file is missing or no film.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            values = {each.name: stored[each.name] for each in fields(Film)}
    except UNREADABLE as error:
        raise ConfigError(f"{path}: expected a film, found {error!r}") from error
    return Film(**{name: value if value.ndim else value.item() for name, value in values.items()})


def films_in(folder: Path) -> list[Film]:
    """Return the films in a folder and below it, in the order of their paths.

    Raises:
        ConfigError: there is none, or one cannot be read.
    """
    paths = sorted(folder.rglob("*.npz"))
    if not paths:
        raise ConfigError(f"{folder}: expected films (*.npz), found {'none' if folder.is_dir() else 'no folder'}")
    return [load_film(path) for path in paths]
