"""Brings regions from the coarse grid that they were found on to the volume's own grid; knows nothing of models.

Works slice by slice, so that beside the masks that it returns only a few slices are held.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.exams.ct.pipelines.measure import Lungs
from triaged.exams.ct.pipelines.split import LEFT, RIGHT, Labels, Split
from triaged.imaging.geometry import Box, Geometry
from triaged.imaging.regions import bounding_box
from triaged.imaging.resample import reached_on
from triaged.imaging.volume import Mask
from triaged.study.finding import QualityFlag

Probability = NDArray[np.float32]


def lungs_on(
    target: Geometry, sides: Split, probability: Probability, grid: Geometry, notes: tuple[QualityFlag, ...] = ()
) -> Lungs:
    """Return both lungs on `target`.

    `probability`, on the same `grid` as the labels, is 0.5 at the border of the lungs and tells where between coarse
    pixels it runs. It is raised within the labels, where holes were filled, and does not count away from them.
    """
    box = bounding_box(sides.labels > 0)
    if box is None:
        return Lungs(_empty(target), _empty(target), sides.method, notes)
    box = box.grown((0, 1, 1), grid.shape)
    labels = sides.labels[box.slices]
    near = ndimage.maximum_filter(labels, size=(1, 3, 3))
    near = np.where(labels > 0, labels, near).astype(np.uint8)
    soft = probability[box.slices].copy()
    soft[(labels > 0) & (soft < 0.5)] = 1.0
    soft[near == 0] = 0.0
    right, left = _told_apart(reached_on(soft, grid.crop(box), target, 0.5), near, box, grid, target)
    return Lungs(Mask(right, target), Mask(left, target), sides.method, notes)


def lesion_on(target: Geometry, probability: Probability, grid: Geometry, threshold: float, lungs: Lungs) -> Mask:
    """Return where a lesion probability, given on a block of a coarse grid, reaches `threshold` within the lungs."""
    voxels = reached_on(probability, grid, target, threshold)
    for plane, right, left in zip(voxels, lungs.right.voxels, lungs.left.voxels, strict=True):
        plane &= right | left
    return Mask(voxels, target)


def _told_apart(
    region: NDArray[np.bool_], near: Labels, box: Box, grid: Geometry, target: Geometry
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the right and the left part of `region`, which becomes the right one."""
    (across, rows), (along, columns) = (_nearest(target, grid.crop(box), axis) for axis in (1, 2))
    left = np.zeros(region.shape, dtype=np.bool_)  # memory comes as it is touched: only within the box
    for index in range(box.start[0], box.stop[0]):
        plane = near[index - box.start[0]].take(rows, axis=0).take(columns, axis=1)
        block = index, across, along
        np.logical_and(region[block], plane == LEFT, out=left[block])
        region[block] &= plane == RIGHT
    return region, left


def _nearest(target: Geometry, grid: Geometry, axis: int) -> tuple[slice, NDArray[np.intp]]:
    """Return which indices of `target` along one axis are on `grid`, a pixel around it included, and the nearest of it.

    Nothing that `reached_on` finds is further away.
    """
    scale = target.spacing_mm[axis] / grid.spacing_mm[axis]
    at = grid.index_of(target.affine[:3, 3])[axis] + scale * np.arange(target.shape[axis])
    there = np.flatnonzero((at >= -1.0) & (at <= grid.shape[axis]))
    within = slice(int(there[0]), int(there[-1]) + 1) if there.size else slice(0, 0)
    return within, np.clip(np.rint(at[within]), 0, grid.shape[axis] - 1).astype(np.intp)


def _empty(target: Geometry) -> Mask:
    return Mask(np.zeros(target.shape, dtype=np.bool_), target)
