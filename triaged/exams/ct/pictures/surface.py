"""The surfaces of the lungs as points with normals and the affected share below them; no view, no colour, no DICOM.

A surface is marching cubes on a grid of 2 mm, smoothed. Its points lie so densely that no triangle has to be filled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import marching_cubes

from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.pictures.projection import extent

Points = NDArray[np.float32]
Labels = NDArray[np.uint8]

GRID_MM: Final = 2.0
RIGHT, LEFT, LESION = 1, 2, 4
"""The bits of `Labels`."""
_DEPTHS_MM = (1.0, 3.0, 5.0, 7.0, 9.0)
"""Where the share is counted: within 10 mm below the surface."""
_SIGMA_MM = 2.5
_OF_SLICES = 0.6
"""Thick slices are steps, which a surface is not to show."""
_MARGIN = 4
_INSIDE = np.array(((2, 2, 2), (4, 1, 1), (1, 4, 1), (1, 1, 4)), np.float32) / np.float32(6.0)
"""Where points lie on a triangle: in the middle of each of its four parts, about 1 mm apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Points in mm from the middle of the lungs (to the left, to the back, to the head), and their outward normals.

    `shares` are the affected shares of the lung within 10 mm below each point.
    """

    points: Points
    normals: Points
    shares: NDArray[np.float32]


def labels_of(reading: LungAnalysis) -> Labels:
    """Return the masks on a grid of 2 mm around the lungs, each voxel that of its centre."""
    right, left, lesion = (each.voxels for each in (reading.right_lung, reading.left_lung, reading.lesion))
    occupied = [np.array([bool(one.any() or other.any()) for one, other in zip(right, left, strict=True)])]
    footprint = np.logical_or.reduce(right) | np.logical_or.reduce(left)
    occupied += [footprint.any(axis=1), footprint.any(axis=0)]
    axes = [_centres(each, mm) for each, mm in zip(occupied, reading.lesion.geometry.spacing_mm, strict=True)]
    part = np.ix_(*axes)
    bits = ((right, RIGHT), (left, LEFT), (lesion, LESION))
    found: Labels = np.bitwise_or.reduce([mask[part].astype(np.uint8) * np.uint8(bit) for mask, bit in bits])
    return found


def surface(labels: Labels, slice_mm: float = GRID_MM) -> Surface:
    """Return the surfaces of both lungs, whose slices were `slice_mm` apart; `ValueError` where there is no lung."""
    padded = np.pad(labels, _MARGIN)
    sides = [padded & bit != 0 for bit in (RIGHT, LEFT)]
    lungs = [side for side in sides if side.any()]
    if not lungs:
        raise ValueError("labels: expected a lung, found none")
    lesion = padded & LESION != 0
    sigma = max(_SIGMA_MM, _OF_SLICES * slice_mm) / GRID_MM, _SIGMA_MM / GRID_MM, _SIGMA_MM / GRID_MM
    parts = [_surface(lung, lesion & lung, sigma) for lung in lungs]
    occupied = np.argwhere(np.logical_or.reduce(lungs))
    middle = (occupied.min(axis=0) + occupied.max(axis=0)).astype(np.float32) * np.float32(GRID_MM / 2.0)
    points, normals, shares = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Surface((points - middle)[:, ::-1], normals[:, ::-1], shares)


def _centres(occupied: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.intp]:
    """Return the voxels nearest to points every 2 mm over what is occupied."""
    part = extent(occupied, 0.0)
    count = max(1, round((part.stop - part.start) * spacing_mm / GRID_MM))
    places = part.start + (np.arange(count) + 0.5) * GRID_MM / spacing_mm
    nearest: NDArray[np.intp] = np.minimum(places, part.stop - 1).astype(np.intp)
    return nearest


def _surface(
    lung: NDArray[np.bool_], lesion: NDArray[np.bool_], sigma: tuple[float, float, float]
) -> tuple[Points, Points, NDArray[np.float32]]:
    """Return points, normals (slice, row, column; in mm of the grid) and shares of one lung."""
    smooth = ndimage.gaussian_filter(lung.astype(np.float32), sigma)
    level = min(0.5, 0.5 * float(smooth.max()))
    corners, faces, normals, _ = marching_cubes(smooth, level, gradient_direction="ascent")  # type: ignore[no-untyped-call]
    shares = _shares_below(corners, normals, lung, lesion)
    points, outward, share = (
        np.tensordot(each[faces], _INSIDE, axes=([1], [1])) for each in (corners * np.float32(GRID_MM), normals, shares)
    )
    points, outward = (each.transpose(0, 2, 1).reshape(-1, 3) for each in (points, outward))
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), np.float32(1e-6))
    return points.astype(np.float32), outward.astype(np.float32), share.reshape(-1).astype(np.float32)


def _shares_below(
    corners: Points, normals: Points, lung: NDArray[np.bool_], lesion: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the affected share of the lung on a line of 10 mm from each corner inwards."""
    inside, sick = np.zeros((2, len(corners)), np.float32)
    for depth_mm in _DEPTHS_MM:
        at = (corners - normals * np.float32(depth_mm / GRID_MM)).T
        for mask, total in ((lung, inside), (lesion, sick)):
            total += ndimage.map_coordinates(mask.view(np.uint8), at, output=np.float32, order=1)
    return np.clip(sick / np.maximum(inside, np.float32(0.5)), 0.0, 1.0)
