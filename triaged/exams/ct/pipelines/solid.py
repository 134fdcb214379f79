"""Finds what a network for viral pneumonia does not look for: solid bodies and fluid where lung should be.

Must not know models. A tumour, an effusion or a collapsed lobe is as dense as muscle, so a lung network may call it
lung or leave it out; both are looked at, and so is what lies between a lung and the ribs behind it. It is no diagnosis:
it keeps a study from being ranked like one without a finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.imaging.geometry import Box
from triaged.imaging.regions import bounding_box, components
from triaged.imaging.volume import Mask, Volume

SOLID_HU: Final = -100
"""Above fat: muscle, blood, fluid, tumour."""
WORKING_MM: Final = 3.0
COMPACT_MM: Final = 6.0
"""Radius of the ball that has to fit in: vessels, walls and the rim of a mask are thinner than 12 mm."""
LEAST_ML: Final = 10.0
"""What counts as a body, after the opening: 2 to 5 mL remain of generated lungs without disease, 0 of two real ones."""
LESION_SHARE: Final = 0.5
"""A body that is lesion for the most part is told as such already."""
BACK_MM: Final = 60.0
"""So far behind both lungs fluid and ribs are looked for."""
BONE_HU: Final = 150
FAT_HU: Final = -50
"""Below it is fat: where it begins, what lies behind the lung ends."""
RIM_MM: Final = 6.0
"""A voxel so near to the lung may hold air in part, and is no fat."""
RIB_REACH_MM: Final = 15.0
"""A rib is looked for on slices so far up and down as well: ribs run obliquely, and a slice lies between two."""
MIDDLE_MM: Final = 40.0
"""So near to the middle of the chest lie spine, heart and great vessels behind a lung that reaches in front of them."""
APEX_SHARE: Final = 0.25
"""Behind the upper part of the lungs lie muscles of neck and shoulder, up to 30 mL of them in generated chests; fluid
lies lower, unless the patient is tilted."""

Region = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Solid:
    """Solid bodies and fluid: their volume in mL, and their share, in [0, 1], of the lungs together with them."""

    ml: float
    share: float


def solid_in(volume: Volume, right: Mask, left: Mask, lesion: Mask) -> Solid | None:
    """Return the compact solid bodies and the fluid in the lungs, enclosed by one, or behind them; None without any.

    What is enclosed has the same lung on its medial side and towards the feet, and either in front and behind or
    laterally: the heart, the hilum and the dome of the diaphragm have not. What is behind fills the room between the
    back of a lung and the ribs, as fluid and a collapsed lower lobe do in a patient on the back.
    """
    box = bounding_box(right.voxels, left.voxels)
    if box is None:
        return None
    (_, _, _), (last, back, end) = box.start, box.stop
    back = min(volume.geometry.shape[1], back + int(BACK_MM / volume.geometry.spacing_mm[1]))
    box = Box(box.start, (last, back, end))
    steps = tuple(max(1, int(WORKING_MM / mm + 0.25)) for mm in volume.geometry.spacing_mm)
    hu = _averaged(volume.voxels, box, steps)
    thinned = tuple(slice(start, stop, step) for start, stop, step in zip(box.start, box.stop, steps, strict=True))
    sides = right.voxels[thinned], left.voxels[thinned]
    dense = hu > SOLID_HU
    lung = sides[0] | sides[1]
    spacing_mm = [mm * step for mm, step in zip(volume.geometry.spacing_mm, steps, strict=True)]
    around = _enclosed(sides[0], medial=-1) | _enclosed(sides[1], medial=1) | _before_ribs(hu, sides, spacing_mm)
    candidates = dense & (lung | around)
    found = components(_opened(candidates, spacing_mm), 6)
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    sick = np.bincount(found.labels[lesion.voxels[thinned]], minlength=len(found) + 1)[1:]
    is_body = [
        size * voxel_ml >= LEAST_ML and affected < LESION_SHARE * size
        for size, affected in zip(found.sizes, sick, strict=True)
    ]
    if not any(is_body):
        return None
    bodies = np.array([False, *is_body])[found.labels]
    count = int(np.count_nonzero(bodies))
    return Solid(count * voxel_ml, count / int(np.count_nonzero(bodies | lung)))


def _enclosed(side: Region, *, medial: int) -> Region:
    """Return what one lung surrounds; `medial` is the direction of its medial side along the columns, 1 or -1."""
    front, back = _behind(side, 1, 1), _behind(side, 1, -1)
    medially, laterally = _behind(side, 2, medial), _behind(side, 2, -medial)
    enclosed: Region = medially & _behind(side, 0, 1) & (laterally | (front & back))
    return enclosed


def _before_ribs(hu: NDArray[np.float32], sides: tuple[Region, Region], spacing_mm: list[float]) -> Region:
    """Return what lies behind the back of a lung and before ribs or fat, beside the middle and below the apex."""
    lung = sides[0] | sides[1]
    slices, columns = np.flatnonzero(lung.any(axis=(1, 2))), np.arange(lung.shape[2])
    reach = 2 * int(RIB_REACH_MM / spacing_mm[0]) + 1
    bone = ndimage.maximum_filter1d(hu > BONE_HU, reach, axis=0)
    behind = ~_behind(lung, 1, -1) & lung.any(axis=1, keepdims=True)
    rim = np.zeros_like(lung)
    for rows in range(1, int(RIM_MM / spacing_mm[1]) + 1):
        rim[:, rows:] |= lung[:, :-rows]
    ends = behind & (bone | ((hu < FAT_HU) & ~rim))
    before: Region = behind & ~_behind(ends, 1, 1) & (behind & bone).any(axis=1, keepdims=True)
    middle = np.mean([np.average(columns, weights=side.sum(axis=(0, 1))) for side in sides if side.any()])
    before[:, :, np.abs(columns - middle) * spacing_mm[2] <= MIDDLE_MM] = False
    before[slices[-1] - int(APEX_SHARE * (slices[-1] - slices[0])) :] = False
    return before


def _behind(side: Region, axis: int, direction: int) -> Region:
    """Return what comes after the first voxel of `side` along an axis, from its beginning (1) or its end (-1)."""
    along = tuple(slice(None, None, direction) if each == axis else slice(None) for each in range(3))
    result: Region = np.logical_or.accumulate(side[along], axis=axis)[along]
    return result


def _opened(region: Region, spacing_mm: list[float]) -> Region:
    """Return where a ball of `COMPACT_MM` fits into a region."""
    box = bounding_box(region)
    opened = np.zeros_like(region)
    if box is None:
        return opened
    inner = np.pad(region[box.slices], 1)
    deep = ndimage.distance_transform_edt(inner, sampling=spacing_mm) > COMPACT_MM
    if deep.any():
        near = ndimage.distance_transform_edt(~deep, sampling=spacing_mm) <= COMPACT_MM
        opened[box.slices] = (inner & near)[1:-1, 1:-1, 1:-1]
    return opened


def _averaged(voxels: NDArray[np.generic], box: Box, steps: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the mean of every `steps`-th slice within a box over blocks of rows and columns."""
    (first, *starts), (last, *stops) = box.start, box.stop
    lengths = [stop - start for start, stop in zip(starts, stops, strict=True)]
    rows, columns = (np.arange(0, length, step) for length, step in zip(lengths, steps[1:], strict=True))
    planes = [
        np.add.reduceat(np.add.reduceat(plane[box.slices[1:]], rows, axis=0, dtype=np.float32), columns, axis=1)
        for plane in voxels[first : last : steps[0]]
    ]
    sizes = [np.diff([*edges, length]) for edges, length in zip((rows, columns), lengths, strict=True)]
    mean: NDArray[np.float32] = (np.stack(planes) / np.outer(*sizes)).astype(np.float32)
    return mean
