"""Compares two regions on one grid: overlap, surfaces, lesions counted one by one; knows no files and no models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from triaged.imaging.geometry import Geometry
from triaged.imaging.regions import bounding_box, components

Region = NDArray[np.bool_]

TOLERANCE_MM: Final = 2.0
LEAST_LESION_ML: Final = 0.1
"""Smaller components are neither lesions to be found nor false finds."""


@dataclass(frozen=True, slots=True)
class LesionCount:
    """Lesions counted one by one: `hit` of `reference` are touched by a find, `false` finds touch no lesion."""

    reference: int
    hit: int
    false: int

    @property
    def recall(self) -> float | None:
        """Share of the reference's lesions that are found; None where it has none."""
        return self.hit / self.reference if self.reference else None


def dice(first: Region, second: Region) -> float:
    """Return 2|A∩B| / (|A|+|B|), 1 where both are empty."""
    total = int(np.count_nonzero(first)) + int(np.count_nonzero(second))
    return 2 * int(np.count_nonzero(first & second)) / total if total else 1.0


def surface_dice(first: Region, second: Region, geometry: Geometry, tolerance_mm: float = TOLERANCE_MM) -> float:
    """Return the normalised surface Dice: the share of both surfaces that lies within the tolerance of the other.

    A surface is the set of a region's voxels with a face towards the outside; each counts once. 1 where both are empty.
    """
    surfaces = _surface_mm(first, geometry), _surface_mm(second, geometry)
    total = len(surfaces[0]) + len(surfaces[1])
    if not total:
        return 1.0
    if not len(surfaces[0]) or not len(surfaces[1]):
        return 0.0
    near = _near(surfaces[0], surfaces[1], tolerance_mm) + _near(surfaces[1], surfaces[0], tolerance_mm)
    return near / total


def lesion_count(found: Region, reference: Region, voxel_ml: float) -> LesionCount:
    """Return how many lesions are found and how many finds are none; components of 26 neighbours."""
    least = max(1, int(np.ceil(LEAST_LESION_ML / voxel_ml - 1e-9)))
    lesions, hit = _touched(reference, found, least)
    finds, right = _touched(found, reference, least)
    return LesionCount(lesions, hit, finds - right)


def _touched(region: Region, other: Region, least: int) -> tuple[int, int]:
    """Return how many components of a region are large enough, and how many of those touch the other region."""
    box = bounding_box(region)
    if box is None:
        return 0, 0
    parts = components(region[box.slices])
    touched = np.unique(parts.labels[other[box.slices]])
    large = sum(size >= least for size in parts.sizes)  # the largest come first
    return large, int(np.count_nonzero((touched > 0) & (touched <= large)))


def _surface_mm(region: Region, geometry: Geometry) -> NDArray[np.float64]:
    box = bounding_box(region)
    if box is None:
        return np.empty((0, 3))
    inner = region[box.slices]
    at = np.argwhere(inner & ~ndimage.binary_erosion(inner)) + np.asarray(box.start)
    return np.asarray(at @ geometry.affine[:3, :3].T, dtype=np.float64)


def _near(points: NDArray[np.float64], others: NDArray[np.float64], tolerance_mm: float) -> int:
    distance, _ = cKDTree(others).query(points, distance_upper_bound=tolerance_mm * (1 + 1e-6))
    return int(np.count_nonzero(np.isfinite(distance)))
