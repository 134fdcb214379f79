"""Pools what networks say of each slice over the slices of a series.

Must not know which runtime produced it. In-plane pyramid cells are the first half of a separable 3-D maximum, which
`triaged.lab.networks.multitask` holds with the direct form.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

LEVELS: Final = (1, 2, 4, 8)
"""Cells per axis of each level (Goncharov et al., section 2.4)."""
SMALLEST_AXIS: Final = LEVELS[-1]


def pool_over_slices(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the 585 * channel features of a series from the cells of its slices, (slice, channel, 85).

    Window k of a level with L cells over n slices starts at k * floor(n / L) and is n - (L - 1) * floor(n / L) long.
    Fewer than 8 slices are extended by repeating the last. The order is level, channel, row cell, column cell, slice
    cell.
    """
    extended = _at_least_eight(cells)
    pooled = []
    start = 0
    for count in LEVELS:
        level = extended[:, :, start : start + count**2]
        pooled.append(_windows(level, count).ravel())
        start += count**2
    return np.concatenate(pooled)


def pool_along_slices(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the 15 * output pyramid maxima of a series from the outputs of its slices, (slice, output).

    Windows are those of `pool_over_slices`. The order is level, output, cell.
    """
    extended = _at_least_eight(outputs)
    return np.concatenate([_windows(extended, count).ravel() for count in LEVELS])


def _windows(level: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the maxima of (slice, ...) in `count` windows of slices, along a new last axis."""
    stride = level.shape[0] // count
    window = level.shape[0] - (count - 1) * stride
    starts = range(0, count * stride, stride)
    return np.stack([level[start : start + window].max(axis=0) for start in starts], axis=-1)


def _at_least_eight(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    missing = max(0, SMALLEST_AXIS - cells.shape[0])
    return np.pad(cells, ((0, missing), *((0, 0),) * (cells.ndim - 1)), mode="edge")
