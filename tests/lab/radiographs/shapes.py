"""Simple chests whose projections are known from geometry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from triaged.lab.radiographs.chest import Chest
from triaged.lab.radiographs.projection import Placement

AIR_HU, WATER_HU = -1000, 0


def block(
    hu: NDArray[np.int16],
    lungs: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None,
    lesion: NDArray[np.bool_] | None = None,
    spacing_mm: tuple[float, float, float] = (2.0, 2.0, 2.0),
) -> Chest:
    """Return a chest of these densities, the grid's middle in the origin."""
    empty = np.zeros(hu.shape, dtype=np.bool_)
    right, left = lungs or (empty, empty)
    middle = [-(n - 1) / 2 * s for n, s in zip(hu.shape, spacing_mm, strict=True)]
    return Chest(
        hu=hu,
        right=right,
        left=left,
        lesion=empty if lesion is None else lesion,
        solid=empty,
        other=empty,
        belly=empty,
        spacing_mm=spacing_mm,
        origin_mm=(middle[2], middle[1], middle[0]),
        upright=True,
        lines={},
        disease="none",
        seed=1,
        patient="shape",
        source="shape",
    )


def millimetres(shape: tuple[int, int, int], spacing_mm: float) -> tuple[NDArray[np.float64], ...]:
    """Return x, y and z (slice, row, column) of a grid whose middle is the origin."""
    z, y, x = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * spacing_mm for n in shape], indexing="ij")
    return x, y, z


def ball(
    radius_mm: float,
    at: tuple[float, float, float],
    shape: tuple[int, int, int] = (80, 80, 80),
    spacing_mm: float = 2.0,
) -> NDArray[np.bool_]:
    """Return a ball with its centre at x, y, z mm."""
    x, y, z = millimetres(shape, spacing_mm)
    return (x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2 <= radius_mm**2


def straight(front: bool, size: int = 128, pitch_mm: float = 2.0, distance_mm: float = 1000.0) -> Placement:
    """Return a beam through the origin, along y, without turn, tilt or gap."""
    return Placement(front, distance_mm, 0.0, 0.0, 0.0, 0.0, (0.0, 0.0), pitch_mm, size)
