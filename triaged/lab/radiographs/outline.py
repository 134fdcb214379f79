"""The outside of a standing or lying patient: trunk, neck, shoulders, arms, breasts and the stomach's bubble.

Must not know: bones, lungs, disease, beams.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from triaged.lab.phantom.anatomy import Anatomy
from triaged.lab.phantom.frame import (
    Frame,
    Point,
    blend,
    capsule_box,
    capsule_distance,
    coverage,
    ellipsoid_box,
    ellipsoid_distance,
    table_angles,
)
from triaged.lab.phantom.options import F32
from triaged.lab.phantom.texture import smooth_noise
from triaged.lab.phantom.wall import Cage, radial_distance, ramp, wall_thickness
from triaged.lab.portable import exp
from triaged.lab.radiographs.stance import Stance

Limb = tuple[Point, Point, float, float]


def limbs(anatomy: Anatomy, stance: Stance) -> list[Limb]:
    """Return neck, shoulders, upper arms and the folds in front of the armpits as tubes (start, end, radii)."""
    apex, n = anatomy.apex_r, stance.neck_mm
    jx, jy, jz = stance.joint
    neck: Limb = ((0.0, 4.0, apex - 10), (0.0, 0.0, apex + 160), n, n)
    parts = [neck]
    for side in (-1.0, 1.0):
        joint: Point = (side * jx, jy, jz)
        elbow: Point = (side * stance.elbow[0], stance.elbow[1], stance.elbow[2])
        hollow = 46.0 + 0.1 * anatomy.fat
        parts += [
            ((side * 32.0, 12.0, apex + 34), joint, 0.62 * n, 36.0),
            (joint, elbow, hollow, hollow - 9),
            ((side * (jx - 12), jy, jz - 12), (side * 0.62 * anatomy.half_width, -0.45 * anatomy.front, apex - 85),
             34.0, 26.0),
            ((side * (jx - 12), jy, jz - 12), (side * 0.8 * anatomy.half_width, 0.55 * anatomy.back, apex - 100),
             34.0, 26.0),
        ]  # fmt: skip
    return parts


def paint_outline(
    rng: np.random.Generator, frame: Frame, voxels: F32, cage: Cage, anatomy: Anatomy, stance: Stance
) -> None:
    """Paint skin, fat and muscle of trunk, neck and arms into a slab of air."""
    tissue = anatomy.tissue
    muscle, skin = layers(rng, frame, cage, anatomy, stance)
    streaks = 12 * smooth_noise(rng, frame, 9)
    blend(voxels, coverage(skin, frame.edge_mm), tissue.skin)
    blend(voxels, coverage(skin + 2.0, frame.edge_mm), tissue.fat + 0.5 * streaks)
    if anatomy.breast > 0:
        gland = np.clip(smooth_noise(rng, frame, 13) - 0.8 + anatomy.breast / 160, 0, 1) * np.float32(0.85)
        gland *= coverage(skin + 9, 6) * coverage(5 - muscle, 6) * (frame.y_mm < -30)[None]
        blend(voxels, gland, 30.0)
    blend(voxels, coverage(muscle, frame.edge_mm), tissue.muscle + streaks)
    marbling = smooth_noise(rng, frame, 16) + 0.15 * smooth_noise(rng, frame, 5)
    planes = np.clip(0.55 - np.abs(marbling) * 2.2, 0, 1) * coverage(muscle + 3, 4)
    planes *= coverage(8 - cage.distance, 3)
    blend(voxels, planes, tissue.fat)


def layers(rng: np.random.Generator, frame: Frame, cage: Cage, anatomy: Anatomy, stance: Stance) -> tuple[F32, F32]:
    """Return the signed distances (slice, row, column) to the muscle's and to the skin's surface, negative inside."""
    slim = replace(anatomy, shoulder=4.0, breast=0.0)
    inner, outer = wall_thickness(rng, frame, cage, slim)
    outer += anatomy.breast * breast_shape(rng, frame, stance)
    muscle = radial_distance(frame, cage.radius + inner)
    skin = radial_distance(frame, cage.radius + outer)
    hill = anatomy.apex_r + 34 - 0.0016 * frame.x_mm**2 - 0.009 * (frame.y_mm - 8) ** 2
    cap = 0.8 * (frame.z_mm[:, None, None] - hill[None])
    muscle = -blended(-muscle, -cap, 24)
    skin = -blended(-skin, -(cap - 4), 24)
    fat = 3 + 0.45 * anatomy.fat
    for start, end, first, last in limbs(anatomy, stance):
        box = capsule_box(frame, start, end, max(first, last) + fat + 4)
        if box is None:
            continue
        d = capsule_distance(frame, box, start, end, first, last)
        muscle[box] = blended(muscle[box], d, 14)
        skin[box] = blended(skin[box], d - fat, 14)
    return muscle, skin


def blended(a: F32, b: F32, width_mm: float) -> F32:
    """Return the distance to the union of two bodies, their seam rounded over `width_mm`."""
    h = np.maximum(width_mm - np.abs(a - b), 0) / np.float32(width_mm)
    result: F32 = (np.minimum(a, b) - h * h * np.float32(width_mm / 4)).astype(np.float32)
    return result


def breast_shape(rng: np.random.Generator, frame: Frame, stance: Stance) -> F32:
    """Return how far (share of its thickness) the breasts stand out, (slice, angle): hanging where upright."""
    angle = np.abs(table_angles())[None]
    low = float(rng.uniform(-95, -55)) if stance.upright else -40.0
    z = frame.z_mm[:, None]
    below = ramp(z, low - 42, low + 8) if stance.upright else exp(-(((z - low) / 60) ** 2))
    above = exp(-((np.maximum(z - low, 0) / 62) ** 2))
    across = exp(-(((angle - 2.42) / 0.42) ** 2))
    result: F32 = (across * np.minimum(below, above)).astype(np.float32)
    return result


def paint_bubble(rng: np.random.Generator, frame: Frame, voxels: F32, anatomy: Anatomy) -> None:
    """Paint the gas on top of the stomach of somebody upright, under the left dome, and gas in the bowel beside it."""
    size = float(rng.uniform(0.4, 1.2))
    below = float(rng.uniform(18, 30))
    centre: Point = (float(rng.uniform(48, 68)), float(rng.uniform(-20, 10)), anatomy.dome_l - below)
    axes: Point = (30 * size, 30 * size, 18 * size)
    level = centre[2] - float(rng.uniform(-4, 10))
    present, box = rng.random() < 0.75, ellipsoid_box(frame, centre, axes, 4)
    if present and box is not None:
        d = ellipsoid_distance(frame, box, centre, axes)
        d = np.maximum(d, level - frame.z_mm[box[0]][:, None, None])
        blend(voxels[box], coverage(d, frame.edge_mm), -985.0)
    for _ in range(int(rng.integers(0, 6))):
        below = float(rng.uniform(45, 120))
        at: Point = (float(rng.uniform(-30, 110)), float(rng.uniform(-70, 10)), anatomy.dome_l - below)
        loop: Point = (float(rng.uniform(8, 26)), float(rng.uniform(8, 20)), float(rng.uniform(7, 16)))
        box = ellipsoid_box(frame, at, loop, 4)
        if box is not None:
            blend(voxels[box], coverage(ellipsoid_distance(frame, box, at, loop), 3), -970.0)
