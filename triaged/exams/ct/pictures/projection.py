"""Projects a CT volume and its masks along an axis, like a radiograph: numbers only, no colour, no text, no DICOM.

Rays are parallel, so that millimetres stay millimetres. Sums are taken on the volume's own grid, before any resampling.
All pictures have the head at the top; the coronal one shows the patient's right at the image's left, as a radiograph is
viewed, and the sagittal ones show the front at the image's left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.pictures.zones import Counts, counts
from triaged.imaging.volume import Volume

Image = NDArray[np.float32]
Region = NDArray[np.bool_]

WATER_PER_MM = 0.0195  # linear attenuation of water at about 70 keV
_MARGIN_MM = 25.0  # above and below the lungs
SHORTEST_PATH_MM = 8.0  # a ray that meets less lung than this says nothing about the lung
_BONE_HU, _BONE_GAIN = 150.0, 1.15
_BODY_HU, _BODY_GRID_MM = -500.0, 4.0


class Direction(StrEnum):
    """Which way the rays run and through what."""

    CORONAL = "coronal"
    SAGITTAL_RIGHT = "sagittal right"
    SAGITTAL_LEFT = "sagittal left"
    SAGITTAL = "sagittal"


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a view shows the border of two thirds of a lung, from column `start` to `stop`; nowhere if they are equal.

    Rows and columns count from the image's upper and left edge, in pixels of the view with fractions.
    """

    row: float
    start: float
    stop: float


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """One view on the volume's own grid: rows from head to foot, `spacing_mm` between rows and between columns.

    `attenuation` is the line integral (no unit), `lung_hu` the mean HU of lung voxels on the ray (NaN without any),
    `share` the affected share of the lung on the ray in [0, 1], `path_mm` the length of lung that the ray meets and
    `cuts` the borders of thirds: for each lung that of lower and middle third, then that of middle and upper third.
    """

    direction: Direction
    spacing_mm: tuple[float, float]
    attenuation: Image
    lung_hu: Image
    share: Image
    path_mm: Image
    cuts: tuple[Cut, ...] = ()

    @property
    def defined(self) -> Region:
        """Tell where the ray meets enough lung for `share` to mean anything."""
        return self.path_mm >= SHORTEST_PATH_MM


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """A sagittal view: the columns that its rays pass, and the lung on them."""

    direction: Direction
    columns: slice
    lungs: tuple[Region, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Rays:
    """Sums over the voxels of lung on each ray: their count, how many are affected, and their HU."""

    lung: Image
    affected: Image
    hu: Image


def projections(volume: Volume, reading: LungAnalysis) -> tuple[Projection, ...]:
    """Return the coronal view and one sagittal view per lung, or one in all where the lungs were not told apart."""
    lesion = reading.lesion.voxels
    sides = _sides(reading)
    lungs = tuple(lung for side in sides for lung in side.lungs)
    coronal, sagittals = _attenuations(volume, [side.columns for side in sides])
    profiles = [(lung, counts(lesion, lung)) for lung in lungs]
    views = [_view(volume, Direction.CORONAL, coronal, lesion, lungs, profiles)]
    for side, attenuation in zip(sides, sagittals, strict=True):
        own = [(lung, profile) for lung, profile in profiles if any(lung is one for one in side.lungs)]
        views.append(_view(volume, side.direction, attenuation, lesion, side.lungs, own))
    return tuple(views)


def _sides(reading: LungAnalysis) -> list[_Side]:
    right, left = reading.right_lung.voxels, reading.left_lung.voxels
    if not (left.any() and right.any()):
        return [_Side(Direction.SAGITTAL, slice(None), (left if left.any() else right,))]
    middle = round((_mean_column(right) + _mean_column(left)) / 2.0)
    return [
        _Side(Direction.SAGITTAL_RIGHT, slice(0, middle), (right,)),
        _Side(Direction.SAGITTAL_LEFT, slice(middle, None), (left,)),
    ]


def _view(
    volume: Volume,
    direction: Direction,
    attenuation: Image,
    lesion: Region,
    lungs: tuple[Region, ...],
    profiles: list[tuple[Region, Counts]],
) -> Projection:
    axis = 1 if direction is Direction.CORONAL else 2
    slices_mm, rows_mm, columns_mm = volume.geometry.spacing_mm
    step_mm, across_mm = (rows_mm, columns_mm) if axis == 1 else (columns_mm, rows_mm)
    rays = _rays(volume.voxels, lesion, lungs, axis)
    return Projection(
        direction=direction,
        spacing_mm=(slices_mm, across_mm),
        attenuation=attenuation[::-1],
        lung_hu=_ratio(rays.hu, rays.lung, np.nan)[::-1],
        share=_ratio(rays.affected, rays.lung, 0.0)[::-1],
        path_mm=(rays.lung * np.float32(step_mm))[::-1],
        cuts=tuple(cut for lung, profile in profiles for cut in _cuts(lung, profile, axis)),
    )


def _rays(voxels: NDArray[np.generic], lesion: Region, lungs: tuple[Region, ...], axis: int) -> _Rays:
    """Add up along rows (axis 1) or columns (axis 2), one slice at a time and only where there is lung."""
    slices, rows, columns = lesion.shape
    lung, affected, hu = np.zeros((3, slices, columns if axis == 1 else rows), np.float32)
    for index in range(slices):
        inside = np.logical_or.reduce([one[index] for one in lungs])
        on_rows, on_columns = inside.any(axis=1), inside.any(axis=0)
        if not on_rows.any():
            continue
        part = extent(on_rows, 0.0), extent(on_columns, 0.0)
        along = part[2 - axis]
        weight = inside[part].astype(np.float32)
        lung[index, along] = weight.sum(axis=axis - 1)
        affected[index, along] = (weight * lesion[index][part]).sum(axis=axis - 1)
        hu[index, along] = (weight * voxels[index][part]).sum(axis=axis - 1)
    return _Rays(lung, affected, hu)


def _ratio(part: Image, whole: Image, without: float) -> Image:
    return np.divide(part, whole, out=np.full_like(whole, without), where=whole > 0)


def _cuts(lung: Region, profile: Counts, axis: int) -> list[Cut]:
    """Return the borders of a lung's thirds as wide as the lung is there."""
    cuts = []
    for height in profile.heights:
        occupied = np.flatnonzero(lung[min(int(height), lung.shape[0] - 1)].any(axis=axis - 1))
        start, stop = (float(occupied[0]), float(occupied[-1] + 1)) if occupied.size else (0.0, 0.0)
        cuts.append(Cut(lung.shape[0] - height, start, stop))
    return cuts


def _attenuations(volume: Volume, column_ranges: list[slice]) -> tuple[Image, list[Image]]:
    """Return line integrals along rows, and along each range of columns, in one pass, one slice in memory at a time."""
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


def _mean_column(lung: Region) -> float:
    per_column = np.count_nonzero(np.logical_or.reduce(lung, axis=0), axis=0)
    return float(np.average(np.arange(per_column.size), weights=per_column))


def cropped(views: tuple[Projection, ...]) -> tuple[Projection, ...]:
    """Return the views cut to the lungs' height, the same for all, and to the body's width, with a margin."""
    rows = lungs_rows(views)
    return tuple(_cut(view, rows) for view in views)


def lungs_rows(views: tuple[Projection, ...]) -> slice:
    """Return the rows of uncut views that `cropped` keeps."""
    longest = np.stack([view.path_mm.max(axis=1) for view in views]).max(axis=0)
    return extent(longest > 0, _MARGIN_MM / views[0].spacing_mm[0])


def _cut(view: Projection, rows: slice) -> Projection:
    attenuation = view.attenuation[rows]
    in_body = attenuation.max(axis=0) > 0.05 * float(attenuation.max(initial=0.0))
    columns = extent(in_body, 8.0 / view.spacing_mm[1])
    part = (rows, columns)
    return replace(
        view,
        attenuation=view.attenuation[part],
        lung_hu=view.lung_hu[part],
        share=view.share[part],
        path_mm=view.path_mm[part],
        cuts=tuple(
            Cut(cut.row - rows.start, max(0.0, cut.start - columns.start), cut.stop - columns.start)
            for cut in view.cuts
        ),
    )


def extent(occupied: NDArray[np.bool_], margin: float) -> slice:
    """Return the indices from the first occupied one to the last, with a margin; all where none is."""
    indices = np.flatnonzero(occupied)
    if indices.size == 0:
        return slice(0, occupied.size)
    return slice(max(0, int(indices[0] - margin)), min(occupied.size, int(indices[-1] + margin) + 1))
