"""Teaches the second stage what readers say of the six zones, where nobody outlined anything (Danilov et al., BrixIA).

Must not know files or networks. Zones count from 1: the right lung's from upper to lower, then the left one's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from triaged.exams.xray.squares import Square
from triaged.exams.xray.zones import thirds
from triaged.lab.films.film import LEFT, RIGHT, ZONES, Film
from triaged.lab.films.variation import Pose, shown

SEEN_SHARE: Final = 0.15
"""Share of a zone from which a reader is as likely to call it affected as not."""
SOFTNESS: Final = 0.05


def zone_numbers(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the zone of each pixel of a film's labels, 0 outside the lungs."""
    numbers = np.zeros(labels.shape, dtype=np.uint8)
    for first, bit in ((1, RIGHT), (1 + ZONES // 2, LEFT)):
        lung = labels & bit > 0
        for number, zone in enumerate(thirds(lung).zones(lung), start=first):
            numbers[zone] = number
    return numbers


def shown_zones(film: Film, square: Square, side: int, pose: Pose) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the zones as a pose shows them, and what readers say of each there: a mirrored film swaps the sides."""
    still = replace(pose, is_mirrored=False)
    _, numbers = shown(film.grey, zone_numbers(film.labels), square, side, still)
    if not pose.is_mirrored:
        return numbers, film.zones
    half = ZONES // 2
    other = np.where(numbers > half, numbers - half, np.where(numbers > 0, numbers + half, 0))
    return np.ascontiguousarray(other[:, ::-1], dtype=np.uint8), np.roll(film.zones, half)


def zone_loss(logits: Tensor, numbers: Tensor, zones: Tensor, scores: Tensor) -> Tensor:
    """Return how far zones and score are from readers': 0 where nobody read a film.

    `logits` of the affected area and `numbers`, the zone of each pixel, are (n, row, column); `zones` (n, 6) and
    `scores` (n,) as `Film` has them, NaN where not known.
    """
    seen = torch.stack([_seen(logits, numbers == number) for number in range(1, ZONES + 1)], dim=1)
    known, scored = ~zones.isnan(), ~scores.isnan()
    entropy = functional.binary_cross_entropy(seen, zones.nan_to_num(), reduction="none") * known
    apart = functional.smooth_l1_loss(seen.sum(dim=1), scores.nan_to_num(), reduction="none") * scored
    return (entropy.mean(dim=1) + apart / 2).mean()


def _seen(logits: Tensor, zone: Tensor) -> Tensor:
    """Return how likely readers call a zone affected, of its affected share."""
    share = (logits.sigmoid() * zone).sum(dim=(1, 2)) / zone.sum(dim=(1, 2)).clamp_min(1)
    return ((share - SEEN_SHARE) / SOFTNESS).sigmoid().clamp(1e-4, 1 - 1e-4)
