"""The rib cage as a radial surface, and what lies outside it: muscle, fat, skin, breasts, arms, table.

The cage is a table of radii over (slice, angle); every layer of the wall is a thickness added to that radius, so one
distance field serves them all. Must not know: lungs, disease.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from triaged.lab.phantom.anatomy import Anatomy
from triaged.lab.phantom.frame import (
    Frame,
    Point,
    blend,
    coverage,
    paint_capsule,
    paint_ellipsoid,
    table_angles,
)
from triaged.lab.phantom.options import F32
from triaged.lab.phantom.texture import smooth_noise
from triaged.lab.portable import cos, exp, power, sin


@dataclass(frozen=True, slots=True)
class Cage:
    """`radius` (slice, angle bin) in mm of the inner cage; `distance` (slice, row, column) mm, negative inside.

    `widest` is the largest radius of the whole cage, of which this may be a slab.
    """

    radius: F32
    widest: float
    distance: F32


def ramp(value: F32, start: float, end: float) -> F32:
    """Return a smooth step that is 0 at `start` and 1 at `end` (either may be the larger)."""
    t = np.clip((value - np.float32(start)) / np.float32(end - start), 0, 1)
    result: F32 = (t * t * (3 - 2 * t)).astype(np.float32)
    return result


def angular_wobble(rng: np.random.Generator, z_mm: F32, amplitude: float) -> F32:
    """Return a smooth random (slice, angle) table of about `amplitude`, periodic in angle, slow along z."""
    angle = table_angles()
    out = np.zeros((z_mm.size, angle.size), dtype=np.float32)
    for order in range(2, 7):
        for wave in (sin, cos):
            phase = rng.uniform(0, 2 * np.pi)
            along = sin(z_mm / rng.uniform(50, 120) + phase) + rng.normal()
            out += (rng.normal() / order * along[:, None] * wave(order * angle)[None]).astype(np.float32)
    return out * np.float32(amplitude)


def cage_radius(rng: np.random.Generator, frame: Frame, anatomy: Anatomy) -> F32:
    """Return the table (slice, angle) of the ribs' inner surface.

    A superellipse that narrows toward the apex, with a front slope.
    """
    z, angle = frame.z_mm, table_angles()
    top = ramp(z, -60, anatomy.apex_r)[:, None]
    low = ramp(z, -110, -230)[:, None]
    width = anatomy.half_width * (1 - (1 - anatomy.narrow_top) * top - 0.05 * low)
    front = anatomy.front * (1 - 0.34 * ramp(z, -40, anatomy.apex_r + 20)[:, None] + 0.03 * low)
    back = anatomy.back * (1 - 0.22 * ramp(z, 10, anatomy.apex_r + 20)[:, None])
    depth = np.where(cos(angle)[None] > 0, back, front)
    n = anatomy.exponent
    inverse = power(np.abs(sin(angle))[None] / width, n) + power(np.abs(cos(angle))[None] / depth, n)
    radius: F32 = power(inverse, -1 / n).astype(np.float32)
    # The posterior gutters beside the spine reach farther back than the midline.
    radius += 6 * exp(-(((np.abs(angle) - 0.5) / 0.25) ** 2))[None].astype(np.float32)
    radius += angular_wobble(rng, z, 1.6)
    return radius


def build_cage(frame: Frame, radius: F32) -> Cage:
    """Return the cage in a frame that may be a slab; `radius` is the table (slice, angle) of the whole one."""
    rows = radius[frame.first : frame.first + frame.shape[0]]
    return Cage(rows, float(radius.max()), radial_distance(frame, rows))


def radial_distance(frame: Frame, radius: F32) -> F32:
    """Return the distance beyond a radial surface table (slice, angle) for every voxel, negative inside."""
    out = np.empty(frame.shape, dtype=np.float32)
    for k in range(frame.shape[0]):
        np.subtract(frame.radius_mm, radius[k][frame.angle], out=out[k])
    return out


def wall_thickness(rng: np.random.Generator, frame: Frame, cage: Cage, anatomy: Anatomy) -> tuple[F32, F32]:
    """Return two tables (slice, angle) in mm: outer limit of muscle and of fat, measured from the inner cage."""
    z, angle = frame.z_mm[:, None], table_angles()[None]
    side, back = np.abs(sin(angle)), np.clip(cos(angle), 0, 1)
    pectoral = exp(-(((np.abs(angle) - 2.3) / 0.5) ** 2)) * ramp(z, -60, 30)
    dorsal = exp(-(((np.abs(angle) - 0.95) / 0.45) ** 2)) * ramp(z, -110, 0)
    muscle = 9 + anatomy.muscle * (0.25 + 0.8 * pectoral + 1.1 * dorsal)
    shoulder = ramp(z, 15, 85) * (anatomy.shoulder * side**2 + 8)
    flat = (anatomy.back + 24 + anatomy.muscle) / np.maximum(cos(angle), 0.3) - cage.radius
    flat = np.minimum(flat, 38) * ramp(np.abs(angle), 1.35, 0.5)
    muscle = np.maximum(muscle + shoulder, flat) - 7 * exp(-((angle / 0.08) ** 2))
    fat = anatomy.fat * (0.55 + 0.5 * side + 0.35 * back + 0.35 * ramp(z, -60, -200))
    breast = exp(-(((np.abs(angle) - 2.45) / 0.42) ** 2)) * exp(-(((z + 35) / 55) ** 2))
    fat = fat * (1 + 0.05 * angular_wobble(rng, frame.z_mm, 1.0)) + anatomy.breast * breast
    inner = (muscle + angular_wobble(rng, frame.z_mm, 1.2)).astype(np.float32)
    return np.maximum(inner, 8), (np.maximum(inner, 8) + np.maximum(fat, 1.5)).astype(np.float32)


def paint_wall(rng: np.random.Generator, frame: Frame, voxels: F32, cage: Cage, anatomy: Anatomy) -> None:
    """Paint a blanket, skin, subcutaneous fat and the muscle layer; everything inside the muscle is left muscle."""
    tissue = anatomy.tissue
    inner, outer = wall_thickness(rng, frame, cage, anatomy)
    muscle_distance = radial_distance(frame, cage.radius + inner)
    skin_distance = radial_distance(frame, cage.radius + outer)
    if anatomy.blanket:
        cloth = coverage(np.abs(skin_distance - 3 - anatomy.blanket / 2) - anatomy.blanket / 2, frame.edge_mm)
        blend(voxels, cloth * (frame.y_mm < 10)[None], -950 + 2 * anatomy.blanket)
    blend(voxels, coverage(skin_distance, frame.edge_mm), tissue.skin)
    streaks = 12 * smooth_noise(rng, frame, 9)
    blend(voxels, coverage(skin_distance + 2.2, frame.edge_mm), tissue.fat + 0.5 * streaks)
    if anatomy.breast > 0:
        gland = smooth_noise(rng, frame, 13)
        amount = np.clip(gland - 1.0 + anatomy.breast / 200, 0, 1) * np.float32(0.8)
        amount *= coverage(skin_distance + 9, 6) * coverage(5 - muscle_distance, 6) * (frame.y_mm < -30)[None]
        blend(voxels, amount, 25.0)
    blend(voxels, coverage(muscle_distance, frame.edge_mm), tissue.muscle + streaks)
    marbling = smooth_noise(rng, frame, 16) + 0.15 * smooth_noise(rng, frame, 5)
    planes = np.clip(0.55 - np.abs(marbling) * 2.2, 0, 1) * coverage(muscle_distance + 3, 4)
    above = ramp(frame.z_mm, anatomy.apex_r - 15, anatomy.apex_r + 10)[:, None, None]
    planes *= np.maximum(coverage(8 - cage.distance, 3), above)
    blend(voxels, planes, tissue.fat)


def paint_arms(rng: np.random.Generator, frame: Frame, voxels: F32, cage: Cage, anatomy: Anatomy) -> None:
    """Paint the upper arms beside the chest, or raised from the shoulders; the body is drawn over them later."""
    tissue = anatomy.tissue
    reach = cage.widest + anatomy.fat + 20
    for side in (-1.0, 1.0):
        if anatomy.arms_down:
            x, radius = side * (reach + rng.uniform(28, 50)), float(rng.uniform(34, 50))
            start, end = (x, 12.0, -260.0), (x - side * 8, 8.0, 110.0)
        else:
            radius, joint = float(rng.uniform(38, 52)), shoulder_joint(anatomy, side)
            start, end = joint, (joint[0] * 1.25, joint[1] - 20, joint[2] + 130)
        layers = ((radius, tissue.fat), (radius - 5, tissue.muscle), (12, tissue.cortex), (7, tissue.marrow))
        for r, hu in layers:
            paint_capsule(frame, voxels, start, end, r, hu)


def paint_shoulder_joints(frame: Frame, voxels: F32, anatomy: Anatomy) -> None:
    """Paint the heads of the upper arm bones over the finished body."""
    for side in (-1.0, 1.0):
        joint = shoulder_joint(anatomy, side)
        paint_ellipsoid(frame, voxels, joint, (24, 24, 24), anatomy.tissue.cortex * 0.6)
        paint_ellipsoid(frame, voxels, joint, (21, 21, 21), anatomy.tissue.marrow)


def shoulder_joint(anatomy: Anatomy, side: float) -> Point:
    """Return the centre (x, y, z mm) of a shoulder joint; `side` is -1 for the patient's right."""
    lift = 22.0 if anatomy.arms_down else 6.0
    return (side * (anatomy.half_width + anatomy.shoulder * 0.4), 0.1 * anatomy.back, anatomy.apex_r + lift)


def paint_clothing(rng: np.random.Generator, frame: Frame, voxels: F32) -> None:
    """Paint faint folds of cloth in the air around the patient, in two of five."""
    if rng.random() < 0.4:
        folds = np.abs(smooth_noise(rng, frame, 45))
        sheet = coverage((folds - 0.02) * 45, frame.edge_mm) * (voxels < -900)
        blend(voxels, sheet * np.float32(rng.uniform(0.03, 0.12)), 0.0)


def paint_table(rng: np.random.Generator, frame: Frame, voxels: F32, y_mm: float, prone: float) -> None:
    """Paint the curved couch below the patient: two thin shells over foam, never over the body.

    `y_mm` is the height of its top on the patient's axis, `prone` is -1 when the couch is on the anterior side.
    """
    curve = float(rng.uniform(0, 0.0012))
    thick, shell = float(rng.uniform(25, 60)), float(rng.uniform(1.5, 4))
    depth = prone * frame.y_mm - (y_mm - curve * frame.x_mm**2)
    half = float(rng.uniform(190, 260))
    inside = coverage(np.abs(depth - thick / 2) - thick / 2, frame.edge_mm)
    core = coverage(np.abs(depth - thick / 2) - thick / 2 + shell, frame.edge_mm)
    beside = coverage(np.abs(frame.x_mm) - half, frame.edge_mm)
    plate = np.full(frame.x_mm.shape, -1000, dtype=np.float32)
    blend(plate, inside * beside, float(rng.uniform(-300, 50)))
    blend(plate, core * beside, float(rng.uniform(-980, -880)))
    np.copyto(voxels, np.maximum(voxels, plate[None]), where=voxels < -700)
