"""Cuts planes out of volumes resized to a cube of 128 voxels a side, with three channels that say where they lie.

What is drawn differs in field of view, posture and appearance, so that none of them may tell right from left: where a
chest is mirrored, its lungs change names. Must not know networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from triaged.lab.training.appearance import vary_appearance
from triaged.lab.training.planes import AXES, Plane
from triaged.lab.training.sampling import AIR_HU, LEFT_LUNG, LESION, LUNG, GeneratedSeries, scaled
from triaged.lab.training.widening import widened

SIDE: Final = 128
SLICE, ROW, COLUMN = range(3)
MIRRORED: Final = 0.5
PRONE: Final = 0.1
WITH_LUNG: Final = 0.85
"""How often a drawn plane has to show lung."""


@dataclass(frozen=True, slots=True)
class Projected:
    """Planes of cubes.

    Attributes:
        images: (n, 4, row, column): the picture in [0, 1], then x, y and z of its voxels in [0, 1].
        sides: (n, row, column): 0 no lung, 1 right, 2 left.
    """

    images: Tensor
    sides: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return several as one."""
        return cls(torch.cat([part.images for part in parts]), torch.cat([part.sides for part in parts]))


@dataclass(frozen=True, slots=True)
class _View:
    """Which part of each axis (plane, row, column) the cube holds, in voxels, and which of them runs the other way."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    reversed: NDArray[np.bool_]
    turn_rad: float = 0.0

    def place_of(self, plane: int) -> float:
        """Return where the middle of a plane lies in the cube, in [0, 1]."""
        place = (plane + 0.5 - self.start[0]) / (self.end[0] - self.start[0])
        return float(np.clip(1 - place if self.reversed[0] else place, 0, 1))


def projected(series: GeneratedSeries, plane: Plane, every: int) -> Projected:
    """Return every n-th plane of a series whose slices are planes of that direction, as it is."""
    shape = np.array(series.voxels.shape, dtype=np.float64)
    view = _View(np.zeros(3), shape, np.zeros(3, dtype=np.bool_))
    indices = np.arange(0, len(series.voxels), every)
    hu, labels = _cut(series, view, indices)
    places = np.array([view.place_of(int(index)) for index in indices])
    return Projected(_with_places(scaled(hu), plane, places), _sides(labels, is_mirrored=False))


def draw_projected(series: GeneratedSeries, plane: Plane, rng: Generator) -> Projected:
    """Return one plane at random, in a field of view, posture and appearance at random."""
    mirrored, prone = rng.random() < MIRRORED, rng.random() < PRONE
    shape = np.array(series.voxels.shape, dtype=np.float64)
    start, end = rng.uniform(-0.12, 0.12, 3) * shape, (1 + rng.uniform(-0.12, 0.12, 3)) * shape
    axes = np.array(AXES[plane])
    view = _View(start, end, (axes == COLUMN) & mirrored | (axes == ROW) & prone, float(np.deg2rad(rng.normal(0, 5))))
    shown = np.flatnonzero((series.labels & LUNG).any(axis=(1, 2))) if rng.random() < WITH_LUNG else np.empty(0)
    index = int(rng.choice(shown)) if len(shown) else int(rng.integers(len(series.voxels)))
    hu, labels = _cut(series, view, np.array([index]))
    lung, lesion = (((labels & bit) > 0).float() for bit in (LUNG, LESION))
    images = widened(scaled(vary_appearance(hu, lung, lesion, rng))[:, None], lung[:, None], rng)
    places = np.array([view.place_of(index)])
    return Projected(_with_places(images[:, 0], plane, places), _sides(labels, is_mirrored=mirrored))


def _cut(series: GeneratedSeries, view: _View, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Return HU (n, row, column) and labels of planes in the field of view, air around."""
    ticks = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    rows, columns = np.meshgrid(ticks, ticks, indexing="ij")
    cos, sin = np.cos(view.turn_rad), np.sin(view.turn_rad)
    turned = (rows * cos - columns * sin, rows * sin + columns * cos)
    shape = series.voxels.shape[1:]
    at = []
    for axis, tick in enumerate(turned, start=1):
        low, high = view.start[axis], view.end[axis]
        place = (low + high) / 2 + (-tick if view.reversed[axis] else tick) * (high - low)
        at.append(2 * place / shape[axis - 1] - 1)
    grid = torch.from_numpy(np.stack(at[::-1], axis=-1)[None].astype(np.float32)).expand(len(indices), -1, -1, -1)
    voxels = torch.from_numpy(series.voxels[indices].astype(np.float32) - AIR_HU)[:, None]
    labels = torch.from_numpy(series.labels[indices].astype(np.float32))[:, None]
    hu = functional.grid_sample(voxels, grid, align_corners=False)[:, 0] + AIR_HU
    marked = functional.grid_sample(labels, grid, mode="nearest", align_corners=False)[:, 0]
    return hu, marked.long()


def _with_places(images: Tensor, plane: Plane, places: NDArray[np.float64]) -> Tensor:
    """Return (n, 4, row, column): the pictures and where along columns, rows and slices each voxel lies."""
    ticks = (torch.arange(SIDE, dtype=torch.float32) + 0.5) / SIDE
    count = len(images)
    along = torch.from_numpy(places.astype(np.float32))[:, None, None].expand(count, SIDE, SIDE)
    own = (along, ticks[None, :, None].expand(count, SIDE, SIDE), ticks[None, None].expand(count, SIDE, SIDE))
    by_axis = dict(zip(AXES[plane], own, strict=True))
    return torch.stack([images, *(by_axis[axis] for axis in (COLUMN, ROW, SLICE))], dim=1)


def _sides(labels: Tensor, *, is_mirrored: bool) -> Tensor:
    """Return 1 where the lung is right, 2 where it is left; a mirrored chest has them the other way round."""
    lung, left = (labels & LUNG) > 0, (labels & LEFT_LUNG) > 0
    return lung * (1 + (left ^ is_mirrored).long())
