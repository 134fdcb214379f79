"""From path lengths to what a detector measures: attenuation of water and bone, scatter, grid, noise, blur.

Mass attenuation coefficients: NIST XCOM (Hubbell and Seltzer). Must not know: anatomy, how pictures are processed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from triaged.lab.phantom.options import F32
from triaged.lab.portable import exp, gaussian, log

KEV = np.array([30.0, 40.0, 50.0, 60.0, 80.0, 100.0])
WATER_PER_CM = np.array([0.376, 0.268, 0.227, 0.206, 0.184, 0.171])
BONE_PER_CM = np.array([2.556, 1.278, 0.814, 0.605, 0.428, 0.356])
"""Linear attenuation of water and of cortical bone of 1.92 g/cm3."""
METAL_PER_CM = np.array([60.0, 27.0, 15.0, 9.0, 4.6, 2.9])
"""Of steel and lead glass alike, roughly: leads, wires, markers."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """How one radiograph was taken.

    `energies_kev` and `weights`: the spectrum as few lines; `scatter`: its share of the signal behind the thick middle
    of the body; `scatter_mm`: width of its kernel; `grid`: loss at the edges by a decentred grid, (across, down) in
    [-1, 1]; `quanta`: detected per pixel behind the lungs; `electronic`: noise as a share of the least signal;
    `blur_mm`: sigma of the detector's spread.
    """

    energies_kev: tuple[float, ...]
    weights: tuple[float, ...]
    scatter: float
    scatter_mm: float
    grid: tuple[float, float]
    quanta: float
    electronic: float
    blur_mm: float


def draw_exposure(rng: np.random.Generator, portable: bool) -> Exposure:
    """Return a random exposure; a portable one is softer, noisier, and often without a grid."""
    hard = float(rng.uniform(0, 0.6) if portable else rng.uniform(0.45, 1.0))
    energies = (38 + 10 * hard, 50 + 14 * hard, 68 + 24 * hard)
    weights = (0.3 - 0.08 * hard, 0.42, 0.28 + 0.08 * hard)
    gridless = portable and rng.random() < 0.6
    scatter = float(rng.uniform(0.35, 0.6) if gridless else rng.uniform(0.1, 0.35))
    tilt = rng.normal(0, (0.12 if portable else 0.05), 2)
    return Exposure(
        energies_kev=energies,
        weights=weights,
        scatter=scatter,
        scatter_mm=float(rng.uniform(25, 60)),
        grid=(float(tilt[0]), float(tilt[1])),
        quanta=float(exp(rng.uniform(log(2500 if portable else 8000), log(25000 if portable else 80000)))),
        electronic=float(rng.uniform(0.0, 0.02)),
        blur_mm=float(rng.uniform(0.12, 0.4)),
    )


def attenuation(table: np.typing.NDArray[np.float64], kev: float) -> float:
    """Return a linear attenuation coefficient (1/cm) at an energy between the table's, log-log interpolated."""
    return float(exp(np.interp(log(kev), log(KEV), log(table))))


def primary(water_mm: F32, bone_mm: F32, metal_mm: F32, exposure: Exposure) -> F32:
    """Return the share of the beam's energy that reaches the detector straight, (row, column)."""
    total = np.zeros_like(water_mm)
    norm = sum(exposure.weights)
    for kev, weight in zip(exposure.energies_kev, exposure.weights, strict=True):
        depth = water_mm * np.float32(attenuation(WATER_PER_CM, kev) / 10)
        depth += bone_mm * np.float32(attenuation(BONE_PER_CM, kev) / 10)
        depth += metal_mm * np.float32(attenuation(METAL_PER_CM, kev) / 10)
        total += np.float32(weight / norm) * exp(-depth)
    return total


def detected(rng: np.random.Generator, straight: F32, water_mm: F32, exposure: Exposure, pitch_mm: float) -> F32:
    """Return the signal (row, column), relative to the open beam, from the straight part of the beam."""
    body = water_mm > 30
    share = exposure.scatter
    source = np.minimum(straight, np.float32(exp(-0.2 * 6))) * np.clip(water_mm / 120, 0, 1)
    scattered = coarse_blur(source.astype(np.float32), exposure.scatter_mm / pitch_mm)
    thick = water_mm >= np.quantile(water_mm[body], 0.6) if body.any() else body
    if thick.any():
        amount = share / (1 - share) * float(straight[thick].mean()) / max(float(scattered[thick].mean()), 1e-9)
        scattered *= np.float32(amount)
    signal = (straight + scattered) * grid_loss(straight.shape, exposure.grid)
    signal = gaussian(signal, (exposure.blur_mm / pitch_mm,) * 2)
    behind_lungs = float(np.quantile(signal[body], 0.75)) if body.any() else 1.0
    scale = exposure.quanta / max(behind_lungs, 1e-9)
    grain = rng.standard_normal(signal.shape, dtype=np.float32)
    grain = gaussian(grain, (0.5 * exposure.blur_mm / pitch_mm,) * 2)
    noisy = signal + np.sqrt(signal / np.float32(scale)) * grain / max(float(grain.std()), 1e-6)
    noisy += (
        exposure.electronic * float(np.quantile(signal, 0.05)) * rng.standard_normal(signal.shape, dtype=np.float32)
    )
    least = 1e-6 + 0.02 * float(np.quantile(signal, 0.01))
    result: F32 = np.maximum(noisy, least).astype(np.float32)
    return result


def coarse_blur(image: F32, sigma_px: float) -> F32:
    """Return the image smoothed by a wide Gaussian, computed on every eighth pixel."""
    rows, columns = image.shape
    small = image[: rows // 8 * 8, : columns // 8 * 8].reshape(rows // 8, 8, columns // 8, 8).mean(axis=(1, 3))
    small = gaussian(small, (sigma_px / 8,) * 2, mode="nearest")
    at = [np.clip((np.arange(n) - 3.5) / 8, 0, m - 1) for n, m in zip(image.shape, small.shape, strict=True)]
    grid = np.meshgrid(*at, indexing="ij")
    result: F32 = ndimage.map_coordinates(small, grid, order=1, mode="nearest", output=np.float32)
    return result


def grid_loss(shape: tuple[int, ...], grid: tuple[float, float]) -> F32:
    """Return the share (row, column) of the signal that a decentred grid and the anode's heel leave."""
    down = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, shape[1], dtype=np.float32)[None]
    left: F32 = np.clip(1 + grid[0] * across + grid[1] * down - 0.05 * (across**2 + down**2), 0.3, 2)
    return left
