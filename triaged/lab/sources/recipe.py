"""Imitates how published 8-bit slices were made from Hounsfield units, and shows real slices in many ways through it.

The recipe (`data/README.md` of the shared images, ct_lesion_slices): each slice by itself from its least to its
greatest value to 8 bits, contrast-limited adaptive histogram equalisation with clip limit 7 on 8x8 tiles, cubic
resize to 256x256. Must not know files or networks. Arrays are (row, column), rows to posterior, HU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Slice: TypeAlias = NDArray[np.float32]

SIDE: Final = 256
SOURCE_SIDE: Final = 512
CLIP_LIMIT: Final = 7.0
TILES: Final = (8, 8)
CURVE_HU: Final = np.array([-1100.0, -1000, -870, -700, -500, -250, 0, 60, 150, 400, 3100])
CURVE_SPREAD_HU: Final = np.array([5.0, 5, 30, 30, 30, 30, 12, 12, 30, 60, 0])


@dataclass(frozen=True, slots=True)
class RecipePair:
    """One slice before and after the recipe, both 256x256.

    Attributes:
        grey: in [0, 1], what the recipe shows.
        hu: the truth behind it.
        lung: where a mistake costs most.
    """

    grey: Slice
    hu: Slice
    lung: NDArray[np.bool_]


def equalised(hu: Slice, low_hu: float, high_hu: float) -> Slice:
    """Return the slice under the recipe, in [0, 1]; `low_hu` and `high_hu` are the ends of the 8-bit scale."""
    grey = np.clip((hu - low_hu) / (high_hu - low_hu) * 255, 0, 255).astype(np.uint8)
    local = cv2.createCLAHE(CLIP_LIMIT, TILES).apply(grey)
    small = cv2.resize(local, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(small, dtype=np.float32) / np.float32(255)


def drawn_pair(hu: Slice, lung: NDArray[np.bool_], rng: Generator) -> RecipePair:
    """Return a real 512x512 slice, varied in disease, contrast, place and noise, before and after the recipe."""
    inside = lung.astype(np.uint8)
    varied = with_opacity(hu, inside, rng) if rng.random() < 0.65 and lung.any() else hu
    bent = np.maximum.accumulate(CURVE_HU + rng.normal(0, 1, len(CURVE_HU)) * CURVE_SPREAD_HU)
    varied = np.interp(varied, CURVE_HU, bent).astype(np.float32)
    varied, inside = _moved(varied, inside, rng)
    varied = np.round(_recorded(varied, rng))
    low = float(max(varied.min(), -1024)) if rng.random() < 0.85 else float(rng.choice([-1000, -1250, -1500]))
    greatest = max(float(varied.max()), 0.0)
    high = greatest * rng.uniform(0.8, 1.5) if rng.random() < 0.8 else 3071.0
    return as_pair(varied, inside > 0, low, max(high, low + 256))


def as_pair(hu: Slice, lung: NDArray[np.bool_], low_hu: float, high_hu: float) -> RecipePair:
    """Return a slice as it is and as the recipe shows it."""
    return RecipePair(
        grey=equalised(hu, low_hu, high_hu),
        hu=np.asarray(cv2.resize(hu, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), dtype=np.float32),
        lung=cv2.resize(lung.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST) > 0,
    )


def with_opacity(hu: Slice, lung: NDArray[np.uint8], rng: Generator) -> Slice:
    """Return the slice with a patchy opacity at the edges of its lungs: faint to dense, 2 to 95 % of them."""
    depth = cv2.distanceTransform(lung, cv2.DIST_L2, 3)
    height = np.linspace(-1, 1, len(hu), dtype=np.float32)[:, None]
    field = _smooth(hu.shape, rng.uniform(12, 35), rng) + rng.uniform(0, 1.5) * height - depth / rng.uniform(15, 60)
    inside = field[lung > 0]
    share = rng.uniform(0.02, 0.3) if rng.random() < 0.5 else rng.uniform(0.2, 0.95)
    edge = np.quantile(inside, 1 - share)
    softness = rng.uniform(0.03, 0.3)
    cover = _blurred(lung.astype(np.float32), 1.0) / (1 + np.exp(-np.clip((field - edge) / softness, -50, 50)))
    target = rng.uniform(-700, -350) + _smooth(hu.shape, rng.uniform(2, 6), rng) * rng.uniform(10, 120)
    if rng.random() < 0.5:
        dense = 1 / (1 + np.exp(-np.clip((field - edge - rng.uniform(0.2, 1)) / 0.1, -50, 50)))
        target = target * (1 - dense) + rng.uniform(-100, 40) * dense
    lifted = hu + np.clip(cover, 0, 1) * np.maximum(target - hu, 0) * rng.uniform(0.7, 1)
    return np.asarray(lifted, dtype=np.float32)


def _moved(hu: Slice, lung: NDArray[np.uint8], rng: Generator) -> tuple[Slice, NDArray[np.uint8]]:
    """Zoom, turn, shift and at times mirror, so that the tiles of the recipe fall on other places."""
    rows, columns = hu.shape
    turned = cv2.getRotationMatrix2D((columns / 2, rows / 2), rng.normal(0, 5), float(np.exp(rng.normal(-0.05, 0.15))))
    whole = np.vstack([turned, [0.0, 0.0, 1.0]])
    whole[:2, 2] += rng.normal(0, 20, 2)
    if rng.random() < 0.5:
        whole = whole @ np.array([[-1.0, 0, columns - 1], [0, 1, 0], [0, 0, 1]])
    if rng.random() < 0.05:
        whole = whole @ np.array([[1.0, 0, 0], [0, -1, rows - 1], [0, 0, 1]])
    size = (SOURCE_SIDE, SOURCE_SIDE)
    moved = cv2.warpAffine(hu, whole[:2], size, flags=cv2.INTER_LINEAR, borderValue=(-1000.0,))
    inside = cv2.warpAffine(lung, whole[:2], size, flags=cv2.INTER_NEAREST)
    return np.asarray(moved, dtype=np.float32), np.asarray(inside, dtype=np.uint8)


def _recorded(hu: Slice, rng: Generator) -> Slice:
    """Add the noise and the softness of another kernel."""
    kind = rng.random()
    if kind < 0.32:
        hu = hu + _smooth(hu.shape, rng.uniform(2, 4), rng) * np.float32(rng.uniform(0, 50))
    elif kind < 0.8:
        hu = hu + rng.standard_normal(hu.shape, dtype=np.float32) * np.float32(rng.uniform(0, 60))
    return _blurred(hu, rng.uniform(0.4, 1.2)) if rng.random() < 0.4 else hu


def _blurred(image: Slice, sigma_px: float) -> Slice:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), dtype=np.float32)


def _smooth(shape: tuple[int, ...], sigma_px: float, rng: Generator) -> Slice:
    """Return noise of unit variance, correlated over `sigma_px`."""
    step = max(1, int(sigma_px / 2))
    rows, columns = (extent // step + 4 for extent in shape[:2])
    coarse = _blurred(rng.standard_normal((rows, columns), dtype=np.float32), sigma_px / step)
    field = cv2.resize(coarse, (columns * step, rows * step), interpolation=cv2.INTER_LINEAR)[: shape[0], : shape[1]]
    return np.asarray(field / field.std(), dtype=np.float32)
