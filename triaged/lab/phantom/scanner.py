"""From an ideal image to what a scanner stores: kernel, noise, calibration, rings, padding, rounding.

Must not know: anatomy, disease.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from triaged.lab.phantom.frame import blur_in_plane
from triaged.lab.phantom.options import F32, Bool, Scanner
from triaged.lab.portable import exp, hypot

CHUNK_VOXELS = 4_000_000
ALONG_Z = np.float32(0.4)


def scan(
    rng: np.random.Generator, ideal_hu: F32, scanner: Scanner, pixel_mm: float, slice_mm: float
) -> NDArray[np.int16]:
    """Return stored HU (slice, row, column), clipped to the 12-bit range of CT."""
    count, matrix = ideal_hu.shape[0], ideal_hu.shape[1]
    thick = max(1, CHUNK_VOXELS // ideal_hu[0].size)
    spectrum, fault = noise_spectrum(matrix, scanner), detector_fault(rng, matrix, scanner)
    stored = np.empty(ideal_hu.shape, dtype=np.int16)
    before = np.zeros((1, *ideal_hu.shape[1:]), dtype=np.float32)
    for start in range(0, count, thick):
        image = ideal_hu[start : start + thick]
        white = rng.standard_normal(image.shape, dtype=np.float32)
        field = filtered(white, spectrum)
        if slice_mm < 2.5:
            before, field = (
                field[-1:],
                (field + ALONG_Z * np.concatenate([before, field[:-1]])) / np.sqrt(1 + ALONG_Z * ALONG_Z),
            )
        measured = np.float32(scanner.hu_gain) * (sharpened(image, scanner, pixel_mm) + 1000) - 1000
        measured += field * (np.float32(scanner.noise_sd_hu) * path_length(image, pixel_mm))
        measured += streaks(white, image, scanner, pixel_mm) + fault * (image > -900) + np.float32(scanner.hu_offset)
        stored[start : start + thick] = np.clip(np.rint(measured), -1024, 3071)
    if scanner.padding_hu != -1024:
        stored[:, ~reconstruction_circle(matrix)] = scanner.padding_hu
    return stored


def reconstruction_circle(matrix: int) -> Bool:
    """Return the pixels (row, column) inside the circle that touches the image's edges."""
    step = np.arange(matrix) - (matrix - 1) / 2
    inside: Bool = hypot(step[:, None], step[None]) <= matrix / 2
    return inside


def noise_spectrum(matrix: int, scanner: Scanner) -> F32:
    """Return the half-plane filter f exp(-(f/f_c)^2) that gives white noise of variance 1 the texture of the kernel."""
    fy, fx = np.meshgrid(np.fft.fftfreq(matrix), np.fft.rfftfreq(matrix), indexing="ij")
    f = hypot(fy, fx)
    shape = np.sqrt(f + 0.03) * exp(-((f / max(scanner.noise_cutoff, 0.05)) ** 2))
    twice = np.ones(fx.shape)
    twice[:, 1 : (matrix + 1) // 2] = 2  # the other half of the plane
    result: F32 = (shape / np.sqrt((twice * shape**2).sum() / (matrix * matrix))).astype(np.float32)
    return result


def filtered(white: F32, spectrum: F32) -> F32:
    """Return the noise (slice, row, column) with that spectrum in each slice."""
    size = white.shape[1:]
    field: F32 = fft.irfft2(fft.rfft2(white, axes=(1, 2)) * spectrum[None], s=size, axes=(1, 2)).astype(np.float32)
    return field


def sharpened(image: F32, scanner: Scanner, pixel_mm: float) -> F32:
    """Return the image with the overshoot of a sharp kernel."""
    if scanner.sharpen <= 0:
        return image
    return image + np.float32(scanner.sharpen) * (image - blur_in_plane(image, 1.2 / pixel_mm))


def path_length(image: F32, pixel_mm: float) -> F32:
    """Return how much stronger noise is than at the body's centre (slice, row, column): weaker outside the body."""
    thick = blur_in_plane(np.clip((image + 1000) / 1000, 0, 1.2), 16 / pixel_mm)
    result: F32 = (0.35 + 0.65 * thick).astype(np.float32)
    return result


def streaks(white: F32, image: F32, scanner: Scanner, pixel_mm: float) -> F32:
    """Return horizontal streaks on rows whose path through the body is long, as between shoulders or arms."""
    width_mm = (image > -400).sum(axis=2, keepdims=True) * pixel_mm
    amount = np.clip((width_mm - 360) / 120, 0, 1.5).astype(np.float32) * np.float32(scanner.streak_hu)
    size = max(3, round(40 / pixel_mm))
    long: F32 = ndimage.uniform_filter1d(white, size, axis=2) * np.sqrt(np.float32(size))
    result: F32 = long * amount
    return result


def detector_fault(rng: np.random.Generator, matrix: int, scanner: Scanner) -> F32:
    """Return the error (row, column) in HU of an ill-calibrated detector: rings about the axis, a dark middle."""
    step = np.arange(matrix) - (matrix - 1) / 2
    radius = hypot(step[:, None], step[None])
    profile = rng.standard_normal(matrix) * (rng.random(matrix) < 0.12)
    rings = profile[np.minimum(radius.astype(np.int64), matrix - 1)] * scanner.ring_hu
    result: F32 = (rings - scanner.cupping_hu * np.clip(1 - (2 * radius / matrix) ** 2, 0, 1)).astype(np.float32)
    return result
