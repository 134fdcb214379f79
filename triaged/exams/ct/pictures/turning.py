"""Draws the lungs from any side, coloured by what is affected below their surface: a z-buffer of points, no library.

Parallel rays, light from the viewer. Views differ only by a turn about the axis from foot to head, so that rows are
counted once. No text and no DICOM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.colour import TRANSPARENT_BELOW, severity_colour
from triaged.exams.ct.pictures.projection import Image
from triaged.exams.ct.pictures.surface import Surface
from triaged.results.greys import runs
from triaged.results.page import Picture

STEP_DEGREES: Final = 10
_FINEST_MM = 1.2
"""A pixel of the z-buffer, which the points fill; a picture with smaller ones is made from it."""
_LUNG_GREY = 205.0
_AMBIENT = 0.2
_LIGHT_TOLERANCE, _STEPS_OF_SHARE = 0.035, 20.0
"""Lossless compression needs runs of one colour: finer steps show nothing more."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A surface, ready to be drawn in a square of `size` pixels of `pixel_mm`."""

    surface: Surface
    size: int
    pixel_mm: float
    factor: int
    rows: NDArray[np.intp]

    @property
    def coarse(self) -> int:
        """Return the rows, and columns, of the z-buffer."""
        return -(-self.size // self.factor)


def stage(surface: Surface, size: int) -> Stage:
    """Return the surface in a square that it fills from every side."""
    x, y, z = surface.points.T
    widest_mm = 2.0 * max(float(np.hypot(x, y).max()), float(np.abs(z).max())) + 4.0
    pixel_mm = widest_mm / size
    factor = max(1, int(np.ceil(_FINEST_MM / pixel_mm)))
    coarse = -(-size // factor)
    rows = np.clip(coarse / 2.0 - z / (pixel_mm * factor), 0, coarse - 1).astype(np.intp)
    return Stage(surface, size, pixel_mm, factor, rows)


def view(staged: Stage, degrees: float, palette: Palette) -> Picture:
    """Return the lungs from a side: 0 is from the front, 90 from the patient's left, 180 from the back.

    From the front the patient's right is at the image's left.
    """
    shade, share, covered = _buffered(staged, degrees)
    light, part, mask = (_fine(each, staged) for each in (shade, share, covered))
    weight = np.maximum(mask, np.float32(0.05))
    light = runs((light / weight).astype(np.float32), _LIGHT_TOLERANCE)
    part = np.round(part / weight * np.float32(_STEPS_OF_SHARE)).astype(np.float32) / np.float32(_STEPS_OF_SHARE)
    colour = np.where((part >= TRANSPARENT_BELOW)[..., None], severity_colour(part, palette), np.float32(_LUNG_GREY))
    lit = np.clip(light, 0.0, 1.0)[..., None] * colour
    lit[mask < 0.5] = 0.0
    return np.round(lit).astype(np.uint8)


def _buffered(staged: Stage, degrees: float) -> tuple[Image, Image, Image]:
    """Return light, share and coverage of the nearest points, on the coarse grid."""
    surface, coarse = staged.surface, staged.coarse
    sine, cosine = (np.float32(each(np.radians(degrees))) for each in (np.sin, np.cos))
    facing = surface.normals[:, 0] * sine - surface.normals[:, 1] * cosine
    seen = np.flatnonzero(facing > 0.0)
    x, y = surface.points[seen, 0], surface.points[seen, 1]
    near = x * sine - y * cosine
    across = coarse / 2.0 + (x * cosine + y * sine) / np.float32(staged.pixel_mm * staged.factor)
    at = staged.rows[seen] * coarse + np.clip(across, 0, coarse - 1).astype(np.intp)
    first_to_last = np.argsort(((near - near.min()) * np.float32(50.0)).astype(np.uint16), kind="stable")
    chosen = np.full(coarse * coarse, -1, np.intp)
    chosen[at[first_to_last]] = seen[first_to_last]  # of points in one pixel the last one stays, which is the nearest
    covered = (chosen >= 0).reshape(coarse, coarse)
    light = np.float32(_AMBIENT) + np.float32(1.0 - _AMBIENT) * facing[chosen].reshape(coarse, coarse)
    share = surface.shares[chosen].reshape(coarse, coarse)
    mask = ndimage.binary_closing(covered, np.ones((3, 3), np.bool_))
    return *(_without_holes(each, covered, mask) for each in (light, share)), mask.astype(np.float32)


def _without_holes(values: Image, covered: NDArray[np.bool_], mask: NDArray[np.bool_]) -> Image:
    """Return values where there are any, the greatest neighbour's in holes, 0 elsewhere; single odd pixels go."""
    known = np.where(covered, values, np.float32(0.0))
    filled = np.where(covered, known, ndimage.maximum_filter(known, 3))
    return np.where(mask, ndimage.median_filter(filled, 3), np.float32(0.0)).astype(np.float32)


def _fine(image: Image, staged: Stage) -> Image:
    size = staged.coarse * staged.factor
    resized = Pillow.fromarray(image).resize((size, size), Pillow.Resampling.BILINEAR)
    return np.array(resized, np.float32)[: staged.size, : staged.size]
