"""Brings a projection onto square pixels for people to look at; arrays in, arrays out, no colour and no text."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow
from scipy import ndimage

from triaged.exams.ct.pictures.projection import Image, Projection, Region

_ACCENT_PATH_MM = 60.0


def radiograph(view: Projection, pixel_mm: float) -> Image:
    """Return a picture in [0, 1] on square pixels that reads like a radiograph, dense white, lungs accented.

    The logarithmic domain is kept: the exponential of it would lose the contrast of the lungs.
    """
    attenuation = resampled(view.attenuation, view.spacing_mm, pixel_mm)
    inside = attenuation > 0.1 * float(attenuation.max(initial=0.0))
    if not inside.any():
        return np.zeros_like(attenuation)
    low, high = np.percentile(attenuation[inside], (1, 99))
    tone = np.clip((attenuation - low) / max(float(high - low), 1e-6), 0.0, 1.0)
    tone += 0.6 * (float(tone[inside].mean()) - _widely_blurred(tone, 20.0 / pixel_mm))
    tone = np.where(inside, np.clip(tone, 0.0, 1.0) ** 0.8, 0.0)
    lung_hu = resampled(np.nan_to_num(view.lung_hu, nan=-1000.0), view.spacing_mm, pixel_mm)
    accent = np.clip((lung_hu + 950.0) / 650.0, 0.0, 1.0)
    depth = resampled(view.path_mm, view.spacing_mm, pixel_mm)
    weight = 0.6 * np.clip(depth / _ACCENT_PATH_MM, 0.0, 1.0)  # the mean of a short path is that of its edges
    return np.asarray((1.0 - weight) * tone + weight * accent, dtype=np.float32)


def smooth_share(view: Projection, pixel_mm: float, sigma_mm: float = 2.0) -> Image:
    """Return the share on square pixels, smoothed within the lung only; NaN where it is not defined."""
    known = resampled(view.defined.astype(np.float32), view.spacing_mm, pixel_mm)
    share = resampled(np.where(view.defined, view.share, np.float32(0.0)), view.spacing_mm, pixel_mm)
    sigma = sigma_mm / pixel_mm
    weight = ndimage.gaussian_filter(known, sigma)
    smooth = ndimage.gaussian_filter(share, sigma) / np.maximum(weight, 1e-6)
    return np.where(known >= 0.5, np.clip(smooth, 0.0, 1.0), np.float32(np.nan)).astype(np.float32)


def lungs_outline(view: Projection, pixel_mm: float) -> Region:
    """Return the projected lung on square pixels."""
    return resampled((view.path_mm > 0).astype(np.float32), view.spacing_mm, pixel_mm) >= 0.5


def resampled(image: Image, spacing_mm: tuple[float, float], pixel_mm: float) -> Image:
    """Return `image` on square pixels: linear between pixel centres, and averaged where pixels grow."""
    rows, columns = (max(1, round(n * mm / pixel_mm)) for n, mm in zip(image.shape, spacing_mm, strict=True))
    picture = Pillow.fromarray(np.ascontiguousarray(image, dtype=np.float32))
    return np.array(picture.resize((columns, rows), Pillow.Resampling.BILINEAR), dtype=np.float32)


def _widely_blurred(image: Image, sigma: float) -> Image:
    """Return nearly a Gaussian blur, as three box blurs: their cost does not grow with the width."""
    width = round((4.0 * sigma**2 + 1.0) ** 0.5)
    for _ in range(3):
        image = ndimage.uniform_filter(image, width)
    return image
