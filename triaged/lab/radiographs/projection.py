"""Sums a chest along the rays of a point source: path lengths and water equivalents, pixel by pixel of a flat detector.

Exact perspective: every coronal plane of the voxels is seen from the source as a scaled and shifted copy of itself, so
the planes are resampled one after another onto one of them, and the sum is seen once more on the detector, however the
patient is turned. Linear interpolation; a ray's path through a plane is the plane's thickness over the ray's cosine.
Must not know: physics of X-rays, how pictures look.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.lab.phantom.options import F32
from triaged.lab.portable import cos, sin
from triaged.lab.radiographs.chest import Chest

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Beam:
    """A point source and a flat square detector in the patient's frame (x to patient left, y posterior, z head; mm).

    `corner` is the centre of the detector's pixel (0, 0); `across` and `down` are the steps from pixel to pixel along a
    row and along a column.
    """

    source: Vector
    corner: Vector
    across: Vector
    down: Vector
    size: int

    def pixels(self) -> Vector:
        """Return the centres (row, column, xyz) of the detector's pixels."""
        index = np.arange(self.size, dtype=np.float64)
        rows = self.corner + index[:, None, None] * self.down
        centres: Vector = rows + index[None, :, None] * self.across
        return centres

    @property
    def pitch_mm(self) -> float:
        """Return the detector's pixel spacing."""
        return float(np.sqrt(inner(self.across, self.across)))

    def seen_at(self, points_mm: Vector | F32) -> Vector:
        """Return (row, column) of the pixels in which points (n, 3) appear, fractional."""
        ray = np.asarray(points_mm, dtype=np.float64) - self.source
        normal = np.cross(self.across, self.down)
        scale = inner(self.corner - self.source, normal) / inner(ray, normal)
        hit = self.source + ray * scale[:, None] - self.corner
        step = inner(self.across, self.across)
        return np.stack([inner(hit, self.down) / step, inner(hit, self.across) / step], axis=1)

    def magnification(self, point_mm: Vector) -> float:
        """Return how much larger than itself something small at a point appears on the detector."""
        normal = np.cross(self.across, self.down)
        far = inner(self.corner - self.source, normal)
        return float(far / inner(point_mm - self.source, normal))


def inner(a: Vector, b: Vector) -> Vector:
    """Return the inner products of vectors (..., 3), in an order of additions that is the same on every processor."""
    product: Vector = a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]
    return product


@dataclass(frozen=True, slots=True)
class Placement:
    """How the beam meets the patient: `front` where the detector is on the front (PA), else on the back (AP).

    `distance_mm` from source to detector, `gap_mm` from the patient's skin to the detector; `turn_deg` about the
    patient's long axis (positive: the patient's left away from the detector), `tilt_deg` of the source toward the head,
    `lean_deg` of the detector in its plane; `centre_mm` (x, z) is what lies in the middle of the detector, `pitch_mm`
    its pixel spacing.
    """

    front: bool
    distance_mm: float
    gap_mm: float
    turn_deg: float
    tilt_deg: float
    lean_deg: float
    centre_mm: tuple[float, float]
    pitch_mm: float
    size: int


def place(chest: Chest, how: Placement) -> Beam:
    """Return the beam; the patient's right is on the left of the picture and the head up, for both views."""
    (_, _), (front, back), (_, _) = chest.extent_mm
    side = -1.0 if how.front else 1.0
    skin = front if how.front else back
    turn, tilt, lean = (np.deg2rad(v) for v in (how.turn_deg, how.tilt_deg, how.lean_deg))
    away = np.array([sin(turn) * cos(tilt), -side * cos(turn) * cos(tilt), sin(tilt)])
    middle = np.array([how.centre_mm[0], (front + back) / 2, how.centre_mm[1]])
    level = np.array([-side * away[1], side * away[0], 0.0])
    level /= np.sqrt(inner(level, level))
    up = np.cross(level, away) * -side
    depth = abs(skin - middle[1]) + how.gap_mm
    heart = middle - away * depth
    across = cos(lean) * level + sin(lean) * up
    down = sin(lean) * level - cos(lean) * up
    half = (how.size - 1) / 2 * how.pitch_mm
    return Beam(
        source=heart + away * how.distance_mm,
        corner=heart - half * across - half * down,
        across=across * how.pitch_mm,
        down=down * how.pitch_mm,
        size=how.size,
    )


class Projector:
    """Projects volumes of one chest's grid along the rays of one beam."""

    def __init__(self, chest: Chest, beam: Beam) -> None:
        """Find the plane on which the sums are gathered: the one nearest to the detector."""
        self._chest, self._beam = chest, beam
        (x0, x1), (y0, y1), (z0, z1) = chest.extent_mm
        self._base_y = y0 if abs(beam.source[1] - y0) > abs(beam.source[1] - y1) else y1
        ray = beam.pixels() - beam.source
        reach = (self._base_y - beam.source[1]) / ray[..., 1]
        self._at_x = beam.source[0] + ray[..., 0] * reach
        self._at_z = beam.source[2] + ray[..., 2] * reach
        length = np.sqrt(inner(ray, ray))
        self._slant = (length / np.abs(ray[..., 1])).astype(np.float32)
        step = 0.9 * beam.pitch_mm / beam.magnification(np.array([0.0, self._base_y, 0.0]))
        self._x = np.arange(max(self._at_x.min(), x0 - 1), min(self._at_x.max(), x1 + 1) + step, step)
        self._z = np.arange(max(self._at_z.min(), z0 - 1), min(self._at_z.max(), z1 + 1) + step, step)
        self._step = step

    def sums(self, planes: list[tuple[float, F32]], thick_mm: float) -> F32:
        """Return the sum over planes (slice, column) of value times path in mm, (row, column) of the detector.

        Each plane comes with its row, which may be fractional, and is `thick_mm` thick along y.
        """
        total = np.zeros((self._z.size, self._x.size), dtype=np.float32)
        for row, plane in planes:
            total += self._scaled(row, plane)
        seen = ndimage.map_coordinates(
            total,
            [(self._at_z - self._z[0]) / self._step, (self._at_x - self._x[0]) / self._step],
            order=1,
            mode="constant",
            output=np.float32,
        )
        return np.asarray(seen * self._slant * np.float32(thick_mm), dtype=np.float32)

    def _scaled(self, row: float, plane: F32) -> F32:
        """Return one plane as seen from the source on the base plane."""
        chest, source = self._chest, self._beam.source
        x0, y0, z0 = chest.origin_mm
        dz, dy, dx = chest.spacing_mm
        scale = (y0 + row * dy - source[1]) / (self._base_y - source[1])
        first_z = (source[2] + (self._z[0] - source[2]) * scale - z0) / dz
        first_x = (source[0] + (self._x[0] - source[0]) * scale - x0) / dx
        step = self._step * scale
        at_z = first_z + step / dz * np.arange(self._z.size)
        at_x = first_x + step / dx * np.arange(self._x.size)
        return linear(linear(plane, at_x, 1), at_z, 0)


def linear(plane: F32, at: Vector, axis: int) -> F32:
    """Return a plane at the places `at` along one axis, linear between its own and zero beyond them."""
    last = plane.shape[axis] - 1
    low = np.floor(at).astype(np.int64)
    part = (at - low).astype(np.float32)
    before, after = (
        np.take(plane, place, axis=axis, mode="clip") * along(np.where((place >= 0) & (place <= last), share, 0), axis)
        for place, share in ((low, 1 - part), (low + 1, part))
    )
    before += after
    return before


def along(values: F32, axis: int) -> F32:
    """Return values (n,) as an array that is broadcast over the other axis of a plane."""
    return values[:, None].astype(np.float32) if axis == 0 else values.astype(np.float32)
