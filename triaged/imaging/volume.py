"""Arrays bound to their place in the patient; a mask or a volume without its grid cannot exist."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triaged.imaging.geometry import Geometry


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Hounsfield units on a grid: `voxels` is (slice, row, column), int16 or float32, read-only."""

    voxels: NDArray[np.int16] | NDArray[np.float32]
    geometry: Geometry

    def __post_init__(self) -> None:
        _bind(self.voxels, self.geometry)


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A region on a grid: `voxels` is bool, (slice, row, column), read-only."""

    voxels: NDArray[np.bool_]
    geometry: Geometry

    def __post_init__(self) -> None:
        if self.voxels.dtype != np.bool_:
            raise ValueError(f"mask: expected bool voxels, found {self.voxels.dtype}")
        _bind(self.voxels, self.geometry)

    @property
    def volume_ml(self) -> float:
        """Volume of the region in millilitres."""
        return int(np.count_nonzero(self.voxels)) * self.geometry.voxel_ml


def _bind(voxels: NDArray[np.generic], geometry: Geometry) -> None:
    if voxels.shape != geometry.shape:
        raise ValueError(f"voxels: expected the grid's shape {geometry.shape}, found {voxels.shape}")
    voxels.setflags(write=False)
