"""Bones of the chest: ribs, sternum, clavicles, shoulder blades and spine.

Must not know: lungs, disease. Ribs and blades are bands in the wall's distance field, the rest are solids.
"""

from __future__ import annotations

import numpy as np

from triaged.lab.phantom.anatomy import Anatomy
from triaged.lab.phantom.frame import Frame, blend, box_around, coordinates, coverage, paint_capsule, table_angles
from triaged.lab.phantom.options import F32
from triaged.lab.phantom.wall import Cage, ramp
from triaged.lab.portable import cos, hypot, sin


def spine_centre(anatomy: Anatomy, z_mm: F32) -> tuple[F32, F32]:
    """Return x and y (mm) of the vertebral bodies' axis at heights z."""
    back = anatomy.back * (1 - 0.22 * ramp(z_mm, 10, anatomy.apex_r + 20))
    x = anatomy.scoliosis * sin(z_mm / 70)
    return x.astype(np.float32), (back - anatomy.spine_radius * anatomy.spine_depth).astype(np.float32)


def paint_skeleton(rng: np.random.Generator, frame: Frame, voxels: F32, cage: Cage, anatomy: Anatomy) -> None:
    """Paint all bones over the finished wall."""
    paint_ribs(rng, frame, voxels, cage, anatomy)
    paint_blades(rng, frame, voxels, cage, anatomy)
    paint_sternum(frame, voxels, cage, anatomy)
    paint_clavicles(rng, frame, voxels, anatomy)
    paint_spine(rng, frame, voxels, anatomy)


def paint_ribs(rng: np.random.Generator, frame: Frame, voxels: F32, cage: Cage, anatomy: Anatomy) -> None:
    """Paint ribs as oblique bands of the wall's first 9 mm, bone behind and cartilage in front."""
    tissue, pitch = anatomy.tissue, anatomy.vertebra_pitch
    shell = np.flatnonzero((cage.distance > -2) & (cage.distance < 11))
    k, pixel = np.divmod(shell, frame.angle.size)
    angle = np.abs(table_angles())[frame.angle.ravel()[pixel]]
    drop = anatomy.rib_drop * (1 - cos(np.minimum(angle, 2.4) * (np.pi / 2.4))) / 2
    drop -= 45 * ramp(angle, 2.4, np.pi)
    phase = (frame.z_mm[k] + drop - anatomy.vertebra_phase) / pitch
    dz = (phase - np.round(phase)) * pitch * 0.8
    depth = cage.distance.ravel()[shell] - 4.2
    height = 5.0 + float(rng.normal(0, 0.5))
    rho = np.sqrt((dz / height) ** 2 + (depth / 3.6) ** 2)
    distance = ((rho - 1) * 4.2).astype(np.float32)
    gap = (angle < 0.16) | (np.round(phase) * pitch + anatomy.vertebra_phase < -230)
    distance[gap] = 9
    is_cartilage = ramp(angle, 2.35, 2.5)
    values = voxels.ravel()[shell]
    hard = tissue.cortex * (1 - is_cartilage) + tissue.cartilage * is_cartilage
    core = tissue.marrow * (1 - is_cartilage) + tissue.cartilage * 0.8 * is_cartilage
    blend(values, coverage(distance, frame.edge_mm), hard)
    blend(values, coverage(distance + 1.2, frame.edge_mm), core)
    np.put(voxels, shell, values)


def paint_blades(rng: np.random.Generator, frame: Frame, voxels: F32, cage: Cage, anatomy: Anatomy) -> None:
    """Paint the shoulder blades as thin plates in the posterior muscle."""
    angle = np.abs(table_angles())
    z = frame.z_mm[:, None]
    offset = 13 + 0.4 * anatomy.muscle
    width = 0.34 * ramp(z, anatomy.apex_r - 150, anatomy.apex_r - 70)
    across = np.abs(angle[None] - float(rng.uniform(0.75, 1.0))) - width
    table = (across * 90).astype(np.float32) + 200 * (z > anatomy.apex_r + 20)
    for k in np.flatnonzero((frame.z_mm < anatomy.apex_r + 20) & (frame.z_mm > anatomy.apex_r - 150)):
        edge = table[k][frame.angle]
        plate = np.abs(cage.distance[k] - offset - 10 * ramp(edge, 0, -60)) - 2.6
        distance = np.maximum(plate, edge)
        blend(voxels[k], coverage(distance, frame.edge_mm), anatomy.tissue.cortex * 0.8)


def paint_sternum(frame: Frame, voxels: F32, cage: Cage, anatomy: Anatomy) -> None:
    """Paint the breastbone: a plate of marrow in a thin shell."""
    box = box_around(frame, (-24, -150, -120), (24, -20, anatomy.apex_r - 25))
    if box is None:
        return
    x, _, z = coordinates(frame, box)
    anterior = (frame.y_mm < 0)[box[1], box[2]][None]
    half = 13 + 8 * ramp(z, anatomy.apex_r - 75, anatomy.apex_r - 45)
    d = np.maximum(np.abs(x) - half, np.abs(cage.distance[box] - 7) - 5.5)
    d = np.where(anterior, np.maximum(d, -118 - z), 50).astype(np.float32)
    blend(voxels[box], coverage(d, frame.edge_mm), anatomy.tissue.cortex * 0.7)
    blend(voxels[box], coverage(d + 1.4, frame.edge_mm), anatomy.tissue.marrow)


def paint_clavicles(rng: np.random.Generator, frame: Frame, voxels: F32, anatomy: Anatomy) -> None:
    """Paint both collar bones, raised with the arms."""
    lift = float(rng.uniform(0, 30))
    front = -0.62 * anatomy.front
    for side in (-1, 1):
        start = (side * 22.0, front - 12, anatomy.apex_r - 22)
        end = (side * anatomy.half_width, front + 45, anatomy.apex_r + lift)
        paint_capsule(frame, voxels, start, end, 7.0, anatomy.tissue.cortex)
        paint_capsule(frame, voxels, start, end, 4.8, anatomy.tissue.marrow)


def paint_spine(rng: np.random.Generator, frame: Frame, voxels: F32, anatomy: Anatomy) -> None:
    """Paint vertebral bodies and discs, canal, arches, transverse and spinous processes."""
    tissue = anatomy.tissue
    box = box_around(frame, (-60, 0, float(frame.z_mm[0])), (60, 190, float(frame.z_mm[-1])))
    if box is None:
        return
    x, y, z = coordinates(frame, box)
    cx, cy = spine_centre(anatomy, z)
    r = anatomy.spine_radius * (1 - 0.18 * ramp(z, 0, 110) + 0.12 * ramp(z, -60, -220))
    part = (z - anatomy.vertebra_phase) / anatomy.vertebra_pitch
    level = np.abs(part - np.round(part))
    is_disc = coverage((0.38 - level) * anatomy.vertebra_pitch, 2)
    waist = 1 - 0.1 * cos(level * 2 * np.pi)
    body = (np.sqrt(((x - cx) / (r * 1.12 * waist)) ** 2 + ((y - cy) / (r * 0.86 * waist)) ** 2) - 1) * r
    region = voxels[box]
    blend(region, coverage(body, frame.edge_mm), tissue.cortex * 0.75 * (1 - is_disc) + 95 * is_disc)
    marrow = tissue.marrow * float(rng.uniform(0.8, 1.1)) * (1 - is_disc) + 85 * is_disc
    blend(region, coverage(body + 1.6, frame.edge_mm), marrow)
    canal_y = cy + r * 0.86 + 8
    arch = np.abs(hypot((x - cx) / 1.15, y - canal_y) - 11) - 3.2
    present = coverage((level - 0.33) * 20, 6)
    blend(region, coverage(arch, frame.edge_mm) * present, tissue.cortex * 0.8)
    blend(region, coverage(hypot(x - cx, y - canal_y) - 8.5, frame.edge_mm), 30.0)
    spinous = np.maximum(np.abs(x - cx) - 3, np.abs(y - canal_y - 24) - 13)
    transverse = np.maximum(np.abs(y - canal_y - 2 - 0.35 * np.abs(x - cx)) - 4, np.abs(np.abs(x - cx) - 24) - 12)
    blend(region, coverage(spinous, frame.edge_mm) * coverage((level - 0.36) * 20, 5), tissue.cortex * 0.7)
    blend(region, coverage(transverse, frame.edge_mm) * coverage((level - 0.22) * 20, 5), tissue.cortex * 0.6)
