"""Smooth random fields and steps on any grid.

Must not know what they are used for.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from triaged.lab.phantom.options import F32, Reals


def smooth_noise(rng: Generator, shape: tuple[int, ...], spacing_mm: tuple[float, ...], scale_mm: float) -> F32:
    """Return a field of mean 0 and standard deviation about 1, correlated over `scale_mm`, in any number of axes."""
    steps = [mm / scale_mm for mm in spacing_mm]
    count = [int(np.ceil((extent - 1) * step)) + 3 for extent, step in zip(shape, steps, strict=True)]
    values = rng.standard_normal(count, dtype=np.float32)
    for axis, (extent, step) in enumerate(zip(shape, steps, strict=True)):
        at = np.arange(extent, dtype=np.float32) * np.float32(step) + np.float32(rng.random())
        below = at.astype(np.int64)
        t = (at - below).astype(np.float32)
        t = (t * t * (3 - 2 * t)).reshape([-1 if other == axis else 1 for other in range(len(shape))])
        low = np.take(values, below, axis=axis)
        values = low + t * (np.take(values, below + 1, axis=axis) - low)
    # between two knots the variance is 0.74 of a knot's on average
    result: F32 = (values * np.float32(0.743 ** (-0.5 * len(shape)))).astype(np.float32)
    return result


def ramp(value: Reals, start: float, end: float) -> F32:
    """Return a smooth step that is 0 at `start` and 1 at `end` (either may be the larger)."""
    t = np.clip((value - np.float32(start)) / np.float32(end - start), 0, 1)
    result: F32 = (t * t * (3 - 2 * t)).astype(np.float32)
    return result
