"""Tells whether a volume's header has front and back the right way round, by where the dense bone lies.

NIfTI headers of public sets cannot be trusted (systems specification, section 1.0.1: the Radiopaedia cases need their
rows reversed). In patient coordinates the spine lies behind, whatever the position on the table was.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from triaged.imaging.geometry import Geometry
from triaged.imaging.regions import largest_components

TISSUE_HU: Final = -250.0
BONE_HU: Final = 300.0
"""Above most of what contrast medium reaches in the heart."""
NEAR_TOP: Final = 0.97
"""Where values were clipped below, what is about as dense as can be is taken for bone."""
LEAST_BONE_ML: Final = 30.0
SURELY_IN_FRONT: Final = 0.42
"""Mean place of bone between the front (0) and the back (1) of the body; a chest has about 0.6 to 0.7."""
STRIDE: Final = 2


def bone_depth(voxels: NDArray[Any], geometry: Geometry) -> float | None:
    """Return where bone lies on average between front (0) and back (1) of the body; None where there is too little.

    `voxels` are HU on a canonical grid, rows to the back.
    """
    sample = voxels[:, ::STRIDE, ::STRIDE]
    body = largest_components(sample > TISSUE_HU, 1, 6)
    rows = np.flatnonzero(body.any(axis=(0, 2)))
    bone = body & (sample > min(BONE_HU, NEAR_TOP * float(voxels.max())))
    count = int(np.count_nonzero(bone))
    if count * geometry.voxel_ml * STRIDE**2 < LEAST_BONE_ML:
        return None
    mean = float(np.average(np.arange(bone.shape[1]), weights=bone.sum(axis=(0, 2))))
    return (mean - float(rows[0])) / max(1.0, float(rows[-1] - rows[0]))


def mirror_front_to_back(geometry: Geometry) -> NDArray[np.float64]:
    """Return the 4x4 map of LPS positions that exchanges front and back about the middle of a grid."""
    middle = geometry.position_mm(tuple((size - 1) / 2 for size in geometry.shape))  # type: ignore[arg-type]
    mirror = np.diag([1.0, -1.0, 1.0, 1.0])
    mirror[1, 3] = 2.0 * float(middle[1])
    return mirror
