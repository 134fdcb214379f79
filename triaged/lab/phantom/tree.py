"""Branching trees (arteries, veins, bronchi) that fill a cloud of points, and their drawing.

A group of end points is joined to its parent by a segment toward the group's centroid, then halved across its longest
extent, until single points are left. Radii follow Murray's law: r = r_end * n^(1/gamma) for n end points below.
Must not know: lungs, densities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triaged.lab.phantom.frame import Frame, capsule_box, capsule_distance, coverage, voxel_index
from triaged.lab.phantom.options import F32, Reals
from triaged.lab.portable import power

SQUARINGS = 7


@dataclass(frozen=True, slots=True)
class Tree:
    """Segments: `start` and `end` (n, 3) as x, y, z mm, `radius` (n,) mm, `count` (n,) end points below each."""

    start: F32
    end: F32
    radius: F32
    count: NDArray[np.int64]


def grow(
    rng: np.random.Generator, points_mm: F32, root_mm: F32, end_radius_mm: float, gamma: float, stride: float = 0.45
) -> Tree:
    """Return the tree from `root_mm` (3,) to every row of `points_mm` (n, 3).

    `stride` is the share of the way to the centroid that a branch runs before it divides.
    """
    group = np.zeros(len(points_mm), dtype=np.int64)
    origin = root_mm[None].astype(np.float32)
    starts, ends, counts = [], [], []
    points = points_mm.astype(np.float32)
    while len(points):
        n = np.bincount(group)
        centre = np.stack([np.bincount(group, points[:, a]) / n for a in range(3)], axis=1)
        single = n == 1
        reach = np.where(single, 1.0, stride * rng.uniform(0.7, 1.3, n.size))[:, None]
        tip = origin + reach * (centre - origin)
        length = np.linalg.norm(centre - origin, axis=1, keepdims=True)
        tip += np.where(single[:, None], 0, 0.06 * length * rng.standard_normal(tip.shape))
        starts.append(origin)
        ends.append(tip.astype(np.float32))
        counts.append(n)
        keep = ~single[group]
        points, group = points[keep], group[keep]
        if not len(points):
            break
        side = halve(points, group, centre, tip - origin)
        _, group_next = np.unique(2 * group + side, return_inverse=True)
        first = np.zeros(group_next.max() + 1, dtype=np.int64)
        first[group_next] = group
        origin, group = tip[first].astype(np.float32), group_next
    count = np.concatenate(counts)
    radius = (end_radius_mm * power(count.astype(np.float64), 1 / gamma)).astype(np.float32)
    return Tree(np.concatenate(starts), np.concatenate(ends), radius, count)


def halve(points: F32, group: NDArray[np.int64], centre: Reals, direction: Reals) -> NDArray[np.int64]:
    """Return 0 or 1 per point: its side of its group's centroid along the longest extent across the branch."""
    size = len(centre)
    offset = points - centre[group]
    unit = direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-6)
    flat = offset - 0.7 * (offset * unit[group]).sum(axis=1, keepdims=True) * unit[group]
    scatter = np.empty((size, 3, 3))
    for a in range(3):
        for b in range(3):
            scatter[:, a, b] = np.bincount(group, flat[:, a] * flat[:, b], minlength=size)
    axis = longest(scatter)
    along = (offset * axis[group]).sum(axis=1)
    side: NDArray[np.int64] = (along > 0).astype(np.int64)
    # A group must not survive whole: where one side is empty, the farthest point leaves.
    ones, total = np.bincount(group, side, minlength=size), np.bincount(group, minlength=size)
    for g in np.flatnonzero((total > 0) & ((ones == 0) | (ones == total))):
        members = np.flatnonzero(group == g)
        side[members] = 0
        side[members[np.argmax(along[members])]] = 1
    return side


def longest(scatter: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the direction (n, 3) in which each of the symmetric matrices (n, 3, 3) is largest, of no set length.

    A matrix squared again and again keeps its first principal axis alone. The libraries of linear algebra would do, but
    their last bit, and the sign of what they return, depend on the processor.
    """
    power_of_it = scatter
    for _ in range(SQUARINGS):
        extent = power_of_it[:, 0, 0] + power_of_it[:, 1, 1] + power_of_it[:, 2, 2]
        power_of_it = power_of_it / np.maximum(extent, 1e-30)[:, None, None]
        power_of_it = (power_of_it[:, :, :, None] * power_of_it[:, None, :, :]).sum(axis=2)
    column = np.argmax(power_of_it[:, [0, 1, 2], [0, 1, 2]], axis=1)
    axis: NDArray[np.float64] = power_of_it[np.arange(len(scatter)), column]
    return axis


def draw_tree(frame: Frame, tree: Tree, cover: F32, growth: float = 0.0) -> None:
    """Raise `cover` to the tree's share of every voxel; `growth` mm is added to each radius.

    Thin segments are scattered as volume (their share of the voxels they cross), thick ones drawn as capsules.
    """
    tree = nearby(tree, frame)
    radius = tree.radius + np.float32(growth)
    pixel = frame.spacing_mm[1]
    thick = radius > 0.75 * max(pixel, frame.edge_mm)
    scatter_thin(frame, tree.start[~thick], tree.end[~thick], radius[~thick], cover)
    for a, b, r in zip(tree.start[thick], tree.end[thick], radius[thick], strict=True):
        start, end = (float(a[0]), float(a[1]), float(a[2])), (float(b[0]), float(b[1]), float(b[2]))
        box = capsule_box(frame, start, end, float(r))
        if box is not None:
            part = coverage(capsule_distance(frame, box, start, end, float(r), float(r)), frame.edge_mm)
            np.maximum(cover[box], part, out=cover[box])


def nearby(tree: Tree, frame: Frame) -> Tree:
    """Return the segments that may touch the slices of the frame."""
    margin = tree.radius + np.float32(3 * max(frame.spacing_mm[0], 3.0))
    low = np.minimum(tree.start[:, 2], tree.end[:, 2]) - margin
    high = np.maximum(tree.start[:, 2], tree.end[:, 2]) + margin
    kept = (high >= frame.z_mm[0]) & (low <= frame.z_mm[-1])
    return Tree(tree.start[kept], tree.end[kept], tree.radius[kept], tree.count[kept])


def scatter_thin(frame: Frame, start: F32, end: F32, radius: F32, cover: F32) -> None:
    """Add pi r^2 dl / (voxel volume) along each segment, spread over the eight nearest voxels."""
    length = np.linalg.norm(end - start, axis=1)
    step = 0.6 * frame.spacing_mm[1]
    n = np.maximum(1, np.ceil(length / step)).astype(np.int64)
    which = np.repeat(np.arange(n.size), n)
    within = np.arange(which.size) - np.repeat(np.cumsum(n) - n, n)
    t = ((within + 0.5) / n[which])[:, None].astype(np.float32)
    points = start[which] + t * (end[which] - start[which])
    amount = (np.pi * radius**2 * length / n)[which] / float(np.prod(frame.spacing_mm))
    index = voxel_index(frame, points)
    low = np.floor(index).astype(np.int64)
    part = index - low
    shape = np.array(frame.shape)
    places, weights = [], []
    for corner in range(8):
        bits = np.array([corner >> 2 & 1, corner >> 1 & 1, corner & 1])
        at = low + bits
        ok = ((at >= 0) & (at < shape)).all(axis=1)
        places.append((at[ok, 0] * shape[1] + at[ok, 1]) * shape[2] + at[ok, 2])
        weights.append((np.where(bits, part, 1 - part).prod(axis=1) * amount)[ok])
    voxel, position = np.unique(np.concatenate(places), return_inverse=True)
    total = np.minimum(np.bincount(position, np.concatenate(weights)), 1).astype(np.float32)
    flat = cover.reshape(-1)
    flat[voxel] = np.maximum(flat[voxel], total)
