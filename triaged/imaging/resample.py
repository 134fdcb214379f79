"""Moves volumes and probabilities between a native grid and a coarser in-plane one; knows nothing of models.

Only rows and columns are resampled, linearly and without a smoothing filter before it; the slices stay as they are
(Goncharov et al., section 2.1 and the authors' code). Everything runs slice by slice, so that the memory needed beside
input and output is that of a few slices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Volume

PIXEL_MM = 2.0


def in_plane_grid(geometry: Geometry, pixel_mm: float = PIXEL_MM) -> Geometry:
    """Return the grid with the same slices and square pixels of exactly `pixel_mm`.

    It is centred on the source's field of view (counted from pixel edge to pixel edge) and has as many rows and columns
    as come closest to covering it, at least one; so it ends within half a pixel of the source's edge.
    """
    slices, *source = geometry.shape
    counts = [
        max(1, round(count * spacing / pixel_mm))
        for count, spacing in zip(source, geometry.spacing_mm[1:], strict=True)
    ]
    affine = geometry.affine.copy()
    for axis, (count, new_count, spacing) in enumerate(
        zip(source, counts, geometry.spacing_mm[1:], strict=True), start=1
    ):
        direction = geometry.affine[:3, axis] / spacing
        affine[:3, axis] = direction * pixel_mm
        affine[:3, 3] += direction * ((count - 1) * spacing - (new_count - 1) * pixel_mm) / 2.0
    return Geometry(affine, (slices, counts[0], counts[1]), geometry.frame_of_reference_uid)


def resample_in_plane(volume: Volume, pixel_mm: float = PIXEL_MM) -> Volume:
    """Return the volume on `in_plane_grid`, as float32: linear between pixel centres, constant beyond the outermost."""
    grid = in_plane_grid(volume.geometry, pixel_mm)
    rows, columns = _weights(volume.geometry, grid, 1), _weights(volume.geometry, grid, 2)
    resampled = np.empty(grid.shape, dtype=np.float32)
    for index, plane in enumerate(volume.voxels):
        resampled[index] = _interpolate(plane, rows, columns)
    return Volume(resampled, grid)


def reached_on(
    probability: NDArray[np.float32] | NDArray[np.float16], grid: Geometry, target: Geometry, threshold: float
) -> NDArray[np.bool_]:
    """Return where a probability, brought linearly from `grid` to `target`, reaches `threshold`.

    `grid` may be any block of an in-plane grid of `target`, cropped along the slices too. What lies beyond the block's
    outer pixel edges is False.

    Raises:
        ValueError: the grids do not share slices and directions, or the probability does not have the grid's shape.
    """
    if probability.shape != grid.shape:
        raise ValueError(f"probability: expected the grid's shape {grid.shape}, found {probability.shape}")
    first = _first_slice(grid, target)
    rows, columns = _weights(grid, target, 1), _weights(grid, target, 2)
    voxels = np.zeros(target.shape, dtype=np.bool_)
    for index, plane in enumerate(probability, start=first):
        if plane.max() >= threshold:  # a mean never exceeds its largest part: most slices outside a lung end here
            block = voxels[index, rows.within, columns.within]
            np.greater_equal(_interpolate(plane, rows, columns), np.float32(threshold), out=block)
    return voxels


def stretched(values: NDArray[np.float32], count: int, axis: int = 0) -> NDArray[np.float32]:
    """Return values that fill the same extent with `count` steps of an axis, linear between their middles."""
    size = values.shape[axis]
    at = np.clip((np.arange(count) + 0.5) * size / count - 0.5, 0, size - 1)
    below = np.minimum(at.astype(np.intp), max(0, size - 2))
    share = (at - below).astype(np.float32).reshape([-1 if one == axis else 1 for one in range(values.ndim)])
    result: NDArray[np.float32] = values.take(below, axis=axis)
    step = values.take(np.minimum(below + 1, size - 1), axis=axis)
    step -= result
    step *= share
    result += step
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _Weights:
    """For each target index `within` the source's extent: the source index below it, the one above, and its share."""

    within: slice
    below: NDArray[np.intp]
    above: NDArray[np.intp]
    share: NDArray[np.float32]


def _weights(source: Geometry, target: Geometry, axis: int) -> _Weights:
    """Return how the target's indices along one axis are mixed from the source's."""
    count = source.shape[axis]
    scale = target.spacing_mm[axis] / source.spacing_mm[axis]
    offset = source.index_of(target.affine[:3, 3])[axis]
    at = offset + scale * np.arange(target.shape[axis])
    inside = np.flatnonzero((at >= -0.5 - 1e-6) & (at <= count - 0.5 + 1e-6))
    within = slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, 0)
    at = np.clip(at[within], 0.0, count - 1.0)
    below = np.minimum(np.floor(at).astype(np.intp), max(count - 2, 0))
    return _Weights(within, below, np.minimum(below + 1, count - 1), (at - below).astype(np.float32))


def _interpolate(plane: NDArray[np.generic], rows: _Weights, columns: _Weights) -> NDArray[np.float32]:
    """Return a bilinear mix of a (row, column) plane, along the axis first that leaves less to do along the other."""
    if rows.below.size <= plane.shape[0]:
        return _mix(_mix(plane, rows, 0), columns, 1)
    return _mix(_mix(plane, columns, 1), rows, 0)


def _mix(plane: NDArray[np.generic], weights: _Weights, axis: int) -> NDArray[np.float32]:
    below = plane.take(weights.below, axis=axis).astype(np.float32)
    step = plane.take(weights.above, axis=axis).astype(np.float32)
    step -= below
    step *= weights.share[:, None] if axis == 0 else weights.share[None, :]
    below += step
    return below


def _first_slice(grid: Geometry, target: Geometry) -> int:
    """Return the target's slice on which the grid's first slice lies."""
    turned = grid.affine[:3, :3] / np.asarray(grid.spacing_mm) - target.affine[:3, :3] / np.asarray(target.spacing_mm)
    offset = float(target.index_of(grid.affine[:3, 3])[0])
    first = round(offset)
    if (
        float(np.abs(turned).max()) > 1e-4
        or abs(grid.spacing_mm[0] - target.spacing_mm[0]) > 1e-3
        or abs(offset - first) > 1e-2
        or not 0 <= first <= target.shape[0] - grid.shape[0]
    ):
        raise ValueError(
            f"grid: expected slices that lie on the target's {target.shape[0]}, found {grid.shape[0]} from {offset:.3f}"
        )
    return first
