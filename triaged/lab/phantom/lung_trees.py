"""Vessels and bronchi of the lungs, and the painting of lung tissue with them.

Must not know: which disease changed the tissue.
"""

from __future__ import annotations

import numpy as np

from triaged.lab.phantom.anatomy import Anatomy
from triaged.lab.phantom.frame import Frame, blend, coverage
from triaged.lab.phantom.mediastinum import Core
from triaged.lab.phantom.options import F32
from triaged.lab.phantom.parenchyma import Parenchyma
from triaged.lab.phantom.tree import Tree, draw_tree, grow

# Offset (x, y, z mm) from the hilum at which arteries enter and veins leave.
ARTERY_ROOT, VEIN_ROOT = (0.0, -6.0, 4.0), (0.0, 4.0, -26.0)
BRONCHI = 48


def paint_lungs(
    rng: np.random.Generator,
    frame: Frame,
    voxels: F32,
    surface_mm: F32,
    lung: Parenchyma,
    anatomy: Anatomy,
    core: Core,
) -> None:
    """Paint tissue, then vessels, then bronchi; `surface_mm` (n,) is the signed distance to the lung's surface."""
    vessel, wall, air = (np.zeros(frame.shape, dtype=np.float32) for _ in range(3))
    for is_right, hilum in ((True, core.hilum_r), (False, core.hilum_l)):
        inner = np.flatnonzero((lung.is_right == is_right) & (surface_mm < -4))
        if inner.size < BRONCHI:
            continue
        root = np.array(hilum, dtype=np.float32)
        count = min(int(1000 * anatomy.vessel_density), inner.size)
        points = end_points(rng, lung, inner, count)
        draw_tree(frame, vessel_tree(rng, points, root + np.array(ARTERY_ROOT, dtype=np.float32)), vessel)
        bronchi = grow(rng, points[:BRONCHI], root, 1.0, 2.6)
        draw_tree(frame, bronchi, wall, 0.9)
        draw_tree(frame, bronchi, air)
        points = end_points(rng, lung, inner, count)
        draw_tree(frame, vessel_tree(rng, points, root + np.array(VEIN_ROOT, dtype=np.float32)), vessel)
    values = lung.hu.copy()
    blend(values, vessel.ravel()[lung.index], np.maximum(anatomy.tissue.vessel, values))
    blend(values, wall.ravel()[lung.index], np.maximum(-50, values))
    blend(values, air.ravel()[lung.index], anatomy.tissue.airway)
    region = voxels.ravel()[lung.index]
    blend(region, coverage(surface_mm, frame.edge_mm), values)
    np.put(voxels, lung.index, region)


def end_points(rng: np.random.Generator, lung: Parenchyma, inner: np.typing.NDArray[np.int64], count: int) -> F32:
    """Return `count` random positions (x, y, z mm) among the lung voxels `inner`."""
    picks = rng.choice(inner, count, replace=False)
    points = np.stack([lung.x_mm[picks], lung.y_mm[picks], lung.z_mm[picks]], axis=1)
    result: F32 = (points + rng.uniform(-1, 1, points.shape)).astype(np.float32)
    return result


def vessel_tree(rng: np.random.Generator, points_mm: F32, root_mm: F32) -> Tree:
    """Return arteries or veins: end radius 0.5 to 0.62 mm, Murray exponent 2.7 to 3.2."""
    return grow(rng, points_mm, root_mm, float(rng.uniform(0.5, 0.62)), float(rng.uniform(2.7, 3.2)))
