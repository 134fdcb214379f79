"""Vessels and bronchi of the lungs, and the painting of lung tissue with them.

Must not know: which disease changed the tissue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triaged.lab.phantom.anatomy import Anatomy
from triaged.lab.phantom.frame import Frame, blend, coverage
from triaged.lab.phantom.mediastinum import Core
from triaged.lab.phantom.options import F32
from triaged.lab.phantom.parenchyma import Parenchyma
from triaged.lab.phantom.tree import Tree, draw_tree, grow

# Offset (x, y, z mm) from the hilum at which arteries enter and veins leave.
ARTERY_ROOT, VEIN_ROOT = (0.0, -6.0, 4.0), (0.0, 4.0, -26.0)
BRONCHI = 48


@dataclass(frozen=True, slots=True)
class Trees:
    """Arteries, veins and bronchi of both lungs; from `thick_mm` on, vessels near the root are not counted as lung."""

    vessels: tuple[Tree, ...]
    bronchi: tuple[Tree, ...]
    thick_mm: float


@dataclass(frozen=True, slots=True)
class TreeCovers:
    """Covers of lung voxels (n,) by vessels, bronchial walls and bronchial air."""

    vessel: F32
    wall: F32
    air: F32


def grow_trees(rng: np.random.Generator, lung: Parenchyma, anatomy: Anatomy, core: Core) -> Trees:
    """Return the trees that fill both lungs."""
    end_mm, thick_mm = float(rng.uniform(0.5, 0.68)), float(rng.uniform(3.0, 4.6))
    vessels, bronchi = [], []
    for is_right, hilum in ((True, core.hilum_r), (False, core.hilum_l)):
        inner = np.flatnonzero((lung.is_right == is_right) & (lung.surface_mm < -4))
        if inner.size < BRONCHI:
            continue
        root = np.array(hilum, dtype=np.float32)
        count = min(int(1000 * anatomy.vessel_density), inner.size)
        for offset in (ARTERY_ROOT, VEIN_ROOT):
            points = end_points(rng, lung, inner, count)
            vessels.append(vessel_tree(rng, points, root + np.array(offset, dtype=np.float32), end_mm))
            if offset is ARTERY_ROOT:
                bronchi.append(grow(rng, points[:BRONCHI], root, 1.0, 2.6))
    return Trees(tuple(vessels), tuple(bronchi), thick_mm)


def draw_trees(frame: Frame, trees: Trees, inside: NDArray[np.int64]) -> TreeCovers:
    """Return the covers of the frame's voxels at the flat indices `inside`."""
    covers = []
    for branches, growth in ((trees.vessels, 0.0), (trees.bronchi, 0.9), (trees.bronchi, 0.0)):
        cover = np.zeros(frame.shape, dtype=np.float32)
        for tree in branches:
            draw_tree(frame, tree, cover, growth)
        covers.append(cover.ravel()[inside])
    return TreeCovers(covers[0], covers[1], covers[2])


def draw_hilum(frame: Frame, trees: Trees) -> F32:
    """Return the cover (slice, row, column) of the great branches that no reader counts as lung."""
    cover = np.zeros(frame.shape, dtype=np.float32)
    for tree in trees.vessels:
        draw_tree(frame, thicker(tree, trees.thick_mm), cover)
    for tree in trees.bronchi:
        draw_tree(frame, thicker(tree, trees.thick_mm - 0.5), cover, 0.9)
    return cover


def paint_lungs(
    frame: Frame, voxels: F32, lung: Parenchyma, anatomy: Anatomy, covers: TreeCovers, opacity: F32
) -> None:
    """Paint tissue, then vessels, then bronchi; vessels are wider where disease is opaque (n,)."""
    values = lung.hu.copy()
    vessel = np.minimum(covers.vessel * (1 + 0.6 * opacity), 1)
    blend(values, vessel, np.maximum(anatomy.tissue.vessel, values))
    blend(values, covers.wall, np.maximum(-50, values))
    blend(values, covers.air, anatomy.tissue.airway)
    region = voxels.ravel()[lung.index]
    blend(region, coverage(lung.surface_mm, frame.edge_mm), values)
    np.put(voxels, lung.index, region)


def thicker(tree: Tree, radius_mm: float) -> Tree:
    """Return the segments at least `radius_mm` thick."""
    kept = tree.radius >= radius_mm
    return Tree(tree.start[kept], tree.end[kept], tree.radius[kept], tree.count[kept])


def end_points(rng: np.random.Generator, lung: Parenchyma, inner: np.typing.NDArray[np.int64], count: int) -> F32:
    """Return `count` random positions (x, y, z mm) among the lung voxels `inner`.

    A voxel more or less in the lungs moves every one by no more than a voxel's place in the list.
    """
    picks = inner[(rng.random(count) * inner.size).astype(np.int64)]
    points = np.stack([lung.x_mm[picks], lung.y_mm[picks], lung.z_mm[picks]], axis=1)
    result: F32 = (points + rng.uniform(-1, 1, points.shape)).astype(np.float32)
    return result


def vessel_tree(rng: np.random.Generator, points_mm: F32, root_mm: F32, end_mm: float) -> Tree:
    """Return arteries or veins with ends of radius `end_mm`, Murray exponent 2.7 to 3.2."""
    return grow(rng, points_mm, root_mm, end_mm, float(rng.uniform(2.7, 3.2)))
