"""Heart, great vessels, windpipe, gullet and the tissue between the lungs.

Gives the lungs the surface they must not cross, and paints the organs. Must not know: lungs, disease.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
)
from triaged.lab.phantom.options import F32, Reals
from triaged.lab.phantom.skeleton import spine_centre
from triaged.lab.phantom.texture import smooth_noise
from triaged.lab.portable import hypot


@dataclass(frozen=True, slots=True)
class Tube:
    """A straight vessel or airway; `margin` mm of tissue around it belongs to the mediastinum."""

    start: Point
    end: Point
    r_start: float
    r_end: float
    hu: float
    margin: float


@dataclass(frozen=True, slots=True)
class Core:
    """The organs between the lungs: heart as ellipsoid (centre, semi-axes, turn), the rest as tubes."""

    heart_centre: Point
    heart_axes: Point
    heart_turn: float
    vessels: tuple[Tube, ...]
    airways: tuple[Tube, ...]
    hilum_r: Point
    hilum_l: Point
    cava: Tube


def chain(points: list[Point], r_start: float, r_end: float, hu: float, margin: float) -> list[Tube]:
    """Return tubes joining the points, their radius changing evenly from first to last."""
    radii = np.linspace(r_start, r_end, len(points))
    pairs = zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True)
    return [Tube(a, b, float(p), float(q), hu, margin) for a, b, p, q in pairs]


def midline(anatomy: Anatomy, y: Reals | float, z: Reals | float) -> F32:
    """Return how far (mm) the space between the lungs is displaced toward patient left.

    Most in front, not at all at the spine and in the neck.
    """
    before = np.clip((anatomy.back * 0.6 - y) / 50, 0, 1)
    below = np.clip((anatomy.apex_r + 40 - z) / 80, 0, 1)
    return np.asarray(anatomy.shift * before * below, dtype=np.float32)


def displaced(core: Core, anatomy: Anatomy) -> Core:
    """Return the organs moved with the midline."""

    def move(point: Point) -> Point:
        return (point[0] + float(midline(anatomy, point[1], point[2])), point[1], point[2])

    def move_tubes(tubes: tuple[Tube, ...]) -> tuple[Tube, ...]:
        return tuple(replace(tube, start=move(tube.start), end=move(tube.end)) for tube in tubes)

    return replace(
        core,
        heart_centre=move(core.heart_centre),
        vessels=move_tubes(core.vessels),
        airways=move_tubes(core.airways),
        hilum_r=move(core.hilum_r),
        hilum_l=move(core.hilum_l),
    )


def build_core(rng: np.random.Generator, anatomy: Anatomy) -> Core:
    """Return the organs, placed relative to the carina (z = 0) and scaled to the chest."""
    s, m = anatomy.half_width / 137, anatomy.mediastinum
    depth = anatomy.front / 82
    hu, a = anatomy.tissue.blood, anatomy.aorta
    _, spine_y = spine_centre(anatomy, np.array([0.0], dtype=np.float32))
    back = float(spine_y[0]) - anatomy.spine_radius - a * 0.55
    carina: Point = (2 * s, min(14 * depth, back - 18), 0.0)
    top: Point = (float(rng.normal(0, 3)), carina[1] - 10, anatomy.apex_r + 70)
    arch_z = float(rng.uniform(20, 32))
    aorta = chain(
        [(4 * s, -24 * depth, -48), (-8 * s, -28 * depth, -15), (-6 * s, -26 * depth, 8), (4 * s, -14 * depth, arch_z),
         (17 * s, 8 * depth, arch_z), (23 * s, back - 4, 6), (22 * s, back, -60), (14 * s, back + 2, -150),
         (8 * s, back + 8, -320)],
        a * 1.25, a * 0.85, hu, 2.0,
    )  # fmt: skip
    cava = chain(
        [(-24 * s, -18 * depth, 55), (-22 * s, -16 * depth, -10), (-20 * s, -14 * depth, -45)],
        8, 10, anatomy.cava_hu or hu, 2.0,
    )  # fmt: skip
    lung_artery = chain([(10 * s, -34 * depth, -45), (14 * s, -20 * depth, -16)], 13, 12, hu, 2.0)
    right_artery = chain([(14 * s, -18 * depth, -18), (-14 * s, -2, -16), (-36 * s * m, 2, -18)], 10, 8, hu, 3.0)
    left_artery = chain([(14 * s, -18 * depth, -14), (34 * s * m, 6, -8)], 11, 8, hu, 3.0)
    upper = [
        Tube((side * 8 * s, -14 * depth, arch_z), (side * 26 * s, -12 * depth, anatomy.apex_r + 30), 5, 4.5, hu, 2)
        for side in (-1.0, 1.0)
    ]
    veins = [
        Tube((8 * s, 4, -45), (side * 36 * s * m, 6, z), 7, 6, hu, 1.5) for side in (-1.0, 1.0) for z in (-38.0, -58.0)
    ]
    gullet = [Tube((2, top[1] + 14, anatomy.apex_r + 70), (4, back - 3, 0), 7, 7, 35.0, 1.0),
              Tube((4, back - 3, 0), (12 * s, back - 12, -140), 7, 8, 35.0, 1.0)]  # fmt: skip
    t = anatomy.trachea
    hilum_r: Point = (-40 * s * m, carina[1] - 2, -18.0)
    hilum_l: Point = (42 * s * m, carina[1], -16.0)
    airways = (
        Tube(top, carina, t, t, anatomy.tissue.airway, 3.5),
        Tube(carina, hilum_r, t * 0.75, t * 0.6, anatomy.tissue.airway, 3.0),
        Tube(carina, hilum_l, t * 0.68, t * 0.55, anatomy.tissue.airway, 3.0),
    )
    scale = anatomy.heart_scale
    centre: Point = (20 * s, -anatomy.front + 50 * scale + float(rng.uniform(3, 14)), float(rng.uniform(-82, -66)))
    axes: Point = (62 * scale, 50 * scale, 52 * scale)
    vessels = (*aorta, *cava, *lung_artery, *right_artery, *left_artery, *upper, *veins, *gullet)
    core = Core(centre, axes, anatomy.heart_turn, vessels, airways, hilum_r, hilum_l, cava[0])
    return displaced(core, anatomy) if anatomy.shift else core


def exclusion(rng: np.random.Generator, frame: Frame, anatomy: Anatomy, core: Core) -> F32:
    """Return the signed distance (mm) to everything between the lungs: negative where no lung may be."""
    field = plate_distance(frame, anatomy)
    heart = (core.heart_axes[0] + 4, core.heart_axes[1] + 4, core.heart_axes[2] + 4)
    box = ellipsoid_box(frame, core.heart_centre, heart, 25)
    if box is not None:
        distance = ellipsoid_distance(frame, box, core.heart_centre, heart, core.heart_turn)
        np.minimum(field[box], distance, out=field[box])
    for hilum in (core.hilum_r, core.hilum_l):
        axes: Point = (13.0, 15.0, 24.0)
        box = ellipsoid_box(frame, hilum, axes, 15)
        if box is not None:
            np.minimum(field[box], ellipsoid_distance(frame, box, hilum, axes), out=field[box])
    for tube in (*core.vessels, *core.airways):
        box = capsule_box(frame, tube.start, tube.end, max(tube.r_start, tube.r_end) + 20)
        if box is not None:
            d = capsule_distance(frame, box, tube.start, tube.end, tube.r_start, tube.r_end) - tube.margin
            np.minimum(field[box], d, out=field[box])
    field += np.float32(1.5) * smooth_noise(rng, frame, 18)
    return field


def plate_distance(frame: Frame, anatomy: Anatomy) -> F32:
    """Return the distance to the midline sheet and the spine's soft tissue.

    Half-widths by depth: about 5 mm where the lungs meet in front, 20 to 34 mm between, wide around the spine.
    """
    m = anatomy.mediastinum
    depth = np.linspace(-1.1, 1.4, 128, dtype=np.float32)
    knots = np.array([-1.0, -0.6, -0.3, 0.0, 0.4, 0.8, 1.4])
    levels = {90: (20, 30, 32, 32, 28, 22, 22), 35: (9, 24, 30, 30, 26, 21, 21), 0: (4, 16, 28, 30, 24, 20, 20),
              -60: (6, 18, 22, 20, 16, 15, 15), -110: (16, 26, 28, 24, 20, 19, 19)}  # fmt: skip
    heights = np.array(sorted(levels))
    rows = np.stack([np.interp(depth, knots, np.array(levels[int(h)]) * m) for h in heights])
    table = np.stack([np.interp(frame.z_mm, heights, rows[:, i]) for i in range(depth.size)], axis=1)
    scale = np.where(frame.y_mm < 0, anatomy.front, anatomy.back)
    at = np.clip((frame.y_mm / scale + 1.1) / 2.5 * 127, 0, 127).astype(np.int32)
    cx, cy = spine_centre(anatomy, frame.z_mm)
    out = np.empty(frame.shape, dtype=np.float32)
    radius = anatomy.spine_radius
    for k in range(frame.shape[0]):
        middle = 3 + midline(anatomy, frame.y_mm, frame.z_mm[k])
        sheet = np.abs(frame.x_mm - middle) - table[k][at] * np.where(frame.y_mm > cy[k], 0.6, 1)
        dx, dy = frame.x_mm - cx[k], frame.y_mm - cy[k]
        body = hypot(dx / 1.15, dy / 0.95) - radius - 3.5
        wedge = (np.abs(dx) - radius - 3 - 0.55 * dy) * 0.87
        out[k] = np.minimum(np.minimum(sheet, body), np.where(dy > 0, wedge, 50))
    return out


def paint_core(rng: np.random.Generator, frame: Frame, voxels: F32, inside: F32, anatomy: Anatomy, core: Core) -> None:
    """Paint the mediastinum: fill, heart with its fat, vessels, then the airways with their walls.

    `inside` is the cover of the space between the lungs, within the cage and above the diaphragm.
    """
    tissue = anatomy.tissue
    fill = tissue.mediastinal_fill + 25 * smooth_noise(rng, frame, 12)
    blend(voxels, inside, fill)
    box = ellipsoid_box(frame, core.heart_centre, core.heart_axes, 10)
    if box is not None:
        d = ellipsoid_distance(frame, box, core.heart_centre, core.heart_axes, core.heart_turn)
        region = voxels[box]
        blend(region, coverage(d - 4, frame.edge_mm) * inside[box], tissue.fat)
        blend(region, coverage(d, frame.edge_mm) * inside[box], tissue.heart)
        blend(region, coverage(d + 11, 4) * inside[box] * 0.9, tissue.blood)
    for tube in core.vessels:
        paint_tube(frame, voxels, tube, tube.hu)
    if anatomy.gullet_air > 1:
        for tube in core.vessels[-2:]:
            air = Tube(tube.start, tube.end, anatomy.gullet_air, anatomy.gullet_air * 0.4, -980.0, 0)
            paint_tube(frame, voxels, air, air.hu)
    paint_nodes(rng, frame, voxels)
    for tube in core.airways:
        wall = Tube(tube.start, tube.end, tube.r_start + 1.6, tube.r_end + 1.6, 40.0, 0)
        paint_tube(frame, voxels, wall, 30.0)
    for tube in core.airways:
        paint_tube(frame, voxels, tube, tube.hu)


def paint_tube(frame: Frame, voxels: F32, tube: Tube, hu: float) -> None:
    """Paint one tube solid with `hu`."""
    box = capsule_box(frame, tube.start, tube.end, max(tube.r_start, tube.r_end))
    if box is not None:
        d = capsule_distance(frame, box, tube.start, tube.end, tube.r_start, tube.r_end)
        blend(voxels[box], coverage(d, frame.edge_mm), hu)


def paint_nodes(rng: np.random.Generator, frame: Frame, voxels: F32) -> None:
    """Paint a handful of small lymph nodes around the carina."""
    for _ in range(int(rng.integers(2, 9))):
        centre: Point = (float(rng.normal(-4, 14)), float(rng.normal(4, 8)), float(rng.uniform(-25, 40)))
        r = float(rng.uniform(2, 6))
        box = ellipsoid_box(frame, centre, (r, r, r), 3)
        if box is not None:
            blend(voxels[box], coverage(ellipsoid_distance(frame, box, centre, (r, r, r)), frame.edge_mm), 35.0)


def airway_cover(frame: Frame, core: Core) -> F32:
    """Return the cover of windpipe and main bronchi with their walls, which no lung mask contains."""
    cover = np.zeros(frame.shape, dtype=np.float32)
    for tube in core.airways:
        box = capsule_box(frame, tube.start, tube.end, tube.r_start + 2)
        if box is not None:
            d = capsule_distance(frame, box, tube.start, tube.end, tube.r_start + 1.6, tube.r_end + 1.6)
            np.maximum(cover[box], coverage(d, frame.edge_mm), out=cover[box])
    return cover
