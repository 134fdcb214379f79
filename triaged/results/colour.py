"""Colours a projection by local severity; arrays in, arrays out, no text and no DICOM.

Green means little and red much, as in the paper's figure; since one man in twelve cannot tell them apart, contours at
25, 50 and 75 % (thin, thick, double) say the same without colour.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.results.display import lungs_outline, radiograph, smooth_share
from triaged.results.projection import Image, Projection, Region

Picture = NDArray[np.uint8]


class Palette(StrEnum):
    """The colours of the bar, from nothing to all affected; `VIRIDIS` can be read without telling red from green."""

    GREEN_RED = "green-red"
    VIRIDIS = "viridis"


TRANSPARENT_BELOW = 0.02
GREY_LEVELS = 64  # as many as a person tells apart on a monitor at once; runs of equal grey make the object small
CONTOURS = (0.25, 0.50, 0.75)
_CONTOUR_SIGMA_MM = 5.0  # smoother than the colour: lines around every speck would hide what they are to show
_STOPS = (0.0, 0.35, 0.55, 0.75, 1.0)
_COLOURS = np.array([(0, 150, 60), (240, 220, 0), (245, 140, 0), (200, 0, 0), (200, 0, 0)], np.float32)
_OUTLINE = np.array((0, 200, 220), np.uint8)
_CONTOUR = np.array((255, 255, 255), np.uint8)


def severity_colour(share: Image) -> NDArray[np.float32]:
    """Return the bar's colour (0..255) for shares in [0, 1]; a trailing axis of red, green and blue is added."""
    channels = [np.interp(share, _STOPS, _COLOURS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def opacity(share: Image) -> NDArray[np.float32]:
    """Return how much of the colour covers the radiograph: nothing below 2 %, then 15 % rising to 65 %."""
    return np.where(share >= TRANSPARENT_BELOW, 0.15 + 0.5 * share, 0.0).astype(np.float32)


def plain(view: Projection, pixel_mm: float) -> Picture:
    """Return the projection alone, in grey."""
    grey = (np.round(radiograph(view, pixel_mm) * (GREY_LEVELS - 1)) * (255.0 / (GREY_LEVELS - 1))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def overlaid(view: Projection, pixel_mm: float, grey: Picture) -> Picture:
    """Return `grey`, the plain picture, with local severity in colour, its contours, and the outline of the lungs."""
    share = smooth_share(view, pixel_mm)
    known = np.nan_to_num(share, nan=0.0)
    alpha = opacity(known)[..., None]
    blended = grey * (1.0 - alpha) + severity_colour(known) * alpha
    picture = np.asarray(np.round(blended), dtype=np.uint8)
    picture[edge(lungs_outline(view, pixel_mm))] = _OUTLINE
    calm = np.nan_to_num(smooth_share(view, pixel_mm, _CONTOUR_SIGMA_MM), nan=0.0)
    picture[contours(calm)] = _CONTOUR
    return picture


def contours(share: Image) -> Region:
    """Return the lines around 25 % (one pixel), 50 % (two pixels) and 75 % (two lines)."""
    thin, thick, double = (share >= level for level in CONTOURS)
    inner = ndimage.binary_erosion(double, iterations=3)
    inside = ndimage.binary_erosion(thick)
    lines = [edge(one) for one in (thin, thick, inside, double, inner)]
    return np.asarray(np.logical_or.reduce(lines), dtype=np.bool_)


def edge(region: Region) -> Region:
    """Return the outermost pixels of a region."""
    return np.asarray(region & ~ndimage.binary_erosion(region), dtype=np.bool_)
