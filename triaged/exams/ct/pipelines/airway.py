"""Finds trachea and main bronchi in a chest CT, so that they do not count as lung; knows nothing of models.

The lumen is followed from the head towards the feet, slice by slice: above the lungs the trachea is the only round
air space within the body, and where a cross-section suddenly grows, the wall has been lost and the branch ends.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.imaging.regions import components
from triaged.imaging.volume import Volume

LUMEN_HU: Final = -900.0
TRACHEA_MM2: Final = (50.0, 800.0)
"""Cross-sections at which the search may begin: 8 to 32 mm across."""
BRANCH_MM2: Final = (25.0, 1100.0)
"""Cross-sections that are followed; at the carina both main bronchi are one."""
GROWTH: Final = 1.7
LEAST_FILL: Final = 0.55
"""Share of its own bounding rectangle that a round cross-section fills at least (a disk: 0.79)."""
LEAST_LENGTH_MM: Final = 20.0
ENOUGH_LENGTH_MM: Final = 60.0
"""A round space of this length is the trachea: a lung's tip, round too, widens within half of it."""
MOST_OFF_CENTRE_MM: Final = 45.0
WALL_PX: Final = 2

Plane = NDArray[np.bool_]


def central_airway(hu: Volume) -> NDArray[np.bool_]:
    """Return trachea and main bronchi with their wall, on the volume's grid; empty where no trachea is found.

    The volume is canonical with pixels of about 2 mm.
    """
    found = np.zeros(hu.geometry.shape, dtype=np.bool_)
    lumen = hu.voxels < LUMEN_HU
    body_column = _body_column(hu)
    if body_column is None:
        return found
    slice_mm, row_mm, column_mm = hu.geometry.spacing_mm
    tracker = _Tracker(lumen, row_mm * column_mm)
    longest: dict[int, Plane] = {}
    for top in range(lumen.shape[0] - 1, lumen.shape[0] // 3, -1):
        for start in tracker.round_spaces(top):
            off_centre_mm = abs(float(np.flatnonzero(start.any(axis=0)).mean()) - body_column) * column_mm
            if off_centre_mm <= MOST_OFF_CENTRE_MM and not (top in longest and (start & longest[top]).any()):
                longest = max(longest, tracker.follow(top, start), key=len)
        if len(longest) * slice_mm >= ENOUGH_LENGTH_MM:
            break
    return _with_wall(longest, found) if len(longest) * slice_mm >= LEAST_LENGTH_MM else found


class _Tracker:
    def __init__(self, lumen: NDArray[np.bool_], pixel_mm2: float) -> None:
        self._lumen = lumen
        self._pixel_mm2 = pixel_mm2

    def round_spaces(self, index: int) -> list[Plane]:
        """Return the cross-sections of one slice that could be a trachea."""
        found = components(self._lumen[index : index + 1], 6)
        spaces = []
        for label, (size, box) in enumerate(zip(found.sizes, found.boxes, strict=True), start=1):
            area_mm2 = size * self._pixel_mm2
            round_enough = size >= LEAST_FILL * box.shape[1] * box.shape[2]
            if TRACHEA_MM2[0] <= area_mm2 <= TRACHEA_MM2[1] and round_enough:
                spaces.append(found.labels[0] == label)
        return spaces

    def follow(self, top: int, start: Plane) -> dict[int, Plane]:
        """Return the cross-sections, by slice, that hang together with `start` towards the feet."""
        path = {top: start}
        for index in range(top - 1, -1, -1):
            below = self._continued(index, path[index + 1])
            if not below.any():
                break
            path[index] = below
        return path

    def _continued(self, index: int, above: Plane) -> Plane:
        near = ndimage.binary_dilation(above)
        labels, count = ndimage.label(self._lumen[index])
        below = np.zeros_like(above)
        for label in np.unique(labels[near & (labels > 0)]) if count else ():
            branch = labels == label
            area_mm2 = int(np.count_nonzero(branch)) * self._pixel_mm2
            parent_mm2 = self._parent_mm2(above, ndimage.binary_dilation(branch))
            if BRANCH_MM2[0] <= area_mm2 <= min(BRANCH_MM2[1], GROWTH * parent_mm2 + BRANCH_MM2[0]):
                below |= branch
        return below

    def _parent_mm2(self, above: Plane, near_branch: Plane) -> float:
        labels, _ = ndimage.label(above)
        parents = np.unique(labels[near_branch & (labels > 0)])
        return int(np.count_nonzero(np.isin(labels, parents))) * self._pixel_mm2


def _body_column(hu: Volume) -> float | None:
    """Return the middle of the body along the columns, or None where there is none."""
    weight = np.count_nonzero(hu.voxels > -200, axis=(0, 1)).astype(np.float64)
    return float(np.average(np.arange(weight.size), weights=weight)) if weight.any() else None


def _with_wall(path: dict[int, Plane], found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    for index, lumen in path.items():
        found[index] = ndimage.binary_dilation(lumen, iterations=WALL_PX)
    return found
