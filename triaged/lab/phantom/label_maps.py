"""The exact masks behind a phantom: lobes, airways, vessels, heart, and every lesion with its type.

Must not know: files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triaged.lab.phantom.disease import draw_mask
from triaged.lab.phantom.frame import Frame, blend, coverage, ellipsoid_box, ellipsoid_distance, slab
from triaged.lab.phantom.generate import Drawing
from triaged.lab.phantom.lung_trees import draw_trees
from triaged.lab.phantom.masks import Scene, in_image, on_grid, slabs
from triaged.lab.phantom.mediastinum import Core, airway_cover, paint_tube
from triaged.lab.phantom.options import F32, Bool
from triaged.lab.phantom.warp import source_slices

LOBES = ("right upper", "middle", "right lower", "left upper", "left lower")
Labels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class LabelMaps:
    """Masks on the grid of the phantom's voxels (slice, row, column).

    `lobes`: 0 outside the lungs, else 1 + the place in LOBES. `airway`: windpipe and bronchi with their walls.
    `vessels`: great vessels and those of the lung. `lesions`: 0 outside, else the number of the lesion, whose type is
    `types[number - 1]`. `consolidation` is the solid part of the lesions.
    """

    lobes: Labels
    airway: Bool
    vessels: Bool
    heart: Bool
    lesions: Labels
    types: tuple[str, ...]
    consolidation: Bool


def label_maps(drawing: Drawing) -> LabelMaps:
    """Return the masks of a drawing."""
    scene, phantom = drawing.scene, drawing.phantom
    parts = [part_maps(drawing, *part) for part in slabs(scene)]
    lobes, airway, vessels, heart, owner = (np.concatenate([part[i] for part in parts]) for i in range(5))
    solid = draw_mask(scene, drawing.lung, drawing.illness.solid)
    missing = phantom.options.missing
    if missing:
        lobes, airway, vessels, heart, owner, solid = (
            np.delete(each, missing, axis=0) for each in (lobes, airway, vessels, heart, owner, solid)
        )
    lungs = phantom.right_lung | phantom.left_lung
    lesions, types = numbered(np.where(phantom.lesion, owner + 1, 0), drawing.illness.kinds)
    lobes = np.where(lungs, lobes + 1, 0).astype(np.uint8)
    covers = airway >= 0.5, vessels >= 0.5, heart >= 0.5
    return LabelMaps(lobes, *covers, lesions, types, solid & phantom.lesion)


def numbered(owner: NDArray[np.int64], kinds: tuple[str, ...]) -> tuple[Labels, tuple[str, ...]]:
    """Return the owners numbered from 1 without gaps, and their types; 0 stays 0."""
    found = [int(one) for one in np.unique(owner) if one > 0]
    table = np.zeros(max(found, default=0) + 1, dtype=np.uint8)
    table[found] = np.arange(1, len(found) + 1)
    return table[owner], tuple(kinds[one - 1] for one in found)


def part_maps(drawing: Drawing, start: int, stop: int) -> tuple[NDArray[np.int64], F32, F32, F32, NDArray[np.int64]]:
    """Return lobes, covers of airway, vessels and heart, and owners in the image slices of the cuts start..stop."""
    scene, lung = drawing.scene, drawing.lung
    low, high = source_slices(scene.warp, scene.frame, start, stop)
    part = slab(scene.frame, low, high)
    plane = scene.frame.x_mm.size
    tissue = lung.between(slice(*np.searchsorted(lung.index, [low * plane, high * plane])), low * plane)
    covers = draw_trees(part, drawing.trees, tissue.index)
    airway, vessels = airway_cover(part, scene.patient.core), vessel_cover(part, scene.patient.core)
    for cover, branches in ((airway, np.maximum(covers.wall, covers.air)), (vessels, covers.vessel)):
        flat = cover.ravel()
        flat[tissue.index] = np.maximum(flat[tissue.index], branches)
    heart = heart_cover(part, scene.patient.core)
    covers_in_image = (in_image(scene, each, low, start, stop) for each in (airway, vessels, heart))
    lobes = nearest(scene, drawing, drawing.lung.lobe, start, stop)
    owner = nearest(scene, drawing, drawing.illness.owner, start, stop)
    a, v, h = covers_in_image
    return lobes, a, v, h, owner


def nearest(
    scene: Scene, drawing: Drawing, values: NDArray[np.int8] | NDArray[np.int16], start: int, stop: int
) -> NDArray[np.int64]:
    """Return whole numbers (n,) of the lung on the image: at each voxel the number that covers most of it."""
    low, high = source_slices(scene.warp, scene.frame, start, stop)
    count = (stop - start) // scene.group
    most = np.zeros((count, *scene.frame.x_mm.shape), dtype=np.float32)
    result = np.zeros(most.shape, dtype=np.int64)
    for value in np.unique(values):
        own = (values == value).astype(np.float32)
        cover = in_image(scene, on_grid(scene, drawing.lung, own, 0, low, high), low, start, stop)
        better = cover > most
        result[better] = value
        np.maximum(most, cover, out=most)
    return result


def vessel_cover(frame: Frame, core: Core) -> F32:
    """Return the cover of the great vessels; the gullet, drawn last among the tubes, is none."""
    cover = np.zeros(frame.shape, dtype=np.float32)
    for tube in core.vessels[:-2]:
        paint_tube(frame, cover, tube, 1.0)
    return cover


def heart_cover(frame: Frame, core: Core) -> F32:
    """Return the cover of the heart."""
    cover = np.zeros(frame.shape, dtype=np.float32)
    box = ellipsoid_box(frame, core.heart_centre, core.heart_axes, 5)
    if box is not None:
        distance = ellipsoid_distance(frame, box, core.heart_centre, core.heart_axes, core.heart_turn)
        blend(cover[box], coverage(distance, frame.edge_mm), 1.0)
    return cover
