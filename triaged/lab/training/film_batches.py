"""Draws films as the two networks for chest X-rays are taught on them: in a pose, with another look, with a lesion.

Must not know networks, losses or where films come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from triaged.exams.xray.pipelines.two_stage import MARGIN
from triaged.exams.xray.squares import Square
from triaged.lab.films.film import AFFECTED, LEFT, RIGHT, SIDE, UNSURE, Film
from triaged.lab.films.paste import with_lesion
from triaged.lab.films.variation import Pose, another_look, draw_pose, shown, with_clutter
from triaged.lab.training.film_zones import shown_zones

LUNG_SIDE: Final = 256
DISEASE_SIDE: Final = 224
PASTED: Final = 0.6
"""Share of clear films that get a lesion."""
LOOKED: Final = 0.7
"""Share of films whose look varies in the second stage."""
STILL: Final = Pose()
BOTH: Final = RIGHT | LEFT
WHOLE: Final = Square.of((SIDE, SIDE))


class Example(NamedTuple):
    """One film of a batch; see `Drawn`."""

    picture: NDArray[np.float32]
    affected: NDArray[np.float32]
    weight: NDArray[np.float32]
    presence: float
    presence_weight: float
    zone_numbers: NDArray[np.uint8]
    zones: NDArray[np.float32]
    score: float


@dataclass(frozen=True, slots=True)
class FilmSource:
    """Films of one source, and how often one of them is drawn beside those of others."""

    films: Sequence[Film]
    share: float


class Drawn(NamedTuple):
    """A batch of the second stage.

    Greys and lungs (n, 2, side, side); affected area and its weight (n, 1, side, side); presence and its weight (n,);
    each pixel's zone (n, side, side); what readers say of zones (n, 6) and score (n,), NaN where they do not.
    """

    pictures: Tensor
    affected: Tensor
    weight: Tensor
    presence: Tensor
    presence_weight: Tensor
    zone_numbers: Tensor
    zones: Tensor
    score: Tensor


def has_both_lungs(film: Film) -> bool:
    """Tell whether right and left lung of a film are known, as the second stage needs them."""
    return all(np.count_nonzero(film.labels & bit) > SIDE * SIDE // 200 for bit in (RIGHT, LEFT))


def lung_square(labels: NDArray[np.uint8]) -> Square:
    """Return the square around both lungs that the second stage sees."""
    rows, columns = (np.flatnonzero((labels & BOTH).any(axis=axis)) for axis in (1, 0))
    return Square.around((int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1), MARGIN)


def greys_and_lungs(grey: NDArray[np.float32], lungs: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return what the second stage sees: the greys, and where the lungs are."""
    return np.stack([grey, lungs.astype(np.float32)])


def drawn_lungs(film: Film, rng: Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a varied picture (1, side, side) of a whole film with right and left lung (2, side, side)."""
    grey, labels = shown(film.grey, film.labels, WHOLE, LUNG_SIDE, draw_pose(rng, 0.15))
    if rng.random() < 0.3:
        grey, _ = with_lesion(grey, labels, (), rng)
    grey = with_clutter(another_look(grey, rng), rng)
    return grey[None], np.stack([labels & RIGHT > 0, labels & LEFT > 0]).astype(np.float32)


def drawn_disease(film: Film, donors: Sequence[Film], rng: Generator) -> Example:
    """Return a film as the second stage may see it, with what is known of it.

    A clear film gets a lesion in `PASTED`. The lungs' outline varies as that of the first stage does.
    """
    square, pose = lung_square(film.labels), draw_pose(rng, 0.06)
    grey, labels = shown(film.grey, film.labels, square, DISEASE_SIDE, pose)
    numbers, zones = shown_zones(film, square, DISEASE_SIDE, pose)
    affected, presence = labels & AFFECTED > 0, film.presence
    score = film.score
    if film.presence == 0 and film.affected_known and rng.random() < PASTED:
        score, zones = float("nan"), np.full_like(zones, np.nan)
        grey, affected = with_lesion(grey, labels, donors, rng)
        presence = 1.0 if affected.mean() > 0.003 else float("nan")
    if rng.random() < LOOKED:
        grey = with_clutter(another_look(grey, rng), rng)
    inside = _another_outline(labels & BOTH > 0, rng)
    known = np.full(grey.shape, float(film.affected_known), np.float32)
    weight = np.where(labels & UNSURE > 0, np.float32(0), known)
    is_told = not np.isnan(presence)
    answer = (affected & inside).astype(np.float32)
    seen = greys_and_lungs(grey, inside)
    told = (presence, 1.0) if is_told else (0.0, 0.0)
    return Example(seen, answer[None], weight[None], *told, numbers, zones, score)


def joined(drawn: Sequence[Example]) -> Drawn:
    """Return drawn films as one batch."""
    return Drawn(*(torch.from_numpy(np.stack(part, dtype=_kind(part))) for part in zip(*drawn, strict=True)))


def pick_film(sources: Sequence[FilmSource], rng: Generator) -> Film:
    """Return a film of a source that is drawn by its share, each film as likely as any other of it."""
    shares = np.array([source.share for source in sources])
    source = sources[int(rng.choice(len(sources), p=shares / shares.sum()))]
    return source.films[int(rng.integers(len(source.films)))]


def usable(sources: Sequence[FilmSource], is_usable: Callable[[Film], bool]) -> list[FilmSource]:
    """Return the sources with those of their films that are usable, without those that have none."""
    kept = [FilmSource([film for film in one.films if is_usable(film)], one.share) for one in sources]
    return [one for one in kept if one.films]


def _another_outline(lung: NDArray[np.bool_], rng: Generator) -> NDArray[np.bool_]:
    """Return lungs somewhat larger, smaller or smoother than they are."""
    if rng.random() < 0.4:
        return lung
    soft = cv2.GaussianBlur(lung.astype(np.float32), (0, 0), float(rng.uniform(1, 4)))
    return np.asarray(soft >= rng.uniform(0.3, 0.7))


def _kind(part: Sequence[object]) -> type[np.generic]:
    return np.uint8 if isinstance(part[0], np.ndarray) and part[0].dtype == np.uint8 else np.float32
