"""Where voxels lie in the patient; knows nothing of DICOM files, models or studies.

Voxel indices are (slice, row, column); patient coordinates are LPS millimetres (x to the patient's left, y to the back,
z to the head), as in PS3.3 C.7.6.2.1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Box:
    """A block of voxels: along each axis the indices from `start` up to, but not including, `stop`."""

    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    def __post_init__(self) -> None:
        if any(low < 0 or low >= high for low, high in zip(self.start, self.stop, strict=True)):
            raise ValueError(f"box: expected 0 <= start < stop on every axis, found {self.start} to {self.stop}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Counts of slices, rows and columns."""
        (a, b, c), (d, e, f) = self.start, self.stop
        return d - a, e - b, f - c

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """The index that cuts this block out of an array."""
        (a, b, c), (d, e, f) = self.start, self.stop
        return slice(a, d), slice(b, e), slice(c, f)

    def grown(self, margin: tuple[int, int, int], within: tuple[int, int, int]) -> Box:
        """Return the block with `margin` voxels more on both sides of each axis, as far as the grid reaches."""
        start = [max(0, low - more) for low, more in zip(self.start, margin, strict=True)]
        stop = [min(end, high + more) for high, more, end in zip(self.stop, margin, within, strict=True)]
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """A regular grid in patient space.

    `affine` is 4x4: (slice, row, column, 1) of a voxel's centre -> (x, y, z, 1) in LPS mm; `shape` counts slices, rows
    and columns. *Canonical* means: slices rise to the head, rows to the back, columns to the patient's left.
    """

    affine: NDArray[np.float64]
    shape: tuple[int, int, int]
    frame_of_reference_uid: str

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError(f"affine: expected a finite 4x4 matrix, found {affine.shape}")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise ValueError("affine: expected three independent axes, found a singular matrix")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along slice, row and column index."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(lengths[0]), float(lengths[1]), float(lengths[2])

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def position_mm(self, index: tuple[float, float, float]) -> NDArray[np.float64]:
        """Return the LPS position of a (slice, row, column) index."""
        return self.affine[:3, :3] @ np.asarray(index, dtype=np.float64) + self.affine[:3, 3]

    def index_of(self, position_mm: tuple[float, float, float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the (slice, row, column) index, with fractions, of an LPS position."""
        from_origin = np.asarray(position_mm, dtype=np.float64) - self.affine[:3, 3]
        return np.linalg.solve(self.affine[:3, :3], from_origin).astype(np.float64)

    def crop(self, box: Box) -> Geometry:
        """Return the grid of a block of voxels, each at its unchanged place; one beyond the grid is a `ValueError`."""
        if any(high > end for high, end in zip(box.stop, self.shape, strict=True)):
            raise ValueError(f"box: expected a block within {self.shape}, found one up to {box.stop}")
        affine = self.affine.copy()
        affine[:3, 3] = self.position_mm(box.start)
        return Geometry(affine, box.shape, self.frame_of_reference_uid)


@dataclass(frozen=True, slots=True)
class Reorientation:
    """A re-ordering of voxels without interpolation: which source axis each new axis is, and whether it is reversed."""

    axes: tuple[int, int, int]
    reverse: tuple[bool, bool, bool]

    def apply(self, voxels: NDArray[Scalar]) -> NDArray[Scalar]:
        """Return a view of `voxels` with its axes re-ordered and reversed."""
        flips = tuple(slice(None, None, -1 if reverse else 1) for reverse in self.reverse)
        return voxels.transpose(self.axes)[flips]

    def undo(self, voxels: NDArray[Scalar]) -> NDArray[Scalar]:
        """Return a view of re-ordered `voxels` in their source order."""
        flips = tuple(slice(None, None, -1 if reverse else 1) for reverse in self.reverse)
        return voxels[flips].transpose(tuple(int(i) for i in np.argsort(self.axes)))

    def geometry(self, source: Geometry) -> Geometry:
        """Return the grid on which re-ordered voxels lie, each at its unchanged place in the patient."""
        move = np.zeros((4, 4))
        move[3, 3] = 1.0
        for new, (old, reverse) in enumerate(zip(self.axes, self.reverse, strict=True)):
            move[old, new] = -1.0 if reverse else 1.0
            move[old, 3] = source.shape[old] - 1 if reverse else 0.0
        shape = (source.shape[self.axes[0]], source.shape[self.axes[1]], source.shape[self.axes[2]])
        return Geometry(source.affine @ move, shape, source.frame_of_reference_uid)


def canonical_reorientation(geometry: Geometry) -> Reorientation:
    """Return the re-ordering that brings a grid closest to canonical order, however the patient lay and slices came."""
    directions = geometry.affine[:3, :3] / np.linalg.norm(geometry.affine[:3, :3], axis=0)
    wanted = (2, 1, 0)  # patient axis (x=0, y=1, z=2) that slice, row and column should follow
    best: tuple[float, tuple[int, int, int]] = (-1.0, (0, 1, 2))
    for axes in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        fit = sum(abs(directions[wanted[new], old]) for new, old in enumerate(axes))
        if fit > best[0] + 1e-9:
            best = (float(fit), axes)
    axes = best[1]
    signs = [bool(directions[wanted[new], old] < 0) for new, old in enumerate(axes)]
    return Reorientation(axes, (signs[0], signs[1], signs[2]))
