"""Finds the lungs of films that nobody outlined, with a trained first stage; must not know how it learnt.

The second stage learns on them; they are found and cleaned as the daemon does it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from triaged.errors import UnreadableStudy
from triaged.exams.xray.pipelines.lungs import lungs_of
from triaged.lab.films.film import Film, load_film, save_film
from triaged.lab.networks.two_stage import Halved

THRESHOLD = 0.5


def with_lungs(network: nn.Module, film: Film) -> Film | None:
    """Return a film with the lungs that the network of the first stage finds, None where it finds no two."""
    picture = torch.from_numpy(film.grey.astype(np.float32) / 255)[None, None]
    with torch.no_grad():
        probability = Halved(network)(picture)[0].sigmoid().numpy()
    try:
        lungs = lungs_of(probability, THRESHOLD, is_frontal=True)
    except UnreadableStudy:
        return None
    return film.with_lungs(lungs.right, lungs.left)


def find_lungs(network: nn.Module, folder: Path, report: Callable[[str], None]) -> int:
    """Write the lungs into every film of a folder that has none of a reader's or a CT's, and return how many.

    A film without two lungs stays as it is.
    """
    network.eval()
    found = 0
    for path in sorted(folder.rglob("*.npz")):
        film = load_film(path)
        if film.lungs not in ("none", "found"):
            continue
        seen = with_lungs(network, film)
        if seen is None:
            report(f"{path.parent.name}/{path.name}: no two lungs found")
            continue
        save_film(seen, path)
        found += 1
    return found
