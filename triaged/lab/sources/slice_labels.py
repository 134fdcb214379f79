"""Reads the published 8-bit slices of ten COVID-19 patients as label maps: lungs, lesion, and coarsely what is around.

Their grey is no HU (minimum to maximum of each slice, then local equalisation), so it only orders and delimits here.
The slices are for non-commercial use (CC BY-NC-SA 4.0): what learns from them is for research only. Must not know HU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from triaged.errors import ConfigError
from triaged.lab.phantom.options import F32, Bool

FIRST_SLICES: Final = (0, 159, 279, 397, 510, 626, 702, 789, 970, 1081, 1247)
"""Where each of the ten patients begins, and the end of the last."""
LUNGS_MM: Final = 270.0
"""Greatest width of a grown person's two lungs; the slices' pixel spacing is not known."""
BESIDE_PX: Final = 6
ACROSS_SHARE: Final = 0.15
"""A lung region with more than this share on either side of the midline is both lungs."""
DIVIDE_MM: Final = 30.0
"""How far from the midline two lungs that touch may be parted."""


@dataclass(frozen=True, slots=True, eq=False)
class SliceLabels:
    """The slices of one patient on a grid of `pixel_mm`, (slice, row, column), rising to the head.

    Attributes:
        grey: 0 to 255, noise reduced.
        right, left, lesion, body: masks; the lungs are within the body.
        lung_grey, tissue_grey: (slice,) usual grey of healthy lung, and of the tissue next to the lungs.
        pixel_mm: assumed, so that the lungs are `LUNGS_MM` wide, or as the caller scaled it.
    """

    grey: F32
    right: Bool
    left: Bool
    lesion: Bool
    body: Bool
    lung_grey: F32
    tissue_grey: F32
    pixel_mm: float


def read_patients(folder: Path) -> list[list[Path]]:
    """Return the paths of the slices in `folder`/ct, by patient.

    Raises:
        ConfigError: the folder does not hold the 1,247 slices.
    """
    paths = sorted((folder / "ct").glob("*.png"))
    if len(paths) != FIRST_SLICES[-1]:
        raise ConfigError(f"slices: expected {FIRST_SLICES[-1]} pictures in {folder / 'ct'}, found {len(paths)}")
    return [paths[first:end] for first, end in pairwise(FIRST_SLICES)]


def read_labels(paths: Sequence[Path], pixel_mm: float, lungs_mm: float = LUNGS_MM) -> SliceLabels:
    """Return the slices of one patient whose lungs are taken to be `lungs_mm` wide.

    Raises:
        ConfigError: a picture or one of its masks cannot be read, or no slice shows lung.
    """
    lung, lesion = (np.stack([_png(_beside(path, kind)) > 127 for path in paths]) for kind in ("lung", "lesion"))
    if not lung.any():
        raise ConfigError(f"slices: expected lung in {paths[0].parent}, found none from {paths[0].name} on")
    scale = lungs_mm / pixel_mm / _greatest_width(lung)
    grey = np.stack([_scaled(_png(path), scale) for path in paths])
    lung, lesion = (np.stack([_scaled(one, scale) >= 0.5 for one in masks]) for masks in (lung, lesion))
    lesion &= lung
    grey = ndimage.median_filter(grey, size=(1, 3, 3)) * 0.5 + grey * np.float32(0.5)
    levels = np.array([_levels(*one) for one in zip(grey, lung, lesion, strict=True)], dtype=np.float32)
    thresholds = 0.6 * levels[:, 0] + 0.4 * levels[:, 1]
    body = np.stack([_body(*one) for one in zip(grey, lung, thresholds.tolist(), strict=True)])
    right = parted(lung, pixel_mm)
    return SliceLabels(grey, right, lung & ~right, lesion, body, levels[:, 0], levels[:, 1], pixel_mm)


def parted(lung: Bool, pixel_mm: float) -> Bool:
    """Return the right lung: regions left of the picture's lung midline, and that part of a region that spans both."""
    columns = np.flatnonzero(lung.any(axis=(0, 1)))
    middle = (columns[0] + columns[-1]) / 2
    right = np.zeros_like(lung)
    for index, plane in enumerate(lung):
        labels, count = ndimage.label(plane)
        for label in range(1, count + 1):
            region = labels == label
            across = region.sum(axis=0)
            share = across[: int(middle) + 1].sum() / across.sum()
            if ACROSS_SHARE < share < 1 - ACROSS_SHARE:
                right[index] |= region & (np.arange(plane.shape[1]) < _narrowest(across, middle, DIVIDE_MM / pixel_mm))
            elif share >= 0.5:
                right[index] |= region
    return right


def _narrowest(across: NDArray[np.int64], middle: float, reach: float) -> int:
    """Return the column near the middle where a region is narrowest, the one nearest to the middle of several."""
    columns = np.arange(across.size)
    near = columns[np.abs(columns - middle) <= reach]
    return int(near[np.lexsort((np.abs(near - middle), across[near]))[0]])


def _levels(grey: F32, lung: Bool, lesion: Bool) -> tuple[float, float]:
    """Return the usual grey of healthy lung and of the tissue beside it."""
    beside = ndimage.binary_dilation(lung, iterations=BESIDE_PX) & ~ndimage.binary_dilation(lung)
    healthy = lung & ~lesion
    low = float(np.median(grey[healthy])) if healthy.sum() > 20 else 60.0
    high = float(np.median(grey[beside])) if beside.sum() > 20 else 155.0
    return low, max(high, low + 30)


def _body(grey: F32, lung: Bool, threshold: float) -> Bool:
    """Return what has the largest bright region, plates as thin as a table's cut off, on all four sides."""
    labels, count = ndimage.label(ndimage.binary_opening((grey > threshold) | lung, np.ones((5, 5))))
    if count == 0:
        return lung.copy()
    region = (labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))) | lung
    body = np.ones_like(lung)
    for axis in (0, 1):
        body &= np.logical_or.accumulate(region, axis=axis)
        body &= np.flip(np.logical_or.accumulate(np.flip(region, axis), axis=axis), axis)
    return body


def _greatest_width(lung: Bool) -> float:
    """Return the width in pixels that 95 % of the slices' lungs stay within."""
    widths = [np.ptp(np.flatnonzero(one.any(axis=0))) + 1 for one in lung if one.any()]
    return float(np.percentile(widths, 95))


def _beside(path: Path, kind: str) -> Path:
    return path.parents[1] / kind / path.name


def _scaled(picture: NDArray[np.uint8] | Bool, scale: float) -> F32:
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    image = Image.fromarray(picture.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)


def _png(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except OSError as error:
        raise ConfigError(f"{path}: expected an 8-bit picture, found none that can be read") from error
