"""A tiny chest with known lungs and vessels, for the tests of pasting."""

from __future__ import annotations

import numpy as np

from triaged.exams.ct.pipelines.split import LEFT, RIGHT
from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Volume
from triaged.lab.sources.normals import Normal

SLICES, SIZE, SLICE_MM, PIXEL_MM = 20, 110, 6.0, 2.0
LUNG_HU, TISSUE_HU, NOISE_HU = -850.0, 40.0, 25.0


def small_chest(patient: str = "chest") -> Normal:
    """Return a body of soft tissue with two ellipsoidal lungs and, in each, straight vessels along the slices' axis."""
    z, y, x = np.meshgrid(
        (np.arange(SLICES) - SLICES / 2) * SLICE_MM,
        (np.arange(SIZE) - SIZE / 2) * PIXEL_MM,
        (np.arange(SIZE) - SIZE / 2) * PIXEL_MM,
        indexing="ij",
    )
    right, left = (((x - side) / 38) ** 2 + (y / 60) ** 2 + (z / 52) ** 2 < 1 for side in (-50, 50))
    body = (x / 105) ** 2 + (y / 85) ** 2 < 1
    hu = np.where(right | left, LUNG_HU, np.where(body, TISSUE_HU, -1000.0))
    hu = hu + np.random.default_rng(5).normal(0, NOISE_HU, hu.shape)
    hu[vessels() & (right | left)] = TISSUE_HU
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = SLICE_MM, PIXEL_MM, PIXEL_MM, 1
    labels = (right * RIGHT + left * LEFT).astype(np.uint8)
    geometry = Geometry(affine, hu.shape, "1.2.3")
    return Normal(patient, Volume(hu.astype(np.int16), geometry), labels, np.ones(SLICES, dtype=np.bool_))


def vessels() -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return where vessels run: columns of 2 x 2 voxels, far from each other."""
    rows, columns = np.meshgrid(np.arange(SIZE) % 16 < 2, np.arange(SIZE) % 16 < 2, indexing="ij")
    return np.broadcast_to(rows & columns, (SLICES, SIZE, SIZE))
