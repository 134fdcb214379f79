"""The lungs as a signed distance, and the belly under them.

Lung = inside the cage, below the apical domes, above the diaphragm, outside the mediastinum. Must not know: disease.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from triaged.lab.phantom.anatomy import Anatomy
from triaged.lab.phantom.frame import Frame, blend, coverage, ellipsoid_box, ellipsoid_distance, smooth_noise
from triaged.lab.phantom.options import F32, Bool
from triaged.lab.phantom.wall import Cage, ramp


@dataclass(frozen=True, slots=True)
class Lungs:
    """Fields over the grid, in mm: `distance` to the lung surface and `costal` to ribs or diaphragm (negative inside).

    `diaphragm_mm` (row, column) is the height of the diaphragm.
    """

    distance: F32
    costal: F32
    diaphragm_mm: F32


def diaphragm_height(rng: np.random.Generator, frame: Frame, anatomy: Anatomy, cage: Cage) -> F32:
    """Return the height map (row, column) of the diaphragm: two flat domes that fall to the recess at the ribs.

    The fall is steep at the sides, and a long slope at the back, where the recess is deepest.
    """
    reference = int(np.argmin(np.abs(frame.z_mm - (anatomy.dome_r - 25))))
    depth = np.maximum(-cage.distance[reference], 0)
    cosine = frame.y_mm / np.maximum(frame.radius_mm, 1)
    back, front = np.clip(cosine, 0, 1), np.clip(-cosine, 0, 1)
    right = coverage(frame.x_mm, 50)
    top = anatomy.dome_r * right + anatomy.dome_l * (1 - right)
    bottom = top - anatomy.recess * (0.85 + 0.35 * back**2 - 0.4 * front**2)
    reach = anatomy.half_width * (0.6 + 0.2 * back**2 - 0.15 * front)
    t = np.clip(depth / reach, 0, 1)
    rise = np.maximum(1 - (1 - t) ** 2, 0) ** (0.5 + 0.28 * back)
    bumps = smooth_noise(rng, (1, *frame.x_mm.shape), frame.spacing_mm, 45)[0]
    saddle = 12 * np.exp(-((frame.x_mm / 34) ** 2))
    height: F32 = (bottom + (top - bottom) * rise + 3 * bumps - saddle).astype(np.float32)
    return height


def build_lungs(rng: np.random.Generator, frame: Frame, anatomy: Anatomy, cage: Cage, exclusion: F32) -> Lungs:
    """Return the lungs' surface from its four bounds."""
    height = diaphragm_height(rng, frame, anatomy, cage)
    gy, gx = np.gradient(height, frame.spacing_mm[1], frame.spacing_mm[2])
    steep = np.sqrt(1 + np.minimum(gx * gx + gy * gy, 16))
    costal = np.maximum(cage.distance + 1.5, (height[None] - frame.z_mm[:, None, None]) / steep[None])
    bend = float(rng.uniform(36, 54))
    apex_y = float(rng.uniform(0.1, 0.3)) * anatomy.back
    side = np.where(frame.x_mm < 0, -1.0, 1.0)
    apex = np.where(frame.x_mm < 0, anatomy.apex_r, anatomy.apex_l)
    dx, dy = (frame.x_mm - side * 0.36 * anatomy.half_width) / bend, (frame.y_mm - apex_y) / bend
    cap = (apex - bend * (dx * dx + dy * dy) / 2).astype(np.float32)
    slope = np.sqrt(1 + dx * dx + dy * dy).astype(np.float32)
    np.maximum(costal, (frame.z_mm[:, None, None] - cap[None]) / slope[None], out=costal)
    costal += np.float32(0.7) * smooth_noise(rng, frame.shape, frame.spacing_mm, 14)
    return Lungs(np.maximum(costal, -exclusion), costal, height)


def paint_belly(
    rng: np.random.Generator, frame: Frame, voxels: F32, cage: Cage, anatomy: Anatomy, lungs: Lungs
) -> None:
    """Paint liver, spleen, stomach and gut with their air, in fat, below the diaphragm."""
    tissue = anatomy.tissue
    below = np.flatnonzero(frame.z_mm < anatomy.dome_r + 30)
    if below.size == 0:
        return
    part = slice(0, int(below[-1]) + 1)
    z = frame.z_mm[part][:, None, None]
    under = coverage(z - lungs.diaphragm_mm[None] + 2, 3) * coverage(cage.distance[part] + 1.5, 3)
    region = voxels[part]
    shape = (part.stop, *frame.x_mm.shape)
    wave = smooth_noise(rng, shape, frame.spacing_mm, 22)
    blend(region, under, tissue.fat + 8 * wave)
    x, y = frame.x_mm[None], frame.y_mm[None]
    liver = coverage(x - 18 + 0.35 * y + 0.3 * np.minimum(z - anatomy.dome_r, 0) + 6 * wave, 3)
    blend(region, under * liver * ramp(z, anatomy.dome_r - 190, anatomy.dome_r - 120), tissue.liver)
    spleen = np.maximum(np.hypot(x - 95, (y - 35) / 1.3) - 38 - 4 * wave, z - anatomy.dome_l)
    blend(region, under * coverage(spleen, 3), tissue.spleen)
    stomach = (float(rng.uniform(40, 65)), float(rng.uniform(-25, 15)), anatomy.dome_l - float(rng.uniform(25, 55)))
    axes = (float(rng.uniform(28, 45)), float(rng.uniform(28, 45)), float(rng.uniform(25, 50)))
    box = ellipsoid_box(frame, stomach, axes, 5)
    if box is not None and box[0].start < part.stop:
        box = (slice(box[0].start, min(box[0].stop, part.stop)), box[1], box[2])
        d = ellipsoid_distance(frame, box, stomach, axes, 0.4)
        blend(voxels[box], coverage(d, frame.edge_mm) * under[box], float(rng.uniform(0, 80)))
        level = stomach[1] + (1 - 2 * anatomy.stomach_air) * axes[1]
        air = coverage(np.maximum(d + 4, frame.y_mm[box[1], box[2]][None] - level), frame.edge_mm)
        blend(voxels[box], air * under[box], -985.0)
    bubbles = coverage((2.35 - smooth_noise(rng, shape, frame.spacing_mm, 13)) * 6, 3)
    gut = coverage((np.abs(smooth_noise(rng, shape, frame.spacing_mm, 17)) - 0.45) * 10, 4) * (1 - liver)
    blend(region, 0.9 * gut * under * coverage(z - anatomy.dome_l + 70, 10), tissue.muscle)
    blend(
        region, bubbles * (1 - liver) * under * coverage(z - anatomy.dome_l + 45, 10) * (frame.x_mm > -60)[None], -900.0
    )


def lobe_fields(rng: np.random.Generator, frame: Frame) -> tuple[F32, F32, F32]:
    """Return distances (mm) to the right oblique, right horizontal and left oblique fissures, positive above.

    Upper lobes lie above the oblique fissures; the middle lobe above the right oblique and below the horizontal one.
    """
    x, y, z = frame.x_mm[None], frame.y_mm[None], frame.z_mm[:, None, None]
    fields = []
    for side in (-1.0, 1.0):
        slope = float(rng.uniform(0.95, 1.35))
        shift = float(rng.normal(-28, 8))
        tilt = float(rng.normal(0, 0.12))
        bow = 8 * float(rng.normal()) * (((x - side * 70) / 60) ** 2 + (y / 80) ** 2 - 0.7)
        plane = (z - shift - slope * (y - 8) - tilt * (x - side * 70) - bow) / np.sqrt(1 + slope**2)
        fields.append(plane.astype(np.float32))
    horizontal = z - float(rng.normal(-15, 8)) - 0.15 * (y + 40) - 5 * np.sin((x + 70) / 40)
    return fields[0], np.broadcast_to(horizontal, frame.shape).astype(np.float32), fields[1]


def side_of(frame: Frame) -> Bool:
    """Return True (row, column) where a lung voxel is the patient's right."""
    result: Bool = frame.x_mm < 3
    return result
