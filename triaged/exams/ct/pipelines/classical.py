"""Segments lungs without a network: air within the body, closed over vessels and peripheral disease.

Must not know models. It finds aerated lung; a lobe without any air stays outside, which the reader of its result has to
allow for (`triaged.exams.ct.pipelines.measure` refuses lungs that are too small).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.exams.ct.pipelines.lungs import fill_holes, keep_lungs
from triaged.exams.ct.pipelines.split import LEFT, RIGHT, Split, split
from triaged.imaging.regions import bounding_box, components
from triaged.imaging.volume import Mask, Volume

LUNG_HU: Final = -320.0
CLOSING_MM: Final = 10.0


def classical_lungs(hu: Volume, airway: NDArray[np.bool_], within: NDArray[np.bool_]) -> Split:
    """Return the two lungs of a canonical volume with pixels of about 2 mm; empty labels where there are none.

    `airway` is no lung, and nothing that is not `within` the body.

    Each lung is closed on its own and slice by slice, so that the closing does not bridge the mediastinum.
    """
    sides = split(Mask(aerated_lung(hu, airway, within), hu.geometry))
    labels = sides.labels.copy()
    for side in (RIGHT, LEFT):
        whole = _closed(sides.labels == side, hu)
        labels[whole & (labels == 0) & ~airway] = side
    return Split(labels, sides.method)


def aerated_lung(hu: Volume, airway: NDArray[np.bool_], within: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the air within the body that can be lung, vessels and disease left out."""
    air = hu.voxels < LUNG_HU
    return keep_lungs(air & (within | ~_leading_out(air)) & ~airway, within)


def _leading_out(air: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the air that leads out of the image through its sides; through head and feet lungs may."""
    labels = components(air, 6).labels
    sides = (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])
    out = np.zeros(int(labels.max()) + 1, dtype=np.bool_)
    out[np.unique(np.concatenate([side.ravel() for side in sides]))] = True
    out[0] = False
    return out[labels]


def _closed(lung: NDArray[np.bool_], hu: Volume) -> NDArray[np.bool_]:
    """Return a lung with indentations narrower than twice `CLOSING_MM` filled, and holes."""
    _, row_mm, column_mm = hu.geometry.spacing_mm
    margin = (0, int(CLOSING_MM / row_mm) + 2, int(CLOSING_MM / column_mm) + 2)
    result = np.zeros_like(lung)
    box = bounding_box(lung)
    if box is None:
        return result
    inner = box.grown(margin, lung.shape)
    for index, plane in enumerate(lung[inner.slices], start=inner.start[0]):
        result[(index, *inner.slices[1:])] = closed(plane, (row_mm, column_mm), CLOSING_MM)
    return fill_holes(result | lung, row_mm * column_mm)


def closed(plane: NDArray[np.bool_], pixel_mm: tuple[float, float], radius_mm: float) -> NDArray[np.bool_]:
    """Return a mask of one slice closed by a disk; the image's edge closes too."""
    if not plane.any():
        return plane
    return depth_mm(depth_mm(~plane, pixel_mm) <= radius_mm, pixel_mm) > radius_mm


def depth_mm(plane: NDArray[np.bool_], pixel_mm: tuple[float, float]) -> NDArray[np.float64]:
    """Return how far each pixel of a mask is from its outside, in millimetres; 0 outside."""
    distance: NDArray[np.float64] = ndimage.distance_transform_edt(plane, sampling=pixel_mm)
    return distance
