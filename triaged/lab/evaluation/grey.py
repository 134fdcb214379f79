"""Brings the values of volumes that were not stored as Hounsfield units back to them; knows no files.

Public sets hold volumes that were clipped to a window and scaled to 0..255 (the Radiopaedia part of COVID-19-CT-Seg-20
from -1250..250 HU), to 0..1, or stored with 1024 added. What was clipped cannot be had back, and every guess is noted.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.decoding.hounsfield import AIR_HU, HIGHEST_HU, Plausibility

Voxels = NDArray[np.int16] | NDArray[np.float32]

MIXTURE: Final = (
    (-1000.0, 30.0, 0.06),
    (-860.0, 60.0, 0.30),
    (-700.0, 120.0, 0.10),
    (-100.0, 45.0, 0.12),
    (45.0, 40.0, 0.25),
    (200.0, 150.0, 0.04),
    (-400.0, 500.0, 0.13),
)
"""How often values occur in the middle of a chest: mean and spread in HU, and share, of air, lung, denser lung, fat,
muscle and blood, bone, and all else."""
LOWEST_HU: Final = np.arange(-1600.0, -849.0, 25.0)
HIGHEST_OF_WINDOW_HU: Final = np.arange(50.0, 1201.0, 25.0)
WINDOWS_HU: Final = ((-1250.0, 250.0), (-1000.0, 400.0), (-1350.0, 150.0), (-1024.0, 1024.0))
"""Windows that volumes are known to have been clipped to; an estimate close to one of them becomes it."""
NEAR_HU: Final = 50.0
OFFSET: Final = 1024
LEAST_TISSUE_SHARE: Final = 0.05


def to_hounsfield(voxels: NDArray[Any]) -> tuple[Voxels, tuple[str, ...]]:
    """Return canonical (slice, row, column) values as Hounsfield units, at least -1024, with notes of what was done.

    Whole numbers become int16, others float32. What is not a number becomes air.

    Raises:
        UnreadableStudy: no CT has such values, even after that.
    """
    notes: list[str] = []
    if voxels.dtype.kind == "f" and not np.isfinite(voxels).all():
        voxels = np.nan_to_num(voxels, nan=AIR_HU, posinf=HIGHEST_HU, neginf=AIR_HU)
        notes.append("values that are no numbers were taken as air")
    low, high = float(voxels.min()), float(voxels.max())
    hu = voxels
    if low >= 0.0 and 0.0 < high <= 255.0:
        window = window_of(voxels, high)
        scale = 1.0 if high <= 1.0 else 255.0
        hu = voxels.astype(np.float32) * np.float32((window[1] - window[0]) / scale) + np.float32(window[0])
        notes.append(f"values were {low:g} to {high:g}, not HU; took them as {window[0]:.0f} to {window[1]:.0f} HU")
    elif low >= 0.0 and _has_offset(voxels):
        hu = voxels.astype(np.float32) - np.float32(OFFSET)
        notes.append(f"values were {low:g} to {high:g}; took {OFFSET} off")
    kept = _clipped(hu)
    plausibility = Plausibility()
    for plane in kept:
        plausibility.see(np.asarray(plane, dtype=np.float32))
    plausibility.require()
    return kept, tuple(notes)


def window_of(voxels: NDArray[Any], high: float) -> tuple[float, float]:
    """Return the HU that 0 and full scale (255, or 1) stand for.

    Of all windows, that which makes the greys in the middle of the image likeliest, given how often HU occur there.
    """
    to_grey = 255.0 if high <= 1.0 else 1.0
    middle = tuple(slice(size // 4, max(size // 4 + 1, size - size // 4)) for size in voxels.shape)
    counts = _histogram(voxels[middle] * to_grey)
    if not counts.any():
        return WINDOWS_HU[0]
    likelihood = np.array([[_likelihood(counts, low, top) for top in HIGHEST_OF_WINDOW_HU] for low in LOWEST_HU])
    row, column = np.unravel_index(int(np.argmax(likelihood)), likelihood.shape)
    found = float(LOWEST_HU[row]), float(HIGHEST_OF_WINDOW_HU[column])
    nearest = min(WINDOWS_HU, key=lambda window: _apart(window, found))
    return nearest if _apart(nearest, found) <= NEAR_HU else found


def _likelihood(counts: NDArray[np.float64], low: float, high: float) -> float:
    """Return the mean log-likelihood of greys under a window."""
    hu = low + (high - low) * np.arange(256) / 255.0
    density = sum(share / spread * np.exp(-0.5 * ((hu - mean) / spread) ** 2) for mean, spread, share in MIXTURE)
    return float((counts * np.log(density * (high - low) / 255.0)).sum() / counts.sum())


def _histogram(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return how frequent each grey is, without both ends, where what was clipped lies."""
    counts = np.bincount(np.clip(np.rint(values), 0, 255).astype(np.uint8).ravel(), minlength=256)
    counts[[0, 255]] = 0
    return counts.astype(np.float64)


def _apart(first: tuple[float, float], second: tuple[float, float]) -> float:
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def _has_offset(voxels: NDArray[Any]) -> bool:
    """Tell whether soft tissue lies where it does with 1024 added."""
    sample = voxels[::4, ::4, ::4]
    tissue = np.count_nonzero((sample > OFFSET - 150) & (sample < OFFSET + 150))
    return bool(tissue >= LEAST_TISSUE_SHARE * sample.size)


def _clipped(hu: NDArray[Any]) -> Voxels:
    """Return values within those of Hounsfield units, plane by plane: a copy of the whole may not fit."""
    integral = hu.dtype.kind in "biu" or all(bool(np.equal(np.rint(plane), plane).all()) for plane in hu)
    kept: Voxels = np.empty(hu.shape, dtype=np.int16) if integral else np.empty(hu.shape, dtype=np.float32)
    for index, plane in enumerate(hu):
        kept[index] = np.clip(plane.astype(np.float64), AIR_HU, HIGHEST_HU)
    return kept
