"""Smooths the outlines of lungs that were found without a network by active contours (after Bao et al., COVID-MTL).

Must not know models. Slice by slice: each lung is closed, an active contour runs over the outline, and what lies inside
is lung, a little eroded and closed again. Slices with one lung alone, or with little lung, are closed only. The sizes
are the paper's, whose pixels have 1 mm; they are lengths here.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.pipelines.classical import aerated_lung, closed, depth_mm
from triaged.exams.ct.pipelines.split import LEFT, RIGHT, Split, split
from triaged.imaging.volume import Mask, Volume

LEAST_AREA_MM2: Final = 15_000.0
"""Slices with less lung are not refined."""
CLOSING_MM: Final = 10.0
LITTLE_CLOSING_MM: Final = 5.0
EROSION_MM: Final = 2.0
TENSION: Final = 0.02
RIGIDITY: Final = 20.0
STEPS: Final = 20
OUTLINE: Final = 0.8
"""The outline runs where a mask of 0 and 1 has this value."""

Bool: TypeAlias = NDArray[np.bool_]
PixelMm: TypeAlias = tuple[float, float]


def contoured_lungs(hu: Volume, airway: Bool, within: Bool) -> Split:
    """Return the two lungs of a canonical volume with pixels of about 2 mm, as `classical_lungs` does."""
    sides = split(Mask(aerated_lung(hu, airway, within), hu.geometry))
    _, row_mm, column_mm = hu.geometry.spacing_mm
    labels = np.stack([_refined(plane, (row_mm, column_mm)) for plane in sides.labels])
    labels[airway] = 0
    return Split(labels, sides.method)


def _refined(plane: NDArray[np.uint8], pixel_mm: PixelMm) -> NDArray[np.uint8]:
    """Return the labels of one slice with smooth outlines."""
    lungs = {side: plane == side for side in (RIGHT, LEFT)}
    area_mm2 = np.count_nonzero(plane) * pixel_mm[0] * pixel_mm[1]
    is_small = area_mm2 < LEAST_AREA_MM2 or not all(lung.any() for lung in lungs.values())
    refined = np.zeros_like(plane)
    for side, lung in lungs.items():
        smooth = closed(lung, pixel_mm, LITTLE_CLOSING_MM) if is_small else _contoured(lung, pixel_mm)
        refined[smooth & (refined == 0)] = side
    return refined


def _contoured(lung: Bool, pixel_mm: PixelMm) -> Bool:
    # Imported at its start they would take 17 MiB of every worker, whatever its engine is.
    from skimage.draw import polygon2mask
    from skimage.measure import find_contours
    from skimage.segmentation import active_contour

    filled = closed(lung, pixel_mm, CLOSING_MM)
    inside = np.zeros_like(filled)
    image = filled.astype(np.float64)
    for outline in find_contours(np.pad(image, 1), OUTLINE):  # type: ignore[no-untyped-call]
        snake = active_contour(image, outline - 1, alpha=TENSION, beta=RIGIDITY, max_num_iter=STEPS)  # type: ignore[no-untyped-call]
        inside |= polygon2mask(lung.shape, snake)  # type: ignore[no-untyped-call]
    eroded = depth_mm(inside, pixel_mm) > EROSION_MM
    return closed(eroded, pixel_mm, CLOSING_MM)
