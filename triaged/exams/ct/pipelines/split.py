"""Tells the right lung from the left, in millimetres; knows nothing of models or Hounsfield units.

Voxel indices are no measure: with thin slices they make a lung taller than both are wide, and clustering then cuts
lungs into top and bottom (systems specification, section 1.0.5). The right lung is the one with the smaller LPS x.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from triaged.imaging.geometry import Box, Geometry
from triaged.imaging.regions import bounding_box, components
from triaged.imaging.volume import Mask

RIGHT: Final = 1
LEFT: Final = 2
WORKING_MM: Final = 2.0
EROSION_MM: Final = 2.0
DEEPER_MM: Final = (4.0, 6.0, 8.0, 11.0, 14.0, 18.0, 22.0, 27.0)
"""How far seeds are eroded when neither contact nor clustering separates the lungs."""
CORE_MM: Final = 10.0
"""Voxels deeper than this keep the side that clustering gave them; the shallower ones go with their neighbours."""
LEAST_AGREEMENT: Final = 0.9
LEAST_SEPARATION_MM: Final = 60.0
LEAST_RATIO: Final = 0.2
Z_WEIGHT: Final = 0.3
SAMPLE: Final = 20_000
ROUNDS: Final = 30

Labels = NDArray[np.uint8]
Points = NDArray[np.float64]


class SplitMethod(Enum):
    """What separated the lungs."""

    COMPONENTS = "components"
    CLUSTERING = "clustering"
    WATERSHED = "watershed"
    SINGLE = "single"


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """`labels` is 0 outside the lungs, `RIGHT` or `LEFT` within; in single-lung mode all of it is `RIGHT`."""

    labels: Labels
    method: SplitMethod


def split(lungs: Mask) -> Split:
    """Return which lung each voxel of a non-empty mask belongs to.

    Components after an erosion of 2 mm decide; where the lungs hang together, 2-means on x and y; where that does not
    part left from right, a watershed from deeper seeds. Otherwise the mask is one lung. Airways are already cut.
    """
    box = bounding_box(lungs.voxels)
    if box is None:
        return Split(np.zeros(lungs.voxels.shape, dtype=np.uint8), SplitMethod.SINGLE)
    steps = [max(1, int(WORKING_MM / mm + 0.25)) for mm in lungs.geometry.spacing_mm]
    region = lungs.voxels[box.slices][:: steps[0], :: steps[1], :: steps[2]]
    coarse, method = _split_coarse(np.ascontiguousarray(region), _coarse_grid(lungs.geometry, box, steps))
    labels = np.zeros(lungs.voxels.shape, dtype=np.uint8)
    fine = coarse
    for axis, (step, size) in enumerate(zip(steps, box.shape, strict=True)):
        nearest = np.minimum((np.arange(size) + step // 2) // step, coarse.shape[axis] - 1)
        fine = fine.take(nearest, axis=axis)
    labels[box.slices] = np.where(lungs.voxels[box.slices], fine, 0)
    return Split(labels, method)


def _split_coarse(region: NDArray[np.bool_], grid: Geometry) -> tuple[Labels, SplitMethod]:
    """Return a label for every voxel, outside the region too, so that any voxel nearby finds its side."""
    depth_mm = ndimage.distance_transform_edt(region, sampling=grid.spacing_mm).astype(np.float32)
    method, seeds = SplitMethod.COMPONENTS, _seeds(depth_mm, EROSION_MM, grid)
    if seeds is None:
        deeper = (_seeds(depth_mm, deeper_mm, grid) for deeper_mm in DEEPER_MM)
        method, seeds = SplitMethod.WATERSHED, next((found for found in deeper if found is not None), None)
        sides = _clusters(region, grid)
        if sides is not None:
            method, seeds = SplitMethod.CLUSTERING, _seeds_of(sides, seeds, depth_mm)
    if seeds is None:
        return np.full(region.shape, RIGHT, dtype=np.uint8), SplitMethod.SINGLE
    flooded: Labels = watershed(-depth_mm, seeds, mask=region)  # type: ignore[no-untyped-call]
    return _everywhere(flooded.astype(np.uint8), grid), method


def _seeds(depth_mm: NDArray[np.float32], erosion_mm: float, grid: Geometry) -> Labels | None:
    """Return the two sides of what is left after an erosion, or None where it is not two lungs."""
    found = components(depth_mm > erosion_mm + 1e-3, 6)
    if len(found) < 2:
        return None
    x_mm = np.array([grid.position_mm(centroid)[0] for centroid in found.centroids])
    sizes = np.array(found.sizes)
    apart = np.flatnonzero(np.abs(x_mm - x_mm[0]) > LEAST_SEPARATION_MM)
    if apart.size == 0:
        return None
    first, second = x_mm[0], x_mm[apart[0]]
    nearer_second = np.abs(x_mm - second) < np.abs(x_mm - first)
    large = sizes >= 0.01 * sizes.sum()
    side = np.where(nearer_second == (second > first), LEFT, RIGHT) * large
    shares = sizes[side == RIGHT].sum(), sizes[side == LEFT].sum()
    if min(shares) <= LEAST_RATIO * max(shares):
        return None
    seeds: Labels = np.concatenate([[0], side]).astype(np.uint8)[found.labels]
    return seeds


def _clusters(region: NDArray[np.bool_], grid: Geometry) -> Labels | None:
    """Return the two halves that 2-means finds, or None where they do not lie side by side."""
    indices = np.argwhere(region)
    sample = _positions(indices[:: max(1, len(indices) // SAMPLE)], grid)
    centres = _two_means(sample)
    positions = _positions(indices, grid)
    towards_left = np.linalg.norm(positions - centres[1], axis=1) < np.linalg.norm(positions - centres[0], axis=1)
    count = int(np.count_nonzero(towards_left))
    if min(count, len(indices) - count) <= LEAST_RATIO * max(count, len(indices) - count):
        return None
    apart = np.abs(positions[towards_left].mean(axis=0) - positions[~towards_left].mean(axis=0))
    if apart[0] <= LEAST_SEPARATION_MM or apart[0] <= apart[1]:
        return None
    sides = np.zeros(region.shape, dtype=np.uint8)
    sides[region] = np.where(towards_left, LEFT, RIGHT)
    return sides


def _seeds_of(sides: Labels, deeper: Labels | None, depth_mm: NDArray[np.float32]) -> Labels:
    """Return seeds for the sides that clustering found, so that the border follows the waist and not a plane.

    Deeper seeds serve if they agree with the clusters, the clusters' own deep parts otherwise.
    """
    if deeper is not None and np.mean((deeper == sides)[deeper > 0]) >= LEAST_AGREEMENT:
        return deeper
    cores = np.where(depth_mm > CORE_MM, sides, 0).astype(np.uint8)
    return cores if (cores == RIGHT).any() and (cores == LEFT).any() else sides


def _two_means(points: Points) -> Points:
    """Return two centres, that with the smaller x first; they start at the outer tenths along x."""
    low, high = np.quantile(points[:, 0], [0.1, 0.9])
    centres = np.stack([points[points[:, 0] <= low].mean(axis=0), points[points[:, 0] >= high].mean(axis=0)])
    for _ in range(ROUNDS):
        second = np.linalg.norm(points - centres[1], axis=1) < np.linalg.norm(points - centres[0], axis=1)
        if second.all() or not second.any():
            break
        moved = np.stack([points[~second].mean(axis=0), points[second].mean(axis=0)])
        if np.allclose(moved, centres, atol=0.01):
            break
        centres = moved
    return centres[np.argsort(centres[:, 0])]


def _positions(indices: NDArray[np.intp], grid: Geometry) -> Points:
    """Return patient positions in mm with z made less important."""
    positions = indices @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    positions[:, 2] *= Z_WEIGHT
    return np.asarray(positions, dtype=np.float64)


def _everywhere(sides: Labels, grid: Geometry) -> Labels:
    """Return the labels carried on to the voxels without one, each taking that of the nearest voxel that has one."""
    nearest = ndimage.distance_transform_edt(
        sides == 0, sampling=grid.spacing_mm, return_distances=False, return_indices=True
    )
    carried: Labels = sides[tuple(nearest)]
    return carried


def _coarse_grid(geometry: Geometry, box: Box, steps: list[int]) -> Geometry:
    affine = geometry.crop(box).affine @ np.diag([*map(float, steps), 1.0])
    shape = [-(-size // step) for size, step in zip(box.shape, steps, strict=True)]
    return Geometry(affine, (shape[0], shape[1], shape[2]), geometry.frame_of_reference_uid)
