"""Varies a real scan before lesions are pasted: slice thickness, elastic warp, mirroring, calibration.

Must not know lesions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from triaged.exams.ct.pipelines.split import LEFT, RIGHT
from triaged.imaging.resample import PIXEL_MM, in_plane_grid
from triaged.lab.phantom.options import F32
from triaged.lab.sources.fields import smooth_noise
from triaged.lab.sources.normals import Normal

LEAST_SPACING_MM: Final = 1.8
MOST_SPACING_MM: Final = 6.2
AIR_HU: Final = -1024.0


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A varied scan on a grid of 2 mm in plane, (slice, row, column).

    `labels` is 0, `RIGHT` or `LEFT`; `healthy` (slice,) is False where the scan shows lesions of its own.
    """

    hu: F32
    labels: NDArray[np.uint8]
    spacing_mm: tuple[float, float, float]
    healthy: NDArray[np.bool_]


def draw_scene(normal: Normal, rng: Generator) -> Scene:
    """Return the scan with slices 2 to 6 mm apart, averaged or single cuts, warped, in half of cases mirrored.

    The scan is sampled from the scanner's own pixels in one linear step, so that its noise is not smoothed twice.
    """
    spacing_mm = normal.volume.geometry.spacing_mm
    groups = _groups(len(normal.labels), spacing_mm[0], rng)
    step = float(groups[1][0] - groups[0][0]) * spacing_mm[0] if len(groups) > 1 else spacing_mm[0]
    shape = (len(groups), *in_plane_grid(normal.volume.geometry).shape[1:])
    rows, columns = _positions(shape, (step, PIXEL_MM, PIXEL_MM), rng)
    hu = np.empty(shape, dtype=np.float32)
    labels = np.empty(shape, dtype=np.uint8)
    for index, group in enumerate(groups):
        hu[index] = _sampled(normal, group, rows[index], columns[index])
        middle = normal.labels[group[len(group) // 2]]
        at = [rows[index] / PIXEL_MM + (shape[1] - 1) / 2, columns[index] / PIXEL_MM + (shape[2] - 1) / 2]
        labels[index] = ndimage.map_coordinates(middle, at, order=0, mode="constant", cval=0)
    healthy = np.array([normal.healthy[group].all() for group in groups], dtype=np.bool_)
    hu = (hu + 1000) * float(rng.normal(1, 0.008)) - 1000 + float(rng.normal(0, 6))
    if rng.random() < 0.5:
        hu, labels = _mirrored(hu, labels)
    tall = step * float(rng.uniform(0.93, 1.07))
    return Scene(np.maximum(hu, AIR_HU).astype(np.float32), labels, (tall, PIXEL_MM, PIXEL_MM), healthy)


def _groups(count: int, slice_mm: float, rng: Generator) -> list[NDArray[np.int64]]:
    """Return, for each new slice, the indices of the slices that it averages."""
    possible = [n for n in range(1, max(2, round(MOST_SPACING_MM / slice_mm)) + 1) if n * slice_mm <= MOST_SPACING_MM]
    wide = [n for n in possible if n * slice_mm >= LEAST_SPACING_MM] or [1]
    step = int(rng.choice(wide))
    thick = step if rng.random() < 0.6 else 1
    starts = np.arange(int(rng.integers(step)), count - thick + 1, step)
    return [np.arange(start, start + thick) for start in starts]


def _positions(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], rng: Generator) -> tuple[F32, F32]:
    """Return where to look, for each new voxel, in mm to posterior and to the left of the field's centre."""
    amplitude = float(rng.uniform(0, 6))
    shear, zoom_rows, zoom_columns = rng.normal((0, 1, 1), (0.04, 0.05, 0.05))
    grid = [(np.arange(extent, dtype=np.float32) - (extent - 1) / 2) * PIXEL_MM for extent in shape[1:]]
    down, across = np.meshgrid(*grid, indexing="ij")
    warp_rows, warp_columns = (amplitude * smooth_noise(rng, shape, spacing_mm, 75) for _ in range(2))
    rows = (zoom_rows * down + shear * across)[None] + warp_rows
    columns = (zoom_columns * across)[None] + warp_columns
    return rows.astype(np.float32), columns.astype(np.float32)


def _sampled(normal: Normal, group: NDArray[np.int64], rows: F32, columns: F32) -> F32:
    _, row_mm, column_mm = normal.volume.geometry.spacing_mm
    _, row_count, column_count = normal.volume.voxels.shape
    at = [rows / row_mm + (row_count - 1) / 2, columns / column_mm + (column_count - 1) / 2]
    total = np.zeros(rows.shape, dtype=np.float32)
    for index in group:
        plane = normal.volume.voxels[index]
        total += ndimage.map_coordinates(plane, at, output=np.float32, order=1, mode="constant", cval=AIR_HU)
    return (total / len(group)).astype(np.float32)


def _mirrored(hu: F32, labels: NDArray[np.uint8]) -> tuple[F32, NDArray[np.uint8]]:
    """Return the mirror image, whose right lung is what was the left."""
    swapped = np.zeros(3, dtype=np.uint8)
    swapped[[RIGHT, LEFT]] = LEFT, RIGHT
    return hu[:, :, ::-1].copy(), swapped[labels[:, :, ::-1]]
