"""Metal in the body and undiluted contrast medium, and the streaks that they cast.

Must not know: disease.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import ndimage

from triaged.lab.phantom.anatomy import Anatomy
from triaged.lab.phantom.frame import Frame, Point, paint_capsule, paint_ellipsoid
from triaged.lab.phantom.mediastinum import Core
from triaged.lab.phantom.options import F32, Metal
from triaged.lab.phantom.skeleton import spine_centre
from triaged.lab.portable import arctan2, cos, hypot

METAL_HU = 9000.0
CASTS_STREAKS_HU = 2200.0
CAVA_CASTS_HU = 480.0


def paint_metal(
    rng: np.random.Generator, frame: Frame, voxels: F32, metal: Metal, anatomy: Anatomy, core: Core
) -> None:
    """Paint an implant into a slab: sternal wires, pacemaker with its lead, rods along the spine, electrodes' leads."""
    if metal == "wires":
        wires(rng, frame, voxels, anatomy)
    elif metal == "pacemaker":
        pacemaker(rng, frame, voxels, anatomy, core)
    elif metal == "rods":
        rods(frame, voxels, anatomy)
    elif metal == "leads":
        leads(rng, frame, voxels, anatomy)


def wires(rng: np.random.Generator, frame: Frame, voxels: F32, anatomy: Anatomy) -> None:
    """Paint the wires that close a breastbone: short loops around its edges, one above the other."""
    for z in np.arange(-95, anatomy.apex_r - 40, 24) + rng.uniform(-4, 4):
        y = -anatomy.front * (1 - 0.34 * float(np.clip((z + 40) / (anatomy.apex_r + 60), 0, 1))) - 12
        for x in (-17.0, 0.0, 17.0):
            end: Point = (x + 3, y + 4 - 0.2 * abs(x), float(z) + 7)
            paint_capsule(frame, voxels, (x, y - 0.2 * abs(x), float(z) - 7), end, 1.1, METAL_HU)


def pacemaker(rng: np.random.Generator, frame: Frame, voxels: F32, anatomy: Anatomy, core: Core) -> None:
    """Paint the box under the left collar bone and the lead through the cava into the heart."""
    front = -anatomy.front * 0.75 - anatomy.muscle - 8
    centre: Point = (anatomy.half_width * 0.55, front, anatomy.apex_r - float(rng.uniform(15, 40)))
    paint_ellipsoid(frame, voxels, centre, (24.0, 5.0, 22.0), METAL_HU, 0.35)
    tip: Point = (core.heart_centre[0] + 15, core.heart_centre[1] - 15, core.heart_centre[2] - 15)
    way = [centre, (core.cava.start[0], core.cava.start[1], core.cava.start[2] + 15), core.cava.end, tip]
    for start, end in pairwise(way):
        paint_capsule(frame, voxels, start, end, 1.0, METAL_HU)


def rods(frame: Frame, voxels: F32, anatomy: Anatomy) -> None:
    """Paint two rods behind the spine with screws into the vertebrae."""
    heights = np.arange(-180, 20, 12, dtype=np.float32)
    x, y = spine_centre(anatomy, heights)
    for side in (-1.0, 1.0):
        points = [
            (float(a) + side * 17, float(b) + anatomy.spine_radius + 14, float(z))
            for a, b, z in zip(x, y, heights, strict=True)
        ]
        for start, end in pairwise(points):
            paint_capsule(frame, voxels, start, end, 2.8, METAL_HU)
        for point in points[::2]:
            tip: Point = (point[0] - side * 7, point[1] - anatomy.spine_radius - 8, point[2])
            paint_capsule(frame, voxels, point, tip, 2.2, METAL_HU)


def leads(rng: np.random.Generator, frame: Frame, voxels: F32, anatomy: Anatomy) -> None:
    """Paint thin cables on the front of the chest."""
    front = -anatomy.front - anatomy.muscle - anatomy.fat - 10
    for _ in range(int(rng.integers(2, 5))):
        x, slope = float(rng.uniform(-80, 80)), float(rng.normal(0, 0.2))
        start: Point = (x, front + 0.0012 * x * x, -140.0)
        end: Point = (x + slope * 200, front + 25, 60.0)
        paint_capsule(frame, voxels, start, end, 0.8, 2500.0)


def cast_streaks(rng: np.random.Generator, image: F32, pixel_mm: float, cava_at: tuple[float, float]) -> None:
    """Add in place the bright and dark rays that start at metal, and at an undiluted cava, in each slice of an image.

    Their strength grows with the amount of metal and falls with the distance. `cava_at` is the cava's (row, column).
    """
    for one in image:
        for row, column, mass in sources(one, pixel_mm, cava_at):
            one += rays(rng, one.shape[0], row, column, mass, pixel_mm) * (one > -990)


def sources(one: F32, pixel_mm: float, cava_at: tuple[float, float]) -> list[tuple[float, float, float]]:
    """Return (row, column, strength in HU at 30 mm) of what casts rays in one slice."""
    found = []
    dense = one > CASTS_STREAKS_HU
    if dense.any():
        labels, count = ndimage.label(dense)
        sizes = ndimage.sum_labels(dense, labels, np.arange(1, count + 1)) * (pixel_mm * pixel_mm)
        largest = np.argsort(sizes, kind="stable")[::-1][:6]
        for at, size in zip(ndimage.center_of_mass(dense, labels, largest + 1), sizes[largest], strict=True):
            found.append((float(at[0]), float(at[1]), float(min(15 + 1.3 * size, 130))))
    row, column = cava_at
    around = one[max(int(row) - 1, 0) : int(row) + 2, max(int(column) - 1, 0) : int(column) + 2]
    if around.size and float(around.mean()) > CAVA_CASTS_HU:
        found.append((row, column, 60.0))
    return found


def rays(rng: np.random.Generator, matrix: int, row: float, column: float, strength_hu: float, pixel_mm: float) -> F32:
    """Return a star of rays (row, column): waves of the angle that fade as 1/r."""
    index = np.arange(matrix, dtype=np.float32)
    dy, dx = (index[:, None] - row) * pixel_mm, (index[None] - column) * pixel_mm
    angle = arctan2(dy, dx)
    wave = np.zeros((matrix, matrix), dtype=np.float32)
    for order in rng.choice(np.arange(4, 26, 2), 3, replace=False):
        wave += cos(order * angle + rng.uniform(0, 2 * np.pi)).astype(np.float32)
    reach = hypot(dy, dx)
    result: F32 = (np.sign(wave) * wave**2 * strength_hu * 30 / np.maximum(reach, 12) * (reach < 250)).astype(
        np.float32
    )
    return result / np.float32(3)
