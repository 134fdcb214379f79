"""The skeleton as a radiograph shows it: twelve single ribs, collar bones, shoulder blades, upper arms, vertebrae.

Finer than that of the CT phantoms, whose slices do not need it. Must not know: lungs' tissue, disease, beams.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from triaged.lab.phantom.anatomy import Anatomy
from triaged.lab.phantom.frame import (
    Frame,
    Point,
    blend,
    box_around,
    coordinates,
    coverage,
    paint_capsule,
    paint_ellipsoid,
    table_angles,
)
from triaged.lab.phantom.options import F32
from triaged.lab.phantom.skeleton import paint_sternum, spine_centre
from triaged.lab.phantom.wall import Cage, ramp
from triaged.lab.portable import cos, hypot, sin
from triaged.lab.radiographs.stance import Stance

RIBS = 12
# Angle (radians from the spine) at which the bone of each rib ends and cartilage begins.
RIB_ENDS = (2.75, 2.62, 2.52, 2.44, 2.36, 2.26, 2.15, 2.02, 1.9, 1.8, 1.5, 1.1)


def paint_bones(
    rng: np.random.Generator, frame: Frame, voxels: F32, cage: Cage, dome: F32, anatomy: Anatomy, stance: Stance
) -> None:
    """Paint all bones over the finished body; `dome`: distance (slice, row, column) beyond the lungs' domes."""
    ribs = np.random.Generator(np.random.PCG64(int(rng.integers(2**32))))
    paint_ribs(ribs, frame, voxels, np.maximum(cage.distance, dome), anatomy)
    paint_blade_plates(rng, frame, voxels, cage, anatomy, stance)
    paint_sternum(frame, voxels, cage, anatomy)
    paint_vertebrae(rng, frame, voxels, anatomy)
    for side in (-1.0, 1.0):
        paint_shoulder(rng, frame, voxels, anatomy, stance, side)


def paint_ribs(rng: np.random.Generator, frame: Frame, voxels: F32, beyond: F32, anatomy: Anatomy) -> None:
    """Paint ribs 1 to 12 on the surface whose outer distance is `beyond` (slice, row, column)."""
    tissue, pitch = anatomy.tissue, anatomy.vertebra_pitch
    height, thick = float(rng.uniform(5.6, 7.2)), float(rng.uniform(3.2, 3.9))
    calcified = float(rng.uniform(90, 200)) if rng.random() < 0.75 else float(rng.uniform(200, 420))
    shell = np.flatnonzero((beyond > -1) & (beyond < 10))
    k, pixel = np.divmod(shell, frame.angle.size)
    angle = np.abs(table_angles())[frame.angle.ravel()[pixel]]
    z, depth = frame.z_mm[k], (beyond.ravel()[shell] - 4.4) / np.float32(thick)
    fall = (1 - cos(np.minimum(angle, 2.4) * np.float32(np.pi / 2.4))) / 2
    rise = 45 * ramp(angle, 2.4, np.pi)
    top = np.floor((anatomy.apex_r + 14 - anatomy.vertebra_phase) / pitch) * pitch + anatomy.vertebra_phase
    values = voxels.ravel()[shell]
    for rib in range(RIBS):
        drop = anatomy.rib_drop * min(1.0, 0.42 + 0.13 * rib) * (1 + 0.03 * float(rng.normal()))
        tall = height * (0.75 if rib in (0, 11) else 1.0) * (1 - 0.12 * ramp(angle, 1.0, 0.2))
        dz = (z - (top - rib * pitch) + drop * fall - rise * min(1.0, rib / 5)) * np.float32(0.82)
        near = np.flatnonzero(np.abs(dz) < 12)
        a, end = angle[near], RIB_ENDS[rib] + 0.04 * float(rng.normal())
        rho = np.sqrt((dz[near] / np.broadcast_to(tall, z.shape)[near]) ** 2 + depth[near] ** 2)
        distance = ((rho - 1) * np.float32(4.4)).astype(np.float32)
        distance[a < 0.15] = 9
        if rib >= 10:
            distance[a > end] = 9
        soft = ramp(a, end, end + 0.06)
        hard = 1.12 * tissue.cortex * (1 - soft) + calcified * soft
        core = 1.4 * tissue.marrow * (1 - soft) + 0.8 * calcified * soft
        part = values[near]
        blend(part, coverage(distance, frame.edge_mm), np.maximum(hard, part))
        blend(part, coverage(distance + 1.2, frame.edge_mm), core)
        values[near] = part
    np.put(voxels, shell, values)


def paint_blade_plates(
    rng: np.random.Generator, frame: Frame, voxels: F32, cage: Cage, anatomy: Anatomy, stance: Stance
) -> None:
    """Paint the plates of the shoulder blades in the muscle behind the ribs, each a triangle that stands on its tip."""
    angle = np.abs(table_angles())
    top, tip = stance.joint[2] + 12, stance.joint[2] - float(rng.uniform(110, 135))
    offset = 13 + 0.35 * anatomy.muscle
    for k in np.flatnonzero((frame.z_mm < top) & (frame.z_mm > tip)):
        up = (float(frame.z_mm[k]) - tip) / (top - tip)
        width = 0.06 + 0.56 * min(up * 1.25, 1.0)
        middle = stance.blade + 0.14 + width / 2
        table = ((np.abs(angle - middle) - width / 2) * 120).astype(np.float32)
        edge = table[frame.angle]
        plate = np.abs(cage.distance[k] - offset - 8 * ramp(edge, 0, -40)) - 1.6
        rim = hypot(edge + 3, cage.distance[k] - offset) - 3.4
        distance = np.minimum(np.maximum(plate, edge), rim)
        blend(voxels[k], coverage(distance, frame.edge_mm), anatomy.tissue.cortex * 0.62)


def paint_shoulder(
    rng: np.random.Generator, frame: Frame, voxels: F32, anatomy: Anatomy, stance: Stance, side: float
) -> None:
    """Paint collar bone, the blade's spine and processes, and the upper arm bone of one side."""
    tissue, (jx, jy, jz) = anatomy.tissue, stance.joint
    joint: Point = (side * jx, jy, jz)
    elbow: Point = (side * stance.elbow[0], stance.elbow[1], stance.elbow[2])
    hollow(frame, voxels, [joint, elbow], 11.5, 3.2, tissue.cortex, tissue.marrow * 0.5)
    paint_ellipsoid(frame, voxels, joint, (23.5, 22, 23.5), tissue.cortex * 0.8)
    paint_ellipsoid(frame, voxels, joint, (21.8, 20.5, 21.8), tissue.marrow)
    roof: Point = (side * (jx + 3), jy + 8, jz + 31)
    socket: Point = (side * (jx - 25), jy + 6, jz - 2)
    inner: Point = (side * 0.82 * jx * sin(min(stance.blade + 0.2, 1.5)), 0.72 * anatomy.back + 12, jz - 22)
    hollow(frame, voxels, [inner, (side * (jx - 22), jy + 26, jz + 16), roof], 4.5, 1.5, tissue.cortex, tissue.marrow)
    paint_ellipsoid(frame, voxels, socket, (5, 14, 18), tissue.cortex * 0.6)
    beak: Point = (side * (jx - 20), jy - 24, jz + 12)
    hollow(frame, voxels, [(side * (jx - 34), jy + 2, jz + 14), beak], 6.0, 1.5, tissue.cortex, tissue.marrow)
    hollow(frame, voxels, clavicle(rng, anatomy, roof, side), 6.0, 1.6, tissue.cortex, tissue.marrow)


def clavicle(rng: np.random.Generator, anatomy: Anatomy, roof: Point, side: float) -> list[Point]:
    """Return the axis of a collar bone: an S from beside the breastbone to the shoulder's roof."""
    start = np.array([side * 20.0, -0.62 * anatomy.front - 10, anatomy.apex_r - float(rng.uniform(20, 36))])
    end = np.array([roof[0] - side * 8, roof[1] - 10, roof[2] - 3])
    points = []
    for t in np.linspace(0, 1, 9):
        bow = np.array([0, -12 * sin(2 * np.pi * t), 5 * sin(np.pi * t) - 3 * sin(2 * np.pi * t)])
        at = start + t * (end - start) + bow
        points.append((float(at[0]), float(at[1]), float(at[2])))
    return points


def hollow(
    frame: Frame, voxels: F32, points: list[Point], radius: float, shell: float, cortex: float, marrow: float
) -> None:
    """Paint a tubular bone along points: a dense shell around marrow."""
    for start, end in pairwise(points):
        paint_capsule(frame, voxels, start, end, radius, cortex)
    for start, end in pairwise(points):
        paint_capsule(frame, voxels, start, end, radius - shell, marrow)


def paint_vertebrae(rng: np.random.Generator, frame: Frame, voxels: F32, anatomy: Anatomy) -> None:
    """Paint bodies, discs, pedicles (the paired ovals seen end on), laminae and processes of every vertebra."""
    tissue, marrow = anatomy.tissue, anatomy.tissue.marrow * float(rng.uniform(0.3, 0.55))
    box = box_around(frame, (-45, 0, float(frame.z_mm[0])), (45, 190, float(frame.z_mm[-1])))
    if box is None:
        return
    region = voxels[box]
    x, y, z = coordinates(frame, box)
    cx, cy = spine_centre(anatomy, z)
    cervical = ramp(z, anatomy.apex_r - 5, anatomy.apex_r + 45)
    r = anatomy.spine_radius * (1 - 0.16 * ramp(z, 0, 110) + 0.12 * ramp(z, -60, -220) - 0.22 * cervical)
    part = (z - anatomy.vertebra_phase) / anatomy.vertebra_pitch
    part = part + 0.35 * (z - anatomy.apex_r) / anatomy.vertebra_pitch * cervical
    level = (part - np.round(part)) * anatomy.vertebra_pitch
    is_disc = coverage((0.385 * anatomy.vertebra_pitch - np.abs(level)) * 1.0, 1.5)
    waist = 1 - 0.09 * cos(level / anatomy.vertebra_pitch * 2 * np.pi)
    body = (np.sqrt(((x - cx) / (r * 1.12 * waist)) ** 2 + ((y - cy) / (r * 0.86 * waist)) ** 2) - 1) * r
    blend(region, coverage(body, frame.edge_mm), tissue.cortex * 0.5 * (1 - is_disc) + 90 * is_disc)
    blend(region, coverage(body + 1.1, frame.edge_mm), marrow * (1 - is_disc) + 85 * is_disc)
    plate = np.abs(np.abs(level) - 0.385 * anatomy.vertebra_pitch) - 0.5
    blend(region, coverage(np.maximum(plate, body + 0.5), frame.edge_mm), tissue.cortex * 0.5)
    canal_y = cy + r * 0.86 + 8
    blend(region, coverage(hypot(x - cx, y - canal_y) - 9.5, 3), 20.0)
    ring = hypot((np.abs(x - cx) - 0.8 * r) / 0.8, level - 4) - 5.0
    deep = np.abs(y - canal_y + 2) - 8
    blend(region, coverage(np.maximum(np.abs(ring) - 0.8, deep), frame.edge_mm), tissue.cortex * 0.5)
    blend(region, coverage(np.maximum(ring + 0.8, deep), frame.edge_mm), marrow)
    tilt = 0.5 * np.abs(x - cx)
    lamina = np.maximum(np.abs(y - canal_y - 12 + 0.6 * np.abs(x - cx)) - 2.2, np.abs(level + 5) - 8)
    lamina = np.maximum(lamina, np.abs(x - cx) - 13)
    blend(region, coverage(lamina, frame.edge_mm), tissue.cortex * 0.5)
    thorn = hypot((x - cx) / 0.7, level + 8 + 0.5 * (y - canal_y - 22)) - 4.5
    thorn = np.maximum(thorn, np.abs(y - canal_y - 23) - 11)
    blend(region, coverage(thorn, frame.edge_mm), tissue.cortex * 0.45)
    wing = hypot(level - 2 - 0.15 * tilt, y - canal_y - 2 - tilt) - 4.2
    wing = np.maximum(wing, np.abs(np.abs(x - cx) - 19) - 13 * (1 - 0.75 * cervical))
    blend(region, coverage(wing, 3), tissue.cortex * 0.32)
