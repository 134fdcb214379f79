"""Colours a projection by local severity; arrays in, arrays out, no text and no DICOM.

Green means little and red much, as in the paper's figure; since one man in twelve cannot tell them apart, contours at
25, 50 and 75 % (thin, thick, double) say the same without colour, and another palette rises in brightness throughout.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.display import lungs_outline, radiograph, smooth_share
from triaged.exams.ct.pictures.projection import Image, Projection, Region
from triaged.results.greys import in_runs, runs
from triaged.results.page import Picture

TRANSPARENT_BELOW = 0.02
CONTOURS = (0.25, 0.50, 0.75)
OUTLINE = (0, 200, 220)
CONTOUR = (255, 255, 255)
_CONTOUR_SIGMA_MM = 5.0  # smoother than the colour: lines around every speck would hide what they are to show
_SHARE_TOLERANCE = 0.02
_LEAST_ISLAND_MM2 = 60.0  # a contour around less than this is a speck
_STOPS: Mapping[Palette, tuple[float, ...]] = {
    Palette.GREEN_RED: (0.0, 0.35, 0.55, 0.75, 1.0),
    Palette.VIRIDIS: (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0),
}
_COLOURS: Mapping[Palette, tuple[tuple[int, int, int], ...]] = {
    Palette.GREEN_RED: ((0, 150, 60), (240, 220, 0), (245, 140, 0), (200, 0, 0), (200, 0, 0)),
    Palette.VIRIDIS: (  # nine of the 256 colours by S. van der Walt and N. Smith (CC0)
        (68, 1, 84),
        (71, 45, 123),
        (59, 82, 139),
        (44, 114, 142),
        (33, 145, 140),
        (39, 173, 129),
        (92, 200, 99),
        (170, 220, 50),
        (253, 231, 37),
    ),
}


def severity_colour(share: Image, palette: Palette) -> NDArray[np.float32]:
    """Return the bar's colour (0..255) for shares in [0, 1]; a trailing axis of red, green and blue is added."""
    colours = np.array(_COLOURS[palette], np.float32)
    channels = [np.interp(share, _STOPS[palette], colours[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def opacity(share: Image) -> NDArray[np.float32]:
    """Return how much of the colour covers the radiograph: nothing below 2 %, then 15 % rising to 65 %."""
    return np.where(share >= TRANSPARENT_BELOW, 0.15 + 0.5 * share, 0.0).astype(np.float32)


def plain(view: Projection, pixel_mm: float) -> Picture:
    """Return the projection alone, in grey."""
    return in_runs(radiograph(view, pixel_mm))


def overlaid(view: Projection, pixel_mm: float, grey: Picture, palette: Palette) -> Picture:
    """Return `grey`, the plain picture, with local severity in colour, its contours, and the outline of the lungs."""
    share = smooth_share(view, pixel_mm)
    known = np.where(share >= TRANSPARENT_BELOW, runs(np.nan_to_num(share, nan=0.0), _SHARE_TOLERANCE), np.float32(0.0))
    picture = covered(grey, known, palette)
    picture[edge(lungs_outline(view, pixel_mm))] = OUTLINE
    calm = np.nan_to_num(smooth_share(view, pixel_mm, _CONTOUR_SIGMA_MM), nan=0.0)
    picture[contours(calm, pixel_mm)] = CONTOUR
    return picture


def covered(grey: Picture, share: Image, palette: Palette) -> Picture:
    """Return the picture under the colours of `share`, 0 where there is nothing to show."""
    alpha = opacity(share)[..., None]
    blended = grey * (1.0 - alpha) + severity_colour(share, palette) * alpha
    return np.asarray(np.round(blended), dtype=np.uint8)


def contours(share: Image, pixel_mm: float = 1.0) -> Region:
    """Return the lines around 25 % (one pixel), 50 % (two pixels) and 75 % (two lines)."""
    thin, thick, double = (_without_specks(share >= level, pixel_mm) for level in CONTOURS)
    inner = ndimage.binary_erosion(double, iterations=3)
    inside = ndimage.binary_erosion(thick)
    lines = [edge(one) for one in (thin, thick, inside, double, inner)]
    return np.asarray(np.logical_or.reduce(lines), dtype=np.bool_)


def edge(region: Region) -> Region:
    """Return the outermost pixels of a region."""
    return np.asarray(region & ~ndimage.binary_erosion(region), dtype=np.bool_)


def _without_specks(region: Region, pixel_mm: float) -> Region:
    labels, _ = ndimage.label(region)
    sizes = np.bincount(labels.ravel())
    large = sizes * pixel_mm**2 >= _LEAST_ISLAND_MM2
    large[0] = False
    return np.asarray(large[labels], dtype=np.bool_)
