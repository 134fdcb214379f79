"""Level fields: smooth functions over lung voxels, in mm, whose upper part is a lesion.

Must not know: diseases or densities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from triaged.lab.phantom.options import F32, Bool
from triaged.lab.phantom.parenchyma import Parenchyma
from triaged.lab.portable import exp, hypot


def blob_level(lung: Parenchyma, centres: NDArray[np.int64], across_mm: F32, thick_mm: F32) -> F32:
    """Return the level (n,) of a union of ellipsoids: about the depth in mm inside the nearest one, negative outside.

    `centres` are positions in the lung's arrays; each ellipsoid is round along the pleura (`across_mm`, (m,)) and
    `thick_mm` toward the axis of the chest, the normal of the costal pleura.
    """
    level = np.full(lung.x_mm.size, -200, dtype=np.float32)
    for c, across, thick in zip(centres, across_mm, thick_mm, strict=True):
        cx, cy, cz = lung.x_mm[c], lung.y_mm[c], lung.z_mm[c]
        side = np.float32(-55 if lung.is_right[c] else 55)
        length = np.maximum(hypot(cx - side, cy), np.float32(1.0))
        nx, ny = (cx - side) / length, cy / length
        dx, dy, dz = lung.x_mm - cx, lung.y_mm - cy, lung.z_mm - cz
        normal = dx * nx + dy * ny
        square = dx * dx + dy * dy + dz * dz - normal * normal
        rho = np.sqrt(np.maximum(square, 0) / (across * across) + normal * normal / (thick * thick))
        one = (1 - rho) * np.float32((2 * across + thick) / 3)
        one[lung.is_right != lung.is_right[c]] = -200
        np.maximum(level, one, out=level)
    return level


def pleural_level(lung: Parenchyma, centre: int, across_mm: float, half_mm: float, depth_mm: float) -> F32:
    """Return the level (n,) of one patch that follows the pleura: about the depth in mm inside it, negative outside.

    It is `across_mm` wide along the pleura around the voxel `centre` and `half_mm` thick to either side of the layer
    at `depth_mm` below it.
    """
    level = np.full(lung.x_mm.size, -200, dtype=np.float32)
    reach = 1.6 * max(across_mm, half_mm)
    near = slice(*np.searchsorted(lung.z_mm, [lung.z_mm[centre] - reach, lung.z_mm[centre] + reach]))
    dx, dy, dz = (a[near] - a[centre] for a in (lung.x_mm, lung.y_mm, lung.z_mm))
    inward = lung.depth_mm[near] - np.float32(depth_mm)
    along = np.maximum(dx * dx + dy * dy + dz * dz - inward * inward, 0)
    rho = np.sqrt(along / np.float32(across_mm * across_mm) + (inward / np.float32(half_mm)) ** 2)
    one = (1 - rho) * np.float32(min(across_mm, half_mm))
    one[lung.is_right[near] != lung.is_right[centre]] = -200
    level[near] = one
    return level


def choose(rng: np.random.Generator, weight: F32, count: int) -> NDArray[np.int64]:
    """Return `count` positions drawn with probability proportional to `weight`."""
    total = np.cumsum(weight, dtype=np.float64)
    picks = np.searchsorted(total, rng.random(count) * total[-1])
    within: NDArray[np.int64] = np.minimum(picks, weight.size - 1).astype(np.int64)
    return within


def soft_step(level: F32, softness_mm: float) -> F32:
    """Return the logistic step of a level: 0.5 at 0, rising over `softness_mm`."""
    result: F32 = (1 / (1 + exp(np.clip(-level / np.float32(softness_mm), -30, 30)))).astype(np.float32)
    return result


def share_threshold(level: F32, members: Bool, share: float) -> float:
    """Return the level above which lies `share` of the members."""
    values = level[members]
    if values.size == 0 or share <= 0:
        return float("inf")
    rank = int(np.clip(round((1 - share) * values.size), 0, values.size - 1))
    return float(np.partition(values, rank)[rank])
