"""Shows a block of a volume to a network in the planes that it was trained on, and brings its answer back.

Must not know what answers. Coronal and sagittal planes have pixels as long along the slices as across: the slices are
resampled to that before, and the answer to the slices of the block after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.imaging.resample import stretched
from triaged.inference.kinds.ct_lesions import Plane

Block = NDArray[np.float32]

AXES: Final[Mapping[Plane, tuple[int, int, int]]] = MappingProxyType(
    {Plane.AXIAL: (0, 1, 2), Plane.CORONAL: (1, 0, 2), Plane.SAGITTAL: (2, 0, 1)}
)
"""Which axis of (slice, row, column) counts the planes, and which are their rows and columns."""


def answered(look: Callable[[Block], Block], plane: Plane, block: Block, slice_mm: float, pixel_mm: float) -> Block:
    """Return what `look` says of each voxel of a (slice, row, column) block, asked plane by plane."""
    if plane is Plane.AXIAL:
        return look(block)
    axes = AXES[plane]
    count = max(1, round(len(block) * slice_mm / pixel_mm))
    planes = np.ascontiguousarray(stretched(block, count).transpose(axes))
    return stretched(look(planes).transpose(tuple(np.argsort(axes))), len(block))
