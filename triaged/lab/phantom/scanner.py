"""From an ideal image to what a scanner stores: blur, noise, calibration, padding, rounding.

Must not know: anatomy, disease.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from triaged.lab.phantom.frame import blur_in_plane
from triaged.lab.phantom.options import F32, Bool, Scanner


def scan(
    rng: np.random.Generator, ideal_hu: F32, scanner: Scanner, pixel_mm: float, slice_mm: float
) -> NDArray[np.int16]:
    """Return stored HU (slice, row, column), clipped to the 12-bit range of CT."""
    image = ideal_hu
    if scanner.sharpen > 0:
        image = image + np.float32(scanner.sharpen) * (image - blur_in_plane(image, 1.2 / pixel_mm))
    image = image + noise(rng, image, scanner, pixel_mm, slice_mm) + np.float32(scanner.hu_offset)
    stored = np.clip(np.rint(image), -1024, 3071).astype(np.int16)
    if scanner.padding_hu != -1024:
        stored[:, ~reconstruction_circle(stored.shape[1])] = scanner.padding_hu
    return stored


def reconstruction_circle(matrix: int) -> Bool:
    """Return the pixels (row, column) inside the circle that touches the image's edges."""
    step = np.arange(matrix) - (matrix - 1) / 2
    inside: Bool = np.hypot(step[:, None], step[None]) <= matrix / 2
    return inside


def noise(rng: np.random.Generator, image: F32, scanner: Scanner, pixel_mm: float, slice_mm: float) -> F32:
    """Return correlated noise: spectrum f exp(-(f/f_c)^2) in plane, weaker outside the body, a touch along z."""
    white = rng.standard_normal(image.shape, dtype=np.float32)
    n = image.shape[1]
    fy, fx = np.meshgrid(np.fft.fftfreq(n), np.fft.rfftfreq(n), indexing="ij")
    f = np.hypot(fy, fx)
    shape = (np.sqrt(f + 0.03) * np.exp(-((f / max(scanner.noise_cutoff, 0.05)) ** 2))).astype(np.float32)
    field: F32 = fft.irfft2(fft.rfft2(white, axes=(1, 2)) * shape[None], s=(n, n), axes=(1, 2)).astype(np.float32)
    if slice_mm < 2.5:
        field[1:] += np.float32(0.4) * field[:-1]
    sd = float(field[:: max(1, len(field) // 8)].std()) + 1e-6
    thick = blur_in_plane(np.clip((image[::4] + 1000) / 1000, 0, 1.2), 16 / pixel_mm)
    path = 0.35 + 0.65 * np.repeat(thick, 4, axis=0)[: image.shape[0]]
    result: F32 = field * np.float32(scanner.noise_sd_hu / sd) * path
    return result + streaks(white, image, scanner, pixel_mm)


def streaks(white: F32, image: F32, scanner: Scanner, pixel_mm: float) -> F32:
    """Return horizontal streaks on rows whose path through the body is long, as between shoulders or arms."""
    width_mm = (image > -400).sum(axis=2, keepdims=True) * pixel_mm
    amount = np.clip((width_mm - 360) / 120, 0, 1.5).astype(np.float32) * np.float32(scanner.streak_hu)
    long: F32 = ndimage.uniform_filter1d(white, max(3, round(40 / pixel_mm)), axis=2)
    long /= long[:1].std() + np.float32(1e-6)
    result: F32 = long * amount
    return result
