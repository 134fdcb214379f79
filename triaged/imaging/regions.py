"""Connected regions of boolean arrays in (slice, row, column) order; the only importer of cc3d.

Sizes are counts of voxels: what a millilitre is, the caller knows. Inputs are never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cc3d
import numpy as np
from numpy.typing import NDArray

from triaged.imaging.geometry import Box

Connectivity = Literal[6, 18, 26]


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """The connected components of a region, the largest first; equal sizes in the order of their first voxel.

    `labels` is 0 outside and `i + 1` in the component whose size, centroid (slice, row, column, with fractions) and
    box are at position `i` of the other fields.
    """

    labels: NDArray[np.uint32]
    sizes: tuple[int, ...]
    centroids: tuple[tuple[float, float, float], ...]
    boxes: tuple[Box, ...]

    def __len__(self) -> int:
        return len(self.sizes)


def components(region: NDArray[np.bool_], connectivity: Connectivity = 26) -> Components:
    """Return the connected components of a region with their sizes and places."""
    found = cc3d.connected_components(np.ascontiguousarray(region), connectivity=connectivity, binary_image=True)
    statistics = cc3d.statistics(found, no_slice_conversion=True)
    counts = np.asarray(statistics["voxel_counts"]).astype(np.int64)[1:]
    order = np.argsort(-counts, kind="stable")
    rank = np.zeros(counts.size + 1, dtype=np.uint32)
    rank[order + 1] = np.arange(1, counts.size + 1, dtype=np.uint32)
    centroids = np.asarray(statistics["centroids"])[1:][order]
    bounds = np.asarray(statistics["bounding_boxes"]).astype(np.int64)[1:][order]
    return Components(
        labels=rank[found],
        sizes=tuple(int(n) for n in counts[order]),
        centroids=tuple((float(a), float(b), float(c)) for a, b, c in centroids),
        boxes=tuple(_box(b) for b in bounds),
    )


def largest_components(region: NDArray[np.bool_], count: int, connectivity: Connectivity = 26) -> NDArray[np.bool_]:
    """Return the `count` largest connected components of a region as one region."""
    box = bounding_box(region)
    kept = np.zeros_like(region)
    if box is not None:
        labels = components(region[box.slices], connectivity).labels
        kept[box.slices] = (labels > 0) & (labels <= count)
    return kept


def remove_small_components(
    region: NDArray[np.bool_], min_voxels: int, connectivity: Connectivity = 26
) -> NDArray[np.bool_]:
    """Return a region without those of its connected components that have fewer than `min_voxels` voxels."""
    box = bounding_box(region)
    kept = np.zeros_like(region)
    if box is not None:
        found = components(region[box.slices], connectivity)
        large = sum(size >= min_voxels for size in found.sizes)
        kept[box.slices] = (found.labels > 0) & (found.labels <= large)
    return kept


def fill_holes_per_slice(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a region with every hole filled that the region encloses within one slice (four-neighbours)."""
    filled = region.copy()
    for index in range(filled.shape[0]):
        _fill_plane(filled[index])
    return filled


def bounding_box(*regions: NDArray[np.bool_]) -> Box | None:
    """Return the smallest box around regions of one grid, or None where all of them are empty."""
    inside = np.flatnonzero(np.logical_or.reduce([region.any(axis=(1, 2)) for region in regions]))
    if inside.size == 0:
        return None
    first, last = int(inside[0]), int(inside[-1])
    plane: NDArray[np.bool_] = np.logical_or.reduce(
        [np.logical_or.reduce(region[first : last + 1], axis=0) for region in regions]
    )
    rows, columns = _extent(plane)
    return Box((first, int(rows[0]), int(columns[0])), (last + 1, int(rows[-1]) + 1, int(columns[-1]) + 1))


def _fill_plane(plane: NDArray[np.bool_]) -> None:
    rows, columns = _extent(plane)
    if rows.size < 3 or columns.size < 3:
        return
    part = plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    outside = np.pad(~part, 1, constant_values=True)
    labels = cc3d.connected_components(outside, connectivity=4, binary_image=True)
    part |= labels[1:-1, 1:-1] != labels[0, 0]


def _extent(plane: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of the rows and of the columns that are not empty."""
    return np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))


def _box(bounds: NDArray[np.int64]) -> Box:
    """Turn cc3d's inclusive (first, last) pairs into a box."""
    s0, s1, r0, r1, c0, c1 = (int(b) for b in bounds)
    return Box((s0, r0, c0), (s1 + 1, r1 + 1, c1 + 1))
