"""Grids and analytic shapes whose sizes and places are known from formulas; for tests of any room."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from triaged.imaging.geometry import Geometry


def grid(
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float] = (2.0, 0.7, 0.7),
    origin_mm: tuple[float, float, float] = (-30.0, -40.0, 100.0),
) -> Geometry:
    """Return a canonical grid: slices to the head, rows to the back, columns to the left."""
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, spacing_mm[2]], [0, spacing_mm[1], 0], [spacing_mm[0], 0, 0]])
    affine[:3, 3] = origin_mm
    return Geometry(affine, shape, "1.2.3")


def turned_grids(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> list[Geometry]:
    """Return the 48 grids whose axes follow the patient's axes in any order and any direction."""
    grids: list[Geometry] = []
    for axes in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            affine = np.eye(4)
            affine[:3, :3] = 0.0
            for index, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
                affine[axis, index] = sign * spacing_mm[index]
            affine[:3, 3] = (11.0, -7.0, 5.0)
            grids.append(Geometry(affine, shape, "1.2.3"))
    return grids


def positions_mm(geometry: Geometry) -> NDArray[np.float64]:
    """Return every voxel's LPS position, along the last of four axes."""
    indices = np.moveaxis(np.indices(geometry.shape).astype(np.float64), 0, -1)
    return np.asarray(indices @ geometry.affine[:3, :3].T + geometry.affine[:3, 3], dtype=np.float64)


def distance_mm(geometry: Geometry, centre_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return every voxel's distance from a point in the patient."""
    return np.asarray(np.linalg.norm(positions_mm(geometry) - np.asarray(centre_mm), axis=-1), dtype=np.float64)


def centre_of_mass_mm(weights: NDArray[np.generic], geometry: Geometry) -> NDArray[np.float64]:
    """Return the LPS position of a weighted mean of voxel centres."""
    values = weights.astype(np.float64)
    index = [float((values * axis).sum() / values.sum()) for axis in iter(np.indices(geometry.shape))]
    return geometry.position_mm((index[0], index[1], index[2]))
