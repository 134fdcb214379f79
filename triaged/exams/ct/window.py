"""Hounsfield units to what a network reads; knows nothing of models.

The default window, -1000 to 300 HU, is the one the authors' code of Goncharov et al. clips to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOW_HU = -1000.0
HIGH_HU = 300.0


def to_unit(
    hu: NDArray[np.int16] | NDArray[np.float32], low: float = LOW_HU, high: float = HIGH_HU
) -> NDArray[np.float32]:
    """Return Hounsfield units clipped to [low, high] and scaled to [0, 1], as a new array of the same shape."""
    if not low < high:
        raise ValueError(f"window: expected low < high, found {low} and {high}")
    unit = hu.astype(np.float32)
    np.clip(unit, low, high, out=unit)
    unit -= np.float32(low)
    unit /= np.float32(high - low)
    return unit
