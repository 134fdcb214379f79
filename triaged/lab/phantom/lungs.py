"""The lungs as a signed distance, and the belly under them.

Lung = inside the cage, below the apical domes, above the diaphragm, outside the mediastinum. Must not know: disease.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from triaged.lab.phantom.anatomy import Anatomy
from triaged.lab.phantom.frame import Frame, blend, coverage, ellipsoid_box, ellipsoid_distance, slab
from triaged.lab.phantom.mediastinum import midline
from triaged.lab.phantom.options import F32, Bool
from triaged.lab.phantom.texture import draw_knots, field, smooth_noise
from triaged.lab.phantom.wall import Cage, ramp
from triaged.lab.portable import exp, hypot, power, sin


@dataclass(frozen=True, slots=True)
class Lungs:
    """Fields over the grid, in mm: `distance` to the lung surface and `costal` to ribs or diaphragm (negative inside).

    `air` is the distance to free air in the pleural space (pneumothorax).
    """

    distance: F32
    costal: F32
    air: F32


def diaphragm_height(rng: np.random.Generator, frame: Frame, anatomy: Anatomy, radius: F32) -> F32:
    """Return the height map (row, column) of the diaphragm: two flat domes that fall to the recess at the ribs.

    The fall is steep at the sides, and a long slope at the back, where the recess is deepest. `radius` is the cage's
    table (slice, angle) of the whole frame.
    """
    reference = int(np.argmin(np.abs(frame.z_mm - (anatomy.dome_r - 25))))
    depth = np.maximum(radius[reference][frame.angle] - frame.radius_mm, 0)
    cosine = frame.y_mm / np.maximum(frame.radius_mm, 1)
    back, front = np.clip(cosine, 0, 1), np.clip(-cosine, 0, 1)
    right = coverage(frame.x_mm, 50)
    top = anatomy.dome_r * right + anatomy.dome_l * (1 - right)
    bottom = top - anatomy.recess * (0.85 + 0.35 * back**2 - 0.4 * front**2)
    reach = anatomy.half_width * (0.6 + 0.2 * back**2 - 0.15 * front)
    t = np.clip(depth / reach, 0, 1)
    rise = power(1 - (1 - t) ** 2, 0.5 + 0.28 * back)
    bumps = field(draw_knots(rng, (1, *frame.x_mm.shape), frame.spacing_mm, 45), 0, 1)[0]
    saddle = 12 * exp(-((frame.x_mm / 34) ** 2))
    height: F32 = (bottom + (top - bottom) * rise + 3 * bumps - saddle).astype(np.float32)
    return height


def build_lungs(
    rng: np.random.Generator, frame: Frame, anatomy: Anatomy, cage: Cage, exclusion: F32, height: F32
) -> Lungs:
    """Return the lungs' surface from its four bounds; `height` (row, column) is the diaphragm."""
    gy, gx = np.gradient(height, frame.spacing_mm[1], frame.spacing_mm[2])
    steep = np.sqrt(1 + np.minimum(gx * gx + gy * gy, 16))
    costal = np.maximum(cage.distance + 1.5, (height[None] - frame.z_mm[:, None, None]) / steep[None])
    np.maximum(costal, cupola(rng, frame, anatomy), out=costal)
    costal += np.float32(0.7) * smooth_noise(rng, frame, 14)
    distance = np.maximum(costal, -exclusion)
    air = np.broadcast_to(np.float32(99), frame.shape)
    if anatomy.air_side:
        air = retract(frame, anatomy, distance, costal)
    if anatomy.missing_side:
        distance[np.broadcast_to(side_of(frame, anatomy) == (anatomy.missing_side < 0), frame.shape)] = 99
    return Lungs(distance, costal, air)


def cupola(rng: np.random.Generator, frame: Frame, anatomy: Anatomy) -> F32:
    """Return the distance (slice, row, column) beyond the domes in which the lungs end at the top."""
    bend = float(rng.uniform(36, 54))
    apex_y = float(rng.uniform(0.1, 0.3)) * anatomy.back
    side = np.where(frame.x_mm < 0, -1.0, 1.0)
    apex = np.where(frame.x_mm < 0, anatomy.apex_r, anatomy.apex_l)
    dx, dy = (frame.x_mm - side * 0.36 * anatomy.half_width) / bend, (frame.y_mm - apex_y) / bend
    cap = (apex - bend * (dx * dx + dy * dy) / 2).astype(np.float32)
    slope = np.sqrt(1 + dx * dx + dy * dy).astype(np.float32)
    beyond: F32 = (frame.z_mm[:, None, None] - cap[None]) / slope[None]
    return beyond


def retract(frame: Frame, anatomy: Anatomy, distance: F32, costal: F32) -> F32:
    """Draw the lung of one side back from the ribs where free air lies, in front; return the distance to that air."""
    up = -frame.y_mm if anatomy.air_up > 0 else frame.y_mm
    gap = np.float32(anatomy.air_mm) * ramp(up, -30, 40)[None] * ramp(frame.z_mm, -150, 30)[:, None, None]
    is_here = side_of(frame, anatomy) == (anatomy.air_side < 0)
    gap = np.where(is_here, gap, 0).astype(np.float32)
    shrunk = costal + gap
    air = np.where(gap > 0.5, np.maximum(distance, -shrunk), 99).astype(np.float32)
    np.maximum(distance, shrunk, out=distance)
    return air


def paint_belly(rng: np.random.Generator, frame: Frame, voxels: F32, cage: Cage, anatomy: Anatomy, height: F32) -> None:
    """Paint liver, spleen, stomach and gut with their air, in fat, below the diaphragm."""
    tissue = anatomy.tissue
    below = np.flatnonzero(frame.z_mm < anatomy.dome_r + 30)
    if below.size == 0:
        return
    part = slice(0, int(below[-1]) + 1)
    low = slab(frame, 0, part.stop)
    z = low.z_mm[:, None, None]
    under = coverage(z - height[None] + 2, 3) * coverage(cage.distance[part] + 1.5, 3)
    region = voxels[part]
    wave = smooth_noise(rng, low, 22)
    blend(region, under, tissue.fat + 8 * wave)
    x, y = frame.x_mm[None], frame.y_mm[None]
    liver = coverage(x - 18 + 0.35 * y + 0.3 * np.minimum(z - anatomy.dome_r, 0) + 6 * wave, 3)
    blend(region, under * liver * ramp(z, anatomy.dome_r - 190, anatomy.dome_r - 120), tissue.liver)
    spleen = np.maximum(hypot(x - 95, (y - 35) / 1.3) - 38 - 4 * wave, z - anatomy.dome_l)
    blend(region, under * coverage(spleen, 3), tissue.spleen)
    stomach = (float(rng.uniform(40, 65)), float(rng.uniform(-25, 15)), anatomy.dome_l - float(rng.uniform(25, 55)))
    axes = (float(rng.uniform(28, 45)), float(rng.uniform(28, 45)), float(rng.uniform(25, 50)))
    meal = float(rng.uniform(0, 80))
    box = ellipsoid_box(low, stomach, axes, 5)
    if box is not None:
        d = ellipsoid_distance(low, box, stomach, axes, 0.4)
        blend(voxels[box], coverage(d, frame.edge_mm) * under[box], meal)
        level = stomach[1] + (1 - 2 * anatomy.stomach_air) * axes[1]
        air = coverage(np.maximum(d + 4, frame.y_mm[box[1], box[2]][None] - level), frame.edge_mm)
        blend(voxels[box], air * under[box], -985.0)
    bubbles = coverage((2.35 - smooth_noise(rng, low, 13)) * 6, 3)
    gut = coverage((np.abs(smooth_noise(rng, low, 17)) - 0.45) * 10, 4) * (1 - liver)
    blend(region, 0.9 * gut * under * coverage(z - anatomy.dome_l + 70, 10), tissue.muscle)
    blend(
        region, bubbles * (1 - liver) * under * coverage(z - anatomy.dome_l + 45, 10) * (frame.x_mm > -60)[None], -900.0
    )


def lobe_fields(rng: np.random.Generator, x: F32, y: F32, z: F32) -> tuple[F32, F32, F32]:
    """Return distances (mm) to the right oblique, right horizontal and left oblique fissures, positive above.

    At points x, y, z (n,). Upper lobes lie above the oblique fissures; the middle lobe above the right oblique and
    below the horizontal one.
    """
    fields = []
    for side in (-1.0, 1.0):
        slope = float(rng.uniform(0.95, 1.35))
        shift = float(rng.normal(-28, 8))
        tilt = float(rng.normal(0, 0.12))
        bow = 8 * float(rng.normal()) * (((x - side * 70) / 60) ** 2 + (y / 80) ** 2 - 0.7)
        plane = (z - shift - slope * (y - 8) - tilt * (x - side * 70) - bow) / np.sqrt(1 + slope * slope)
        fields.append(plane.astype(np.float32))
    horizontal = z - float(rng.normal(-15, 8)) - 0.15 * (y + 40) - 5 * sin((x + 70) / 40)
    return fields[0], horizontal.astype(np.float32), fields[1]


def side_of(frame: Frame, anatomy: Anatomy) -> Bool:
    """Return True (slice or 1, row, column) where a lung voxel is the patient's right."""
    if not anatomy.shift:
        return (frame.x_mm < 3)[None]
    middle = midline(anatomy, frame.y_mm[None], frame.z_mm[:, None, None])
    result: Bool = frame.x_mm[None] < 3 + middle
    return result
