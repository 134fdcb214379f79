"""Widens what pictures of lungs look like: contrast medium, bones, thick slices, fields of view.

For networks that find lungs: what is left out or over-exposed here would spoil lesions. Must not know networks. Images
are (n, 1, row, column) in [0, 1]; every draw comes from the generator that the caller passes.
"""

from typing import Final

import torch
from numpy.random import Generator
from torch import Tensor

from triaged.lab.training.appearance import smooth_field

TISSUE: Final = (0.73, 0.93)
"""Muscle and blood, about -50 to 210 HU of the default window."""
BONE: Final = 0.9


def widened(images: Tensor, lung: Tensor, rng: Generator) -> Tensor:
    """Return the pictures as a wider range of scanners and protocols would show them; the lungs stay where they are."""
    shown = images
    if rng.random() < 0.35:
        shown = _contrast(shown, lung, rng)
    if rng.random() < 0.3:
        shown = _bones(shown, rng)
    if rng.random() < 0.25:
        shown = _gap(shown, rng)
    if rng.random() < 0.2:
        shown = _field_of_view(shown, rng)
    return shown.clamp(0, 1)


def _contrast(images: Tensor, lung: Tensor, rng: Generator) -> Tensor:
    """Brighten blobs of the soft tissue outside the lungs: vessels and organs that took up a contrast medium."""
    count, _, rows, columns = images.shape
    field = smooth_field((count, rows, columns), rng.uniform(4, 14), rng)[:, None]
    taken_up = ((field - float(rng.uniform(-0.5, 1.2))) * 4).clamp(0, 1)
    is_tissue = ((images > TISSUE[0]) & (images < TISSUE[1]) & (lung == 0)).float()
    return images + is_tissue * taken_up * float(rng.uniform(0.04, 0.25))


def _bones(images: Tensor, rng: Generator) -> Tensor:
    """Make bones as soft as in old people, or as bright as in young ones and under hard kernels."""
    return images + (images > BONE).float() * (images - BONE) * float(rng.uniform(-0.8, 2.0))


def _gap(images: Tensor, rng: Generator) -> Tensor:
    """Average pictures with themselves a little aside: what a slice of 5 to 10 mm does to slanting walls."""
    rows, columns = (int(rng.integers(-2, 3)) for _ in range(2))
    moved = torch.roll(images, (rows, columns), dims=(2, 3))
    return images + (moved - images) * float(rng.uniform(0.1, 0.4))


def _field_of_view(images: Tensor, rng: Generator) -> Tensor:
    """Cut to a circle or to a rectangle about as large as the picture: nothing was recorded outside."""
    rows, columns = images.shape[2:]
    y, x = torch.linspace(-1, 1, rows)[:, None], torch.linspace(-1, 1, columns)[None]
    if rng.random() < 0.6:
        recorded = (y - float(rng.normal(0, 0.08))) ** 2 + (x - float(rng.normal(0, 0.08))) ** 2 < float(
            rng.uniform(0.75, 1.15)
        ) ** 2
    else:
        recorded = (y.abs() < float(rng.uniform(0.75, 1))) & (x.abs() < float(rng.uniform(0.8, 1)))
    return images * recorded
