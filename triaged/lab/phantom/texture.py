"""Smooth random fields: values on a coarse grid of knots, and what lies between them, slice by slice.

A field drawn in slabs equals the field drawn at once. Must not know: organs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from triaged.lab.phantom.frame import Frame
from triaged.lab.phantom.options import F32


@dataclass(frozen=True, slots=True)
class Knots:
    """A random field over a grid of `shape` voxels, `steps` of whose axes are one knot each."""

    values: F32
    shape: tuple[int, int, int]
    steps: tuple[float, float, float]


def draw_knots(
    rng: np.random.Generator, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], scale_mm: float
) -> Knots:
    """Return a random field of mean 0 and standard deviation about 1, correlated over `scale_mm`."""
    count = [max(3, int(np.ceil(n * s / scale_mm)) + 3) for n, s in zip(shape, spacing_mm, strict=True)]
    steps = (scale_mm / spacing_mm[0], scale_mm / spacing_mm[1], scale_mm / spacing_mm[2])
    return Knots(rng.standard_normal(count, dtype=np.float32), shape, steps)


def field(knots: Knots, start: int, stop: int) -> F32:
    """Return the slices start..stop of the field."""
    values = knots.values
    for axis, (low, high) in enumerate(((start, stop), (0, knots.shape[1]), (0, knots.shape[2]))):
        at = 1 + np.arange(low, high, dtype=np.float32) / np.float32(knots.steps[axis])
        at = np.clip(at, 0, values.shape[axis] - 1.001)
        below = at.astype(np.int64)
        t = (at - below).astype(np.float32)
        t = (t * t * (3 - 2 * t)).reshape([-1 if a == axis else 1 for a in range(3)])
        above = np.take(values, below + 1, axis=axis)
        values = np.take(values, below, axis=axis)
        above -= values
        above *= t
        values += above
    values *= np.float32(1.6)
    return values


def smooth_noise(rng: np.random.Generator, frame: Frame, scale_mm: float) -> F32:
    """Return the part of a random field that lies in this frame; a slab gets its part of the whole frame's field."""
    knots = draw_knots(rng, (frame.whole, *frame.x_mm.shape), frame.spacing_mm, scale_mm)
    return field(knots, frame.first, frame.first + frame.shape[0])
