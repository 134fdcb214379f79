"""Puts lesions into films of clear lungs: drawn ones, or those of a radiograph made from CT.

A lesion is water that the ray passes in place of air. A film shows about the logarithm of what arrives, so water adds
grey, less where it is bright already. Must not know files or networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from triaged.lab.films.film import LEFT, RIGHT, Film
from triaged.lab.films.variation import Grey, Labels, smooth_noise

SEEN: Final = 0.03
"""Grey by which a lesion, smoothed as readers outline, must stand out."""
OUTLINED: Final = 0.022
"""Over how much of the side that is smoothed."""
DRAWN_SHARE: Final = 0.5
"""Of the lesions that are drawn although there are films made from CT."""

Mask = NDArray[np.bool_]


def with_lesion(grey: Grey, labels: Labels, donors: Sequence[Film], rng: Generator) -> tuple[Grey, Mask]:
    """Return the film with a lesion, and where a reader would outline it; the lungs of `labels` must be known."""
    added = np.zeros(grey.shape, dtype=np.float32)
    is_drawn = not donors or rng.random() < DRAWN_SHARE
    donor = None if is_drawn else donors[int(rng.integers(len(donors)))]
    is_one_sided = rng.random() < 0.2
    spared = int(rng.choice([RIGHT, LEFT])) if is_one_sided else 0
    extent = float(rng.beta(0.8, 1.0))
    for bit in (RIGHT, LEFT):
        lung = labels & bit > 0
        if bit != spared and lung.any():
            added += _drawn(lung, extent, rng) if donor is None else _moved(donor, lung, rng)
    added = added * _texture(grey.shape[0], rng)
    weight = np.float32(np.exp(rng.uniform(np.log(0.009), np.log(0.033))))
    brightest = np.float32(rng.uniform(0.75, 0.98))
    denser = (1 - np.exp(-weight * added)) * np.maximum(brightest - grey, 0)
    within = labels & (RIGHT | LEFT) > 0
    soft = cv2.GaussianBlur(denser, (0, 0), OUTLINED * grey.shape[0])
    return (grey + denser).astype(np.float32), (soft >= SEEN) & within


def _drawn(lung: Mask, extent: float, rng: Generator) -> Grey:
    """Return added water in mm of patches, about `extent` of a lung, that prefer its border and its base."""
    side = lung.shape[0]
    field = sum(gain * smooth_noise(side, cells, rng) for cells, gain in ((3, 1.0), (7, 0.6), (15, 0.25)))
    depth = np.asarray(ndimage.distance_transform_cdt(lung), dtype=np.float32)
    rows = np.linspace(0, 1, side, dtype=np.float32)[:, None]
    outer, lower = rng.uniform(0, 1.5), rng.uniform(-0.4, 1.5)
    field = field - np.float32(outer) * depth / max(float(depth.max()), 1.0) + np.float32(lower) * rows
    level = np.quantile(field[lung], 1 - float(np.clip(extent * rng.uniform(0.5, 1.4), 0, 1)))
    steep = float(rng.uniform(10, 60))
    densest = float(np.exp(rng.uniform(np.log(8), np.log(90))))
    patches = np.clip(steep * (field - level), 0, densest).astype(np.float32)
    hazy = cv2.GaussianBlur(patches, (0, 0), float(np.exp(rng.uniform(0.5, 2.6))))
    return _within(hazy, lung, rng)


def _moved(donor: Film, lung: Mask, rng: Generator) -> Grey:
    """Return the added water of one lung of a donor in the box of this one, mirrored in half."""
    bit = int(rng.choice([RIGHT, LEFT]))
    source = donor.labels & bit > 0
    if not source.any():
        return np.zeros(lung.shape, dtype=np.float32)
    taken = np.where(source, donor.added_mm, 0).astype(np.float32)[_box(source)]
    if rng.random() < 0.5:
        taken = taken[:, ::-1]
    place = _box(lung)
    rows, columns = (each.stop - each.start for each in place)
    moved = np.zeros(lung.shape, dtype=np.float32)
    moved[place] = cv2.resize(np.ascontiguousarray(taken), (columns, rows), interpolation=cv2.INTER_LINEAR)
    return _within(moved * np.float32(rng.uniform(0.7, 1.3)), lung, rng)


def _within(added: NDArray[np.float32], lung: Mask, rng: Generator) -> Grey:
    """Return added water in a lung, ending softly at its border."""
    inside = cv2.GaussianBlur(lung.astype(np.float32), (0, 0), float(rng.uniform(0.8, 3.0)))
    return np.asarray(np.where(lung, added * inside, 0), dtype=np.float32)


def _texture(side: int, rng: Generator) -> Grey:
    fine = sum(smooth_noise(side, side // size, rng) for size in (4, 9, 20))
    uneven = 1 + np.float32(rng.uniform(0.02, 0.3)) * fine
    return np.asarray(np.clip(uneven, 0.1, 2.5), dtype=np.float32)


def _box(mask: Mask) -> tuple[slice, slice]:
    found: tuple[slice, slice] = ndimage.find_objects(mask.astype(np.uint8))[0]
    return found
