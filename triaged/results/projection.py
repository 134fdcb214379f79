"""Projects a CT volume and its masks along an axis, like a radiograph: numbers only, no colour, no text, no DICOM.

Rays are parallel, so that millimetres stay millimetres. Sums are taken on the volume's own grid, before any resampling.
All pictures have the head at the top; the coronal one shows the patient's right at the image's left, as a radiograph is
viewed, and the sagittal ones show the front at the image's left.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.imaging.volume import Volume
from triaged.study.finding import Reading

Image = NDArray[np.float32]
Region = NDArray[np.bool_]

WATER_PER_MM = 0.0195  # linear attenuation of water at about 70 keV
SHORTEST_PATH_MM = 8.0  # a ray that meets less lung than this says nothing about the lung
_BONE_HU, _BONE_GAIN = 150.0, 1.15
_BODY_HU, _BODY_GRID_MM = -500.0, 4.0


class Direction(StrEnum):
    """Which way the rays run and through what."""

    CORONAL = "coronal"
    SAGITTAL_RIGHT = "sagittal right"
    SAGITTAL_LEFT = "sagittal left"
    SAGITTAL = "sagittal"


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """One view on the volume's own grid: rows from head to foot, `spacing_mm` between rows and between columns.

    `attenuation` is the line integral (no unit), `lung_hu` the mean HU of lung voxels on the ray (NaN without any),
    `share` the affected share of the lung on the ray in [0, 1] and `path_mm` the length of lung that the ray meets.
    """

    direction: Direction
    spacing_mm: tuple[float, float]
    attenuation: Image
    lung_hu: Image
    share: Image
    path_mm: Image

    @property
    def defined(self) -> Region:
        """Tell where the ray meets enough lung for `share` to mean anything."""
        return self.path_mm >= SHORTEST_PATH_MM


def lung_share(lesion: Region, lung: Region, axis: int, step_mm: float) -> tuple[Image, Image]:
    """Return the affected share of lung along each ray, and the length of lung on it in mm.

    Weighted by that length, the mean share is the lung's affected share of volume, but for rays shorter than 8 mm.
    """
    path = np.add.reduce(lung, axis=axis, dtype=np.float32) * np.float32(step_mm)
    affected = np.add.reduce(lesion & lung, axis=axis, dtype=np.float32) * np.float32(step_mm)
    return affected / np.maximum(path, np.float32(SHORTEST_PATH_MM)), path


def projections(volume: Volume, reading: Reading) -> tuple[Projection, ...]:
    """Return the coronal view and one sagittal view per lung, or one in all where the lungs were not told apart."""
    right, left = reading.right_lung.voxels, reading.left_lung.voxels
    lungs, lesion = right | left, reading.lesion.voxels
    columns = volume.geometry.shape[2]
    if left.any() and right.any():
        middle = round((_mean_column(right) + _mean_column(left)) / 2.0)
        sides = [
            (Direction.SAGITTAL_RIGHT, slice(0, middle), right),
            (Direction.SAGITTAL_LEFT, slice(middle, columns), left),
        ]
    else:
        sides = [(Direction.SAGITTAL, slice(0, columns), lungs)]
    coronal, sagittals = _attenuations(volume, [columns_of for _, columns_of, _ in sides])
    views = [_view(volume, Direction.CORONAL, coronal, lesion, lungs)]
    for (direction, _, lung), attenuation in zip(sides, sagittals, strict=True):
        views.append(_view(volume, direction, attenuation, lesion, lung))
    return tuple(views)


def _view(volume: Volume, direction: Direction, attenuation: Image, lesion: Region, lung: Region) -> Projection:
    axis = 1 if direction is Direction.CORONAL else 2
    slices_mm, rows_mm, columns_mm = volume.geometry.spacing_mm
    step_mm, across_mm = (rows_mm, columns_mm) if axis == 1 else (columns_mm, rows_mm)
    share, path = lung_share(lesion, lung, axis, step_mm)
    return Projection(
        direction=direction,
        spacing_mm=(slices_mm, across_mm),
        attenuation=attenuation[::-1],
        lung_hu=_mean_hu(volume, lung, axis)[::-1],
        share=share[::-1],
        path_mm=path[::-1],
    )


def _attenuations(volume: Volume, column_ranges: list[slice]) -> tuple[Image, list[Image]]:
    """Return line integrals along rows, and along each range of columns, in one pass that holds one slice at a time."""
    slices, rows, columns = volume.geometry.shape
    _, rows_mm, columns_mm = volume.geometry.spacing_mm
    body, steps = _body(volume)
    coronal = np.zeros((slices, columns), np.float32)
    sagittals = [np.zeros((slices, rows), np.float32) for _ in column_ranges]
    for index in range(slices):
        inside = body[min(index // steps[0], body.shape[0] - 1)].repeat(steps[1], 0).repeat(steps[2], 1)
        hu = np.clip(volume.voxels[index].astype(np.float32), -1000.0, 1500.0)
        mu = (hu + 1000.0) * inside[:rows, :columns]
        mu[hu > _BONE_HU] *= _BONE_GAIN
        coronal[index] = mu.sum(axis=0)
        for sagittal, columns_of in zip(sagittals, column_ranges, strict=True):
            sagittal[index] = mu[:, columns_of].sum(axis=1)
    scale = WATER_PER_MM / 1000.0
    return coronal * np.float32(scale * rows_mm), [one * np.float32(scale * columns_mm) for one in sagittals]


def _body(volume: Volume) -> tuple[Region, tuple[int, int, int]]:
    """Return the filled body on a coarse grid without the table, and how many voxels one coarse step spans."""
    steps = tuple(max(1, int(_BODY_GRID_MM / mm)) for mm in volume.geometry.spacing_mm)
    coarse = volume.voxels[:: steps[0], :: steps[1], :: steps[2]] > _BODY_HU
    opened = ndimage.binary_opening(coarse, np.ones((1, 3, 3), bool))
    labels = cc3d.connected_components(opened, connectivity=6)
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    if counts.sum() == 0:
        return np.ones_like(coarse), (steps[0], steps[1], steps[2])
    body = labels == int(counts.argmax())
    filled = np.stack([ndimage.binary_dilation(ndimage.binary_fill_holes(one), iterations=1) for one in body])
    return filled, (steps[0], steps[1], steps[2])


def _mean_hu(volume: Volume, lung: Region, axis: int) -> Image:
    count = np.add.reduce(lung, axis=axis, dtype=np.float32)
    total = np.zeros_like(count)
    for index in np.flatnonzero(count.any(axis=1)):
        total[index] = np.where(lung[index], volume.voxels[index], 0).sum(axis=axis - 1, dtype=np.float32)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _mean_column(lung: Region) -> float:
    per_column = np.count_nonzero(lung, axis=(0, 1))
    return float(np.average(np.arange(per_column.size), weights=per_column))


def zone_shares(lesion: Region, lung: Region) -> tuple[float, float, float]:
    """Return the affected shares of a lung's lower, middle and upper third; the thirds have equal volume."""
    per_slice = np.count_nonzero(lung, axis=(1, 2))
    affected = np.count_nonzero(lesion & lung, axis=(1, 2))
    total = int(per_slice.sum())
    if total == 0:
        return 0.0, 0.0, 0.0
    middle_of_slice = np.cumsum(per_slice) - per_slice / 2.0
    zone = np.minimum((middle_of_slice * 3.0 / total).astype(int), 2)
    shares = [affected[zone == third].sum() / max(1, per_slice[zone == third].sum()) for third in range(3)]
    return float(shares[0]), float(shares[1]), float(shares[2])


def cropped(views: tuple[Projection, ...], margin_mm: float = 25.0) -> tuple[Projection, ...]:
    """Return the views cut to the lungs' height, the same for all, and to the body's width, with a margin."""
    longest = np.stack([view.path_mm.max(axis=1) for view in views]).max(axis=0)
    rows = _extent(longest > 0, margin_mm / views[0].spacing_mm[0])
    return tuple(_cut(view, rows) for view in views)


def _cut(view: Projection, rows: slice) -> Projection:
    attenuation = view.attenuation[rows]
    in_body = attenuation.max(axis=0) > 0.05 * float(attenuation.max(initial=0.0))
    columns = _extent(in_body, 8.0 / view.spacing_mm[1])
    part = (rows, columns)
    return Projection(
        direction=view.direction,
        spacing_mm=view.spacing_mm,
        attenuation=view.attenuation[part],
        lung_hu=view.lung_hu[part],
        share=view.share[part],
        path_mm=view.path_mm[part],
    )


def _extent(occupied: NDArray[np.bool_], margin: float) -> slice:
    indices = np.flatnonzero(occupied)
    if indices.size == 0:
        return slice(0, occupied.size)
    return slice(max(0, int(indices[0] - margin)), min(occupied.size, int(indices[-1] + margin) + 1))
