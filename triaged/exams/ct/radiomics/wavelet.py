"""The eight sub-bands of a volume's stationary coiflet transform (PyWavelets), one at a time, so that one is held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pywt
from numpy.typing import NDArray

from triaged.study.radiomics import WAVELET

REACH: Final = 5
"""So many voxels beside a region its sub-bands depend on."""


def sub_bands(values: NDArray[np.floating]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Return each sub-band of the first level with its name, in the order of `BANDS`, in the shape of `values`.

    Beyond its border the volume is repeated, so that a region should lie `REACH` voxels within it.
    """
    even = [(0, count % 2) for count in values.shape]
    padded = np.pad(values.astype(np.float64), even, mode="wrap")
    kept = tuple(slice(0, count) for count in values.shape)
    for name, band in _along(padded, axes=(2, 1, 0)):
        yield name, band[kept]


def _along(values: NDArray[np.float64], axes: tuple[int, ...]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    if not axes:
        yield "", values
        return
    (halves,) = pywt.swt(values, WAVELET, level=1, axis=axes[0])
    for letter, half in zip("LH", halves, strict=True):
        for name, band in _along(half, axes[1:]):
            yield letter + name, band
