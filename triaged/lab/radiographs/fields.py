"""What the rays of one beam pass in a chest: water and bone, each lung, lesion and other opacities.

Must not know: X-ray spectra, how pictures look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.lab.phantom.options import F32, Bool
from triaged.lab.radiographs.chest import Chest
from triaged.lab.radiographs.projection import Beam, Projector

BONE_FROM_HU, CORTICAL_HU = 130.0, 1600.0
"""From where tissue contains mineral, and the density of cortical bone that is all of it (1.92 g/cm3)."""
LUNG_HU = -850.0
"""Density of aerated lung that added water equivalent is counted from."""
SLAB_MM = 3.0
"""Planes thinner than this are summed before they are projected; a slab of 3 mm blurs by less than 0.3 mm."""
LEAST_LUNG_MM, MOST_BELLY_MM, VISIBLE_SHARE = 18.0, 45.0, 0.42
"""Whole rule: so much lung of one side along the ray at least, and so much belly at most. Visible: lung's share."""


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Path lengths in mm and water equivalents in mm, each (row, column) of the detector.

    `water` is all that is not mineral, in mm of water; `bone` in mm of cortical bone; `body` the path through the body;
    `lesion_we` is Σ lesion · (HU + 850) / 1000, as `solid_we` of its consolidated part and `other_we` of all else that
    is no normal lung.
    """

    water: F32
    bone: F32
    body: F32
    right: F32
    left: F32
    belly: F32
    lesion: F32
    lesion_we: F32
    solid_we: F32
    other_we: F32


def paths(chest: Chest, beam: Beam) -> Paths:
    """Return what the beam's rays pass."""
    projector = Projector(chest, beam)
    hu = chest.hu

    def through(plane_of: Callable[[slice], F32], rows: tuple[int, int], slab_mm: float = SLAB_MM) -> F32:
        group = max(1, int(slab_mm / chest.spacing_mm[1]))
        planes = []
        for start in range(rows[0], rows[1], group):
            part = slice(start, min(start + group, rows[1]))
            planes.append(((start + part.stop - 1) / 2, plane_of(part)))
        return projector.sums(planes, chest.spacing_mm[1])

    every = (0, hu.shape[1])

    def count(mask: Bool) -> F32:
        rows = rows_of(mask)
        return through(lambda part: mask[:, part].sum(axis=1, dtype=np.float32), rows)

    def added(mask: Bool) -> F32:
        def weigh(part: slice) -> F32:
            extra = np.maximum(hu[:, part].astype(np.float32) - np.float32(LUNG_HU), 0) / 1000
            return np.asarray((extra * mask[:, part]).sum(axis=1), dtype=np.float32)

        return through(weigh, rows_of(mask))

    def water(part: slice) -> F32:
        h = hu[:, part].astype(np.float32)
        return np.asarray((1 + h / 1000 - 2.6 * mineral(h)).clip(0).sum(axis=1), dtype=np.float32)

    def bone(part: slice) -> F32:
        return np.asarray(mineral(hu[:, part].astype(np.float32)).sum(axis=1), dtype=np.float32)

    return Paths(
        water=through(water, every),
        bone=through(bone, every),
        body=through(lambda part: (hu[:, part] > -950).sum(axis=1, dtype=np.float32), every, 6.0),
        right=count(chest.right),
        left=count(chest.left),
        belly=count(chest.belly),
        lesion=count(chest.lesion),
        lesion_we=added(chest.lesion),
        solid_we=added(chest.solid),
        other_we=added(chest.other),
    )


def mineral(hu: F32) -> F32:
    """Return the share of each voxel that is cortical bone, so that water and bone together give its HU."""
    share: F32 = np.clip((hu - np.float32(BONE_FROM_HU)) / np.float32(CORTICAL_HU - BONE_FROM_HU), 0, None)
    return share


def rows_of(mask: Bool) -> tuple[int, int]:
    """Return the first row that holds anything of a mask and the row after the last; (0, 0) for an empty one."""
    found = np.flatnonzero(mask.any(axis=(0, 2)))
    return (0, 0) if found.size == 0 else (int(found[0]), int(found[-1]) + 1)


def whole_fields(through: Paths) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return right and left lung as readers outline them: behind the heart too, down to the dome of the diaphragm."""
    above = through.belly < MOST_BELLY_MM
    both = through.right + through.left
    right = above & (through.right >= LEAST_LUNG_MM) & (through.right >= 0.5 * both)
    left = above & (through.left >= LEAST_LUNG_MM) & (through.left > 0.5 * both)
    return _largest(right), _largest(left)


def visible_fields(through: Paths) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the part of each lung that is seen as lung: where it is most of what the ray passes."""
    share = (through.right + through.left) / np.maximum(through.body, 1)
    shown = share >= VISIBLE_SHARE
    right, left = whole_fields(through)
    return right & shown, left & shown


def _largest(mask: Bool) -> Bool:
    """Return a mask's largest connected part."""
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    result: Bool = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return result
