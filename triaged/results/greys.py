"""Greys of pages that compress well without loss; knows nothing of what they show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from triaged.results.page import Picture

GREY_TOLERANCE = 6  # of 255: less than a person tells apart on a monitor
_Image = NDArray[np.float32]


def in_runs(image: _Image, tolerance: int = GREY_TOLERANCE) -> Picture:
    """Return values in [0, 1] as grey in RGB that is `tolerance` of 255 off at most, in runs of one grey."""
    grey = np.round(runs(np.clip(image, 0.0, 1.0) * np.float32(255.0), tolerance)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def runs(image: _Image, tolerance: float) -> _Image:
    """Return the image with each row broken into runs of one value, the middle of the values that the run covers.

    Lossless compression needs runs; the error is `tolerance` at most, and on average far less.
    """
    across = np.ascontiguousarray(image.T)
    middle, begins = np.empty_like(across), np.zeros(across.shape, np.bool_)
    low, high = across[0], across[0]
    for column, value in enumerate(across):
        begins[column] = np.maximum(high, value) - np.minimum(low, value) > 2.0 * tolerance
        low = np.where(begins[column], value, np.minimum(low, value))
        high = np.where(begins[column], value, np.maximum(high, value))
        middle[column] = (low + high) / 2.0
    for column in range(len(across) - 2, -1, -1):
        middle[column] = np.where(begins[column + 1], middle[column], middle[column + 1])
    return np.ascontiguousarray(middle.T)
