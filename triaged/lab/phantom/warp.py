"""The drawn chest moved along z: another breath, a leaning gantry.

The image and every field behind the masks are moved alike, so that the truth stays exact. Must not know: disease.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from triaged.lab.phantom.body import Patient
from triaged.lab.phantom.frame import Frame, coverage, slab
from triaged.lab.phantom.options import F32
from triaged.lab.phantom.wall import radial_distance, ramp


@dataclass(frozen=True, slots=True)
class Warp:
    """The image shows at (x, y, z) what was drawn at another height.

    `rise_mm`: how much higher the diaphragm stands; `lean`: tangent of the gantry's tilt.
    """

    rise_mm: float
    lean: float

    @property
    def is_still(self) -> bool:
        """Return whether nothing moves."""
        return self.rise_mm == 0 and self.lean == 0


def source_height(warp: Warp, patient: Patient, frame: Frame) -> F32:
    """Return the drawn height (mm) that each voxel (slice, row, column) of a slab shows."""
    row_mm = (np.arange(frame.shape[1]) - (frame.shape[1] - 1) / 2) * frame.spacing_mm[1]
    z = frame.z_mm[:, None, None] + (warp.lean * row_mm).astype(np.float32)[None, :, None]
    z = np.broadcast_to(z, frame.shape)
    if not warp.rise_mm:
        return z
    anatomy = patient.anatomy
    share = ramp(z, anatomy.apex_r - 20, anatomy.dome_r)
    rows = patient.radius[frame.first : frame.first + frame.shape[0]]
    inside = coverage(radial_distance(frame, rows) + 2, 8)
    result: F32 = (z - np.float32(warp.rise_mm) * share * inside).astype(np.float32)
    return result


def source_slices(warp: Warp, frame: Frame, start: int, stop: int) -> tuple[int, int]:
    """Return the range of drawn slices that the slices start..stop of the image may show."""
    if warp.is_still:
        return start, stop
    most = abs(warp.rise_mm) + abs(warp.lean) * frame.shape[1] * frame.spacing_mm[1] / 2
    low = int(np.searchsorted(frame.z_mm, frame.z_mm[start] - most)) - 1
    high = int(np.searchsorted(frame.z_mm, frame.z_mm[stop - 1] + most)) + 2
    return max(low, 0), min(high, frame.shape[0])


def moved(warp: Warp, patient: Patient, frame: Frame, drawn: F32, low: int, start: int, stop: int) -> F32:
    """Return the slices start..stop of the image; `drawn` holds the whole frame's slices from `low` on."""
    if warp.is_still:
        return drawn
    known = frame.z_mm[low : low + drawn.shape[0]]
    height = source_height(warp, patient, slab(frame, start, stop))
    at = np.interp(height, known, np.arange(known.size, dtype=np.float32)).astype(np.float32)
    below = np.minimum(at.astype(np.int32), max(known.size - 2, 0))
    part = at - below
    first = np.take_along_axis(drawn, below, axis=0)
    second = np.take_along_axis(drawn, np.minimum(below + 1, known.size - 1), axis=0)
    result: F32 = first + part * (second - first)
    return result
