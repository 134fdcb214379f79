"""Finds films that show one patient, whatever folders they stand in, and puts each patient on one side of a split.

Films belong together that name one patient, that are one picture by the name of the file it was published as, or whose
thumbnails are all but equal. Must not know networks.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from triaged.lab.films.film import Film

THUMBNAIL: Final = 32
SAME: Final = 0.985
"""Correlation of two thumbnails from which they show one picture; two chests reach .96."""
HELD_OUT: Final = 0.2


def thumbnail(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a small picture without its fine detail, of mean 0 and length 1, as one row of numbers."""
    small = cv2.resize(grey.astype(np.float32), (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), dtype=np.float32)


def names_of(folders: Iterable[Path]) -> list[frozenset[str]]:
    """Return the names that the tables of collections give to one patient or picture, one set a row.

    A film of a collection is named `FOLDER/IMAGE`; a picture `file:` and the name without suffix under which it was
    published; everything else is a patient.
    """
    sets = []
    for folder in folders:
        table = folder / "cases.csv"
        if not table.exists():
            continue
        with table.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                names = {f"{folder.name}/{Path(row['image']).stem}"}
                published = row.get("file") or (row["image"] if folder.name == "cxr_outcomes" else "")
                if published:
                    names.add(f"file:{Path(published).stem.lower()}")
                if row.get("hannover_patient"):
                    names.add(f"hannover:{row['hannover_patient']}")
                sets.append(frozenset(names))
    return sets


def grouped(films: Sequence[Film], known: Iterable[frozenset[str]] = ()) -> list[str]:
    """Return the name of each film's group: the first of all names of those that belong together."""
    parent: dict[str, str] = {}
    for film in films:
        _join(parent, _own(film), film.patient)
    for names in known:
        first, *others = sorted(names)
        for other in others:
            _join(parent, first, other)
    for here, there in _same(films):
        _join(parent, _own(films[here]), _own(films[there]))
    return [_root(parent, _own(film)) for film in films]


def is_held_out(group: str, seed: int, share: float = HELD_OUT) -> bool:
    """Tell whether a group is left out of training: the same answer for the same seed, whoever else is there."""
    digest = hashlib.sha256(f"{seed}/{group}".encode()).digest()
    return int.from_bytes(digest[:6]) < share * 2**48


def _own(film: Film) -> str:
    return f"{film.source}/{film.name}"


def _same(films: Sequence[Film]) -> Iterable[tuple[int, int]]:
    """Yield pairs of films of collections whose thumbnails are all but equal."""
    real = [index for index, film in enumerate(films) if film.lungs != "exact"]
    if not real:
        return
    every = np.stack([thumbnail(films[index].grey) for index in real])
    for one, other in np.argwhere(np.triu(every @ every.T, 1) >= SAME):
        yield real[int(one)], real[int(other)]


def _root(parent: Mapping[str, str], name: str) -> str:
    while name in parent:
        name = parent[name]
    return name


def _join(parent: dict[str, str], one: str, other: str) -> None:
    first, second = sorted((_root(parent, one), _root(parent, other)))
    if first != second:
        parent[second] = first
