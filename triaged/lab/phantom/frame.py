"""The drawing grid in patient millimetres, and the few operations every organ is drawn with.

Frame: x toward patient left, y posterior, z head; z = 0 at the carina, x = y = 0 on the axis of the rib cage.
Must not know: any organ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from triaged.lab.phantom.options import F32, Bool, Reals
from triaged.lab.portable import arctan2, cos, gaussian, hypot, sin

ANGLES = 2048
Box = tuple[slice, slice, slice]
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """A regular grid and the patient coordinates of its voxels.

    `z_mm` is (slice,), `y_mm` and `x_mm` are (row, column) because the patient may be rolled about z;
    `radius_mm` and `angle` are the polar coordinates about the cage axis, angle as an index into ANGLES bins,
    0 = posterior, growing toward patient left. Slices may be unevenly spaced: `spacing_mm[0]` is their mean distance.
    `edge_mm` is the width of a soft boundary. A frame may be a slab of a longer one: `first` is the place of its first
    slice there, `whole` the number of slices of the longer one; fields and organs drawn slab by slab fit together.
    """

    spacing_mm: tuple[float, float, float]
    z_mm: F32
    y_mm: F32
    x_mm: F32
    radius_mm: F32
    angle: np.typing.NDArray[np.int32]
    roll_rad: float
    origin_mm: tuple[float, float]
    edge_mm: float
    first: int
    whole: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (slices, rows, columns)."""
        return (self.z_mm.size, self.y_mm.shape[0], self.y_mm.shape[1])


def make_frame(
    z_mm: F32,
    matrix: int,
    pixel_mm: float,
    off_centre_mm: tuple[float, float],
    roll_rad: float,
    edge_mm: float,
    row_mm: float = 0.0,
) -> Frame:
    """Return the frame of square slices at `z_mm`, the patient shifted by (x, y) mm and rolled about z.

    `row_mm` is the distance of rows where it differs from that of columns.
    """
    row_mm = row_mm or pixel_mm
    index = np.arange(matrix, dtype=np.float32) - (matrix - 1) / 2
    gx, gy = np.meshgrid(index * pixel_mm - off_centre_mm[0], index * row_mm - off_centre_mm[1])
    c, s = cos(roll_rad), sin(roll_rad)
    x = (c * gx + s * gy).astype(np.float32)
    y = (-s * gx + c * gy).astype(np.float32)
    angle = (arctan2(x, y) / (2 * np.pi) * ANGLES).astype(np.int32) % ANGLES
    return Frame(
        spacing_mm=(float(z_mm[-1] - z_mm[0]) / (z_mm.size - 1), row_mm, pixel_mm),
        z_mm=z_mm.astype(np.float32),
        y_mm=y,
        x_mm=x,
        radius_mm=hypot(x, y).astype(np.float32),
        angle=angle,
        roll_rad=roll_rad,
        origin_mm=(float(index[0] * pixel_mm - off_centre_mm[0]), float(index[0] * row_mm - off_centre_mm[1])),
        edge_mm=edge_mm,
        first=0,
        whole=z_mm.size,
    )


def slab(frame: Frame, start: int, stop: int) -> Frame:
    """Return the slices start..stop of a frame as a frame."""
    return replace(frame, z_mm=frame.z_mm[start:stop], first=frame.first + start)


def table_angles() -> F32:
    """Return the angle in radians, (-pi, pi], of every bin of the angular tables."""
    a = np.arange(ANGLES, dtype=np.float32) / ANGLES * 2 * np.pi
    return np.where(a > np.pi, a - 2 * np.pi, a).astype(np.float32)


def voxel_index(frame: Frame, points_mm: F32) -> F32:
    """Return fractional (slice, row, column) indices, shape (n, 3), of points given as (x, y, z) mm."""
    c, s = cos(frame.roll_rad), sin(frame.roll_rad)
    gx = c * points_mm[:, 0] - s * points_mm[:, 1]
    gy = s * points_mm[:, 0] + c * points_mm[:, 1]
    dz, dy, dx = frame.spacing_mm
    z = points_mm[:, 2]
    k = np.interp(z, frame.z_mm, np.arange(frame.z_mm.size))
    k = k + np.minimum(z - frame.z_mm[0], 0) / dz + np.maximum(z - frame.z_mm[-1], 0) / dz
    index = [k, (gy - frame.origin_mm[1]) / dy, (gx - frame.origin_mm[0]) / dx]
    return np.stack(index, axis=1).astype(np.float32)


def box_around(frame: Frame, low: Point, high: Point) -> Box | None:
    """Return the index box that holds the patient-axis cuboid low..high (x, y, z mm), None if it is off the grid."""
    corners = np.array([(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    index = voxel_index(frame, corners.astype(np.float32))
    start = np.floor(index.min(axis=0)).astype(int)
    stop = np.ceil(index.max(axis=0)).astype(int) + 1
    start, stop = np.maximum(start, 0), np.minimum(stop, frame.shape)
    if (stop <= start).any():
        return None
    return (slice(start[0], stop[0]), slice(start[1], stop[1]), slice(start[2], stop[2]))


def coordinates(frame: Frame, box: Box) -> tuple[F32, F32, F32]:
    """Return broadcastable x, y, z (mm) of the voxels of a box."""
    return (
        frame.x_mm[box[1], box[2]][None],
        frame.y_mm[box[1], box[2]][None],
        frame.z_mm[box[0]][:, None, None],
    )


def coverage(distance_mm: Reals, edge_mm: float) -> F32:
    """Return the share of a voxel inside a surface from the signed distance (negative inside)."""
    cover: F32 = np.clip(np.float32(0.5) - distance_mm / np.float32(edge_mm), 0, 1).astype(np.float32, copy=False)
    return cover


def blend(voxels: F32, cover: Reals, hu: Reals | float) -> None:
    """Mix `hu` into `voxels` in place, by the share `cover`."""
    voxels += np.asarray(cover, dtype=np.float32) * (np.asarray(hu, dtype=np.float32) - voxels)


def ellipsoid_distance(frame: Frame, box: Box, centre: Point, axes: Point, turn_rad: float = 0.0) -> F32:
    """Return the approximate signed distance (mm) to an ellipsoid turned by `turn_rad` about z."""
    x, y, z = coordinates(frame, box)
    c, s = np.float32(cos(turn_rad)), np.float32(sin(turn_rad))
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    u, v = (c * dx + s * dy) / np.float32(axes[0]), (-s * dx + c * dy) / np.float32(axes[1])
    w = (z - np.float32(centre[2])) / np.float32(axes[2])
    rho = np.sqrt(u * u + v * v + w * w)
    grad = np.sqrt((u / axes[0]) ** 2 + (v / axes[1]) ** 2 + (w / axes[2]) ** 2) / np.maximum(rho, 1e-3)
    result: F32 = ((rho - 1) / np.maximum(grad, 1 / max(axes))).astype(np.float32)
    return result


def ellipsoid_box(frame: Frame, centre: Point, axes: Point, margin_mm: float = 0.0) -> Box | None:
    """Return the index box of an ellipsoid however it is turned about z."""
    r = max(axes[0], axes[1]) + margin_mm
    h = axes[2] + margin_mm
    return box_around(
        frame,
        (centre[0] - r, centre[1] - r, centre[2] - h),
        (centre[0] + r, centre[1] + r, centre[2] + h),
    )


def paint_ellipsoid(
    frame: Frame, voxels: F32, centre: Point, axes: Point, hu: float, turn_rad: float = 0.0, within: Bool | None = None
) -> None:
    """Paint a solid ellipsoid, only on the voxels of `within` where that is given."""
    box = ellipsoid_box(frame, centre, axes, 2 * frame.edge_mm)
    if box is None:
        return
    cover = coverage(ellipsoid_distance(frame, box, centre, axes, turn_rad), frame.edge_mm)
    if within is not None:
        cover = cover * within[box]
    blend(voxels[box], cover, hu)


def capsule_distance(frame: Frame, box: Box, start: Point, end: Point, r_start: float, r_end: float) -> F32:
    """Return the signed distance (mm) to a straight tube whose radius changes linearly."""
    x, y, z = coordinates(frame, box)
    a = np.asarray(start, dtype=np.float32)
    d = np.asarray(end, dtype=np.float32) - a
    square = np.maximum(d[0] * d[0] + d[1] * d[1] + d[2] * d[2], np.float32(1e-6))
    t = ((x - a[0]) * d[0] + (y - a[1]) * d[1] + (z - a[2]) * d[2]) / square
    t = np.clip(t, 0, 1)
    gap = np.sqrt((x - a[0] - t * d[0]) ** 2 + (y - a[1] - t * d[1]) ** 2 + (z - a[2] - t * d[2]) ** 2)
    result: F32 = (gap - (np.float32(r_start) + t * np.float32(r_end - r_start))).astype(np.float32)
    return result


def capsule_box(frame: Frame, start: Point, end: Point, radius_mm: float) -> Box | None:
    """Return the index box of a tube with a margin for its soft edge."""
    m = radius_mm + 2 * frame.edge_mm
    low = (min(start[0], end[0]) - m, min(start[1], end[1]) - m, min(start[2], end[2]) - m)
    high = (max(start[0], end[0]) + m, max(start[1], end[1]) + m, max(start[2], end[2]) + m)
    return box_around(frame, low, high)


def paint_capsule(
    frame: Frame, voxels: F32, start: Point, end: Point, radius_mm: float, hu: float, r_end: float | None = None
) -> None:
    """Paint a solid tube from start to end."""
    last = radius_mm if r_end is None else r_end
    box = capsule_box(frame, start, end, max(radius_mm, last))
    if box is not None:
        distance = capsule_distance(frame, box, start, end, radius_mm, last)
        blend(voxels[box], coverage(distance, frame.edge_mm), hu)


def mean_over_slices(volume: F32, group: int) -> F32:
    """Return the average of every `group` neighbouring slices."""
    if group == 1:
        return volume
    n = volume.shape[0] // group
    result: F32 = volume[: n * group].reshape(n, group, *volume.shape[1:]).mean(axis=1, dtype=np.float32)
    return result


def blur_in_plane(volume: F32, sigma_px: float) -> F32:
    """Return the volume with each slice smoothed by a Gaussian."""
    if sigma_px < 0.1:
        return volume
    result: F32 = gaussian(volume, (0, sigma_px, sigma_px), truncate=2.5)
    return result
