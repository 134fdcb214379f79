"""Cleans what a segmenter called lung: fragments go, enclosed holes close; knows nothing of models.

Arrays are (slice, row, column), slices rising to the head, on a grid whose spacing is given in millimetres.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.imaging.regions import bounding_box, components, fill_holes_per_slice, remove_small_components

LEAST_SHARE: Final = 0.01
"""A component smaller than this share of the whole is not a lung (systems specification, section 1.0.2)."""
LARGE_SHARE: Final = 0.10
"""From this share on a third component stays too: dense disease can cut a lung into pieces."""
BASE_SHARE: Final = 0.25
"""A small component as low as this share of the lungs' height is gas in stomach or bowel."""
OPEN_HOLE_MM2: Final = 500.0
"""Up to this area a hole of one slice is a vessel or a nodule; a larger one that opens in the slices beside it may be
the dome of the liver, and is no lung."""


def keep_lungs(region: NDArray[np.bool_], within: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the components of a region that can be lungs: the two largest, and further ones only if they are large.

    A component counts where most of it lies `within` the body.
    """
    found = components(region, 6)
    kept = np.zeros(len(found) + 1, dtype=np.bool_)
    inside = np.bincount(found.labels[within], minlength=len(found) + 1)[1:]
    ranks = [rank for rank, size in enumerate(found.sizes) if 2 * inside[rank] > size]
    total = sum(found.sizes[rank] for rank in ranks)
    for place, rank in enumerate(ranks):
        large = found.sizes[rank] >= LARGE_SHARE * total
        second = place == 1 and found.sizes[rank] >= LEAST_SHARE * total
        lungs = found.boxes[ranks[0]]
        low = found.centroids[rank][0] < lungs.start[0] + BASE_SHARE * lungs.shape[0]
        kept[rank + 1] = place == 0 or large or (second and not low)
    return kept[found.labels]


def fill_holes(region: NDArray[np.bool_], pixel_mm2: float) -> NDArray[np.bool_]:
    """Return a region without the holes that it encloses within a slice and that are either small or closed in space.

    A lesion that the segmenter left out so counts as lung; the dome of the liver, which the lung's base surrounds, does
    not.
    """
    box = bounding_box(region)
    if box is None:
        return region.copy()
    inner = region[box.slices]
    holes = fill_holes_per_slice(inner) & ~inner
    open_holes = _open_in_space(inner, holes, int(OPEN_HOLE_MM2 / pixel_mm2))
    filled = region.copy()
    filled[box.slices] |= holes & ~open_holes
    return filled


def _open_in_space(region: NDArray[np.bool_], holes: NDArray[np.bool_], small_px: int) -> NDArray[np.bool_]:
    """Return the parts of `holes` that are large within their slice and lead out of the region through other slices."""
    large = np.zeros_like(holes)
    for index in np.flatnonzero(holes.any(axis=(1, 2))):
        large[index] = remove_small_components(holes[index : index + 1], small_px + 1, 6)[0]
    if not large.any():
        return large
    around = components(np.pad(~region, 1, constant_values=True), 6).labels
    open_in_space: NDArray[np.bool_] = large & (around[1:-1, 1:-1, 1:-1] == around[0, 0, 0])
    return open_in_space
