"""Brings the lungs of a CT to the box of voxels that a 3D network sees; knows no network.

Training and reading use the same function, so that a network meets what it learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from triaged.imaging.regions import bounding_box

Millimetres: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Sight:
    """What a network sees: slices, rows and columns of cubes of `grid_mm`, and the HU that become 0 and 1."""

    box: tuple[int, int, int]
    grid_mm: float
    window_hu: tuple[float, float]


def lungs_in_box(
    hu: NDArray[np.generic], lungs: NDArray[np.bool_], spacing_mm: Millimetres, sight: Sight
) -> NDArray[np.float32]:
    """Return the lungs alone, the middle of the box around them in the middle of what is seen; all else is 0.

    Every cube is the mean of what lies within it, parts of voxels included; what is no lung is 0 (Bao et al.).
    What the box does not hold is cut off; without lungs everything is 0.
    """
    around = bounding_box(lungs)
    if around is None:
        return np.zeros(sight.box, dtype=np.float32)
    low, high = sight.window_hu
    shares = [
        _shares(size, mm, count, sight.grid_mm)
        for size, mm, count in zip(around.shape, spacing_mm, sight.box, strict=True)
    ]
    slices, rows, columns = shares
    planes = np.empty((around.shape[0], *sight.box[1:]), dtype=np.float32)
    for plane, values, inside in zip(planes, hu[around.slices], lungs[around.slices], strict=True):
        scaled = (np.clip(values.astype(np.float32), low, high) - np.float32(low)) / np.float32(high - low)
        plane[:] = rows @ (scaled * inside) @ columns.T
    seen: NDArray[np.float32] = np.tensordot(slices, planes, axes=1)
    return seen


def _shares(size: int, mm: float, count: int, grid_mm: float) -> NDArray[np.float32]:
    """Return (cube, voxel): which share of each of `count` cubes each of `size` voxels fills, along one axis.

    Both rows have their middle in the same place.
    """
    voxels = (np.arange(size + 1) - size / 2) * mm
    cubes = (np.arange(count + 1) - count / 2) * grid_mm
    begin = np.maximum(voxels[None, :-1], cubes[:-1, None])
    end = np.minimum(voxels[None, 1:], cubes[1:, None])
    shares: NDArray[np.float32] = (np.maximum(end - begin, 0.0) / grid_mm).astype(np.float32)
    return shares
