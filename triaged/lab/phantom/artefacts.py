"""What goes wrong during a scan: the beating heart, breathing.

Changes the drawn image before noise; the truth stays where it was drawn. Must not know: disease.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from triaged.lab.phantom.anatomy import Anatomy
from triaged.lab.phantom.frame import Frame, coverage, ellipsoid_box, ellipsoid_distance
from triaged.lab.phantom.mediastinum import Core
from triaged.lab.phantom.options import F32, Scanner
from triaged.lab.phantom.wall import ramp
from triaged.lab.portable import cos, sin


def move_patient(
    rng: np.random.Generator, frame: Frame, voxels: F32, anatomy: Anatomy, core: Core, scanner: Scanner
) -> None:
    """Blur `voxels` in place by the motions that the scanner's values ask for."""
    angle = float(rng.uniform(0, 2 * np.pi))
    if scanner.heart_motion_mm > 0:
        double_heart(frame, voxels, core, scanner.heart_motion_mm, angle)
    if scanner.breathing_mm > 0:
        breathe(frame, voxels, anatomy, scanner.breathing_mm)


def double_heart(frame: Frame, voxels: F32, core: Core, motion_mm: float, angle: float) -> None:
    """Blend the heart and the lung beside it with themselves, shifted in the plane by `motion_mm`."""
    box = ellipsoid_box(frame, core.heart_centre, core.heart_axes, 30)
    if box is None:
        return
    near = ellipsoid_distance(frame, box, core.heart_centre, core.heart_axes, core.heart_turn) - 14
    shift = motion_mm / frame.spacing_mm[1] * np.array([sin(angle), cos(angle)])
    moved = ndimage.shift(voxels[box], (0, shift[0], shift[1]), order=1, mode="nearest", prefilter=False)
    voxels[box] += np.float32(0.5) * coverage(near, 18) * (moved - voxels[box])


def breathe(frame: Frame, voxels: F32, anatomy: Anatomy, motion_mm: float) -> None:
    """Blend everything near and below the domes of the diaphragm with itself, shifted along z by `motion_mm`."""
    amount = np.float32(0.5) * ramp(frame.z_mm, anatomy.dome_r + 60, anatomy.dome_r)
    still = voxels.copy()
    for k in np.flatnonzero(amount > 0):
        at = float(np.interp(frame.z_mm[k] + motion_mm, frame.z_mm, np.arange(frame.z_mm.size)))
        low = min(int(at), frame.z_mm.size - 2)
        other = still[low] + np.float32(at - low) * (still[low + 1] - still[low])
        voxels[k] += amount[k] * (other - voxels[k])
