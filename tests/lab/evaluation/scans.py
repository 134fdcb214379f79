"""Writes chests whose volumes follow from formulas as NIfTI files, in any orientation; nibabel turns them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
from numpy.typing import NDArray

from tests.exams.pipelines.bodies import Ball, Chest, draw, ellipsoid, grid
from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Volume

nibabel: Any = untyped_nibabel

BALL = Ball((-72.0, 10.0, 10.0), 40.0)
"""Disease in the right lung."""


@dataclass(frozen=True)
class Scan:
    """A chest on a canonical grid (slices to the head, rows to the back, columns to the left), and its truth."""

    volume: Volume
    right: NDArray[np.bool_]
    left: NDArray[np.bool_]
    lesion: NDArray[np.bool_]

    @property
    def geometry(self) -> Geometry:
        return self.volume.geometry

    @property
    def lung(self) -> NDArray[np.bool_]:
        return self.right | self.left


def scan(balls: tuple[Ball, ...] = (BALL,), spacing_mm: tuple[float, float, float] = (8.0, 4.0, 4.0)) -> Scan:
    """Return a chest with balls of disease."""
    geometry = grid(spacing_mm)
    chest = Chest(balls=balls, trachea=())
    sides = [ellipsoid(geometry, centre, axes) for centre, axes in chest.lungs]
    lesion = np.zeros(geometry.shape, dtype=np.bool_)
    for ball in balls:
        lesion |= ellipsoid(geometry, ball.centre_mm, (ball.radius_mm,) * 3)
    return Scan(draw(chest, geometry), sides[0], sides[1], lesion & (sides[0] | sides[1]))


def as_nifti(voxels: NDArray[Any], geometry: Geometry, axes: str = "RAS") -> Any:
    """Return a NIfTI image of canonical (slice, row, column) voxels whose axes run as the letters say."""
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ geometry.affine[:, [2, 1, 0, 3]]
    image = nibabel.Nifti1Image(np.ascontiguousarray(voxels.transpose(2, 1, 0)), ras)
    wanted = nibabel.orientations.axcodes2ornt(tuple(axes))
    turn = nibabel.orientations.ornt_transform(nibabel.io_orientation(ras), wanted)
    return image.as_reoriented(turn)


def save(path: Path, voxels: NDArray[Any], geometry: Geometry, axes: str = "RAS") -> Path:
    """Write a NIfTI file and return its path; booleans become bytes."""
    values = voxels.astype(np.uint8) if voxels.dtype == np.bool_ else voxels
    nibabel.save(as_nifti(values, geometry, axes), path)
    return path
