"""Draws simple chests whose volumes follow from formulas: ellipsoid lungs in an elliptic body, balls as disease."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.finding import Acquisition
from triaged.imaging.geometry import Box, Geometry
from triaged.imaging.volume import Mask, Volume

AIR, LUNG, TISSUE = -1000, -860, 40
BODY_MM = (165.0, 115.0)
LUNG_MM = (58.0, 85.0, 128.0)
LUNG_X_MM = 72.0
LUNG_ML = 4 / 3 * math.pi * math.prod(LUNG_MM) / 1000
TRACHEA_MM = 8.0

ADULT = Acquisition(slice_thickness_mm=2.0, convolution_kernel="B60f", contrast=False, age_years=61.0)


@dataclass(frozen=True, slots=True)
class Ball:
    """A ball of disease; `centre_mm` is LPS."""

    centre_mm: tuple[float, float, float]
    radius_mm: float
    hu: int = -500

    @property
    def ml(self) -> float:
        return 4 / 3 * math.pi * self.radius_mm**3 / 1000


@dataclass(frozen=True, slots=True)
class Chest:
    """A chest to be drawn: its lungs by (centre, semi-axes) in LPS mm, its disease, and whether it has a trachea."""

    lungs: Sequence[tuple[tuple[float, float, float], tuple[float, float, float]]] = (
        ((-LUNG_X_MM, 0, 0), LUNG_MM),
        ((LUNG_X_MM, 0, 0), LUNG_MM),
    )
    balls: Sequence[Ball] = ()
    trachea: Sequence[float] = (20.0, 20.0, 150.0)
    """Its y, and the z at which it begins and ends."""


def grid(
    spacing_mm: tuple[float, float, float],
    size_mm: tuple[float, float, float] = (300.0, 270.0, 360.0),
    left: float = 1.0,
) -> Geometry:
    """Return a grid centred on the origin; with `left` -1 its columns run to the patient's right."""
    shape = [max(1, round(size / step)) for size, step in zip(size_mm, spacing_mm, strict=True)]
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = spacing_mm[0], spacing_mm[1], left * spacing_mm[2], 1.0
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(affine, (shape[0], shape[1], shape[2]), "1.2.3")


def draw(chest: Chest, geometry: Geometry, noise_hu: float = 0.0) -> Volume:
    """Return the chest in HU."""
    z, y, x = axes_mm(geometry)
    voxels = np.full(geometry.shape, AIR, dtype=np.int16)
    body = (x / BODY_MM[0]) ** 2 + (y / BODY_MM[1]) ** 2 <= 1
    voxels[:] = np.where(body, TISSUE, AIR)
    for centre, semi_axes in chest.lungs:
        voxels[ellipsoid(geometry, centre, semi_axes)] = LUNG
    for ball in chest.balls:
        voxels[ellipsoid(geometry, ball.centre_mm, (ball.radius_mm,) * 3)] = ball.hu
    if chest.trachea:
        y0, low, high = chest.trachea
        voxels[(x**2 + (y - y0) ** 2 <= TRACHEA_MM**2) & (z >= low) & (z <= high)] = AIR
    if noise_hu:
        rng = np.random.default_rng(11)
        for plane in voxels:
            plane += rng.normal(0, noise_hu, plane.shape).astype(np.int16)
    return Volume(voxels, geometry)


def ellipsoid(geometry: Geometry, centre_mm: Sequence[float], semi_axes_mm: Sequence[float]) -> NDArray[np.bool_]:
    """Return the voxels whose centres lie in an ellipsoid along the patient's axes."""
    z, y, x = axes_mm(geometry)
    (x0, y0, z0), (a, b, c) = centre_mm, semi_axes_mm
    inside = np.empty(geometry.shape, dtype=np.bool_)
    in_plane = ((x[0] - x0) / a) ** 2 + ((y[0] - y0) / b) ** 2
    for plane, along in zip(inside, ((z - z0) / c).ravel() ** 2, strict=True):
        np.less_equal(in_plane, 1 - along, out=plane)
    return inside


def axes_mm(geometry: Geometry) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return z, y and x of the voxels of an upright grid, shaped to be broadcast against each other."""
    axes = []
    for axis, patient_axis in enumerate((2, 1, 0)):
        step, start = geometry.affine[patient_axis, axis], geometry.affine[patient_axis, 3]
        shape = [1, 1, 1]
        shape[axis] = geometry.shape[axis]
        axes.append((start + step * np.arange(geometry.shape[axis])).astype(np.float32).reshape(shape))
    return axes[0], axes[1], axes[2]


def cut(volume: Volume, box: Box) -> Volume:
    """Return a block of a volume, as a narrower field of view would show it."""
    return Volume(np.array(volume.voxels[box.slices], dtype=np.int16), volume.geometry.crop(box))


def mask_of(voxels: NDArray[np.bool_], geometry: Geometry) -> Mask:
    return Mask(np.ascontiguousarray(voxels), geometry)
