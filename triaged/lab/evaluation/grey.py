"""Brings the values of volumes that were not stored as Hounsfield units back to them; knows no files.

Public sets hold volumes that were clipped to a window and scaled to 0..255 (the Radiopaedia part of COVID-19-CT-Seg-20
from -1250..250 HU), to 0..1, or stored with 1024 added. What was clipped cannot be had back, and every guess is noted.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from triaged.dicom.hounsfield import AIR_HU, HIGHEST_HU, Plausibility

Voxels = NDArray[np.int16] | NDArray[np.float32]

LUNG_HU: Final = -850.0
OUTSIDE_HU: Final = -1000.0
TISSUE_HU: Final = 45.0
"""Where the values of inflated lung, of air outside the body and of muscle and blood are most frequent."""
WINDOWS_HU: Final = ((-1250.0, 250.0), (-1000.0, 400.0), (-1350.0, 150.0), (-1400.0, 200.0), (-1024.0, 1024.0))
"""Windows that volumes are known to have been clipped to; an estimate close to one of them becomes it."""
NEAR_HU: Final = 60.0
OUTSIDE_WITHIN_HU: Final = 90.0
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
    """Return the HU that 0 and full scale (255, or 1) stand for, from where lung and soft tissue are most frequent.

    The middle of the image shows both; the air outside, where it was not clipped, is the better anchor than lung, whose
    density depends on the breath.
    """
    to_grey = 255.0 if high <= 1.0 else 1.0
    middle = tuple(slice(size // 4, max(size // 4 + 1, size - size // 4)) for size in voxels.shape)
    inner, whole = _histogram(voxels[middle] * to_grey), _histogram(voxels * to_grey)
    border = int(threshold_otsu(hist=(inner[1:255], np.arange(1, 255))))  # type: ignore[no-untyped-call]
    lung, tissue = int(np.argmax(inner[: border + 1])), border + int(np.argmax(inner[border:]))
    if tissue <= lung:
        return WINDOWS_HU[0]
    found = _line(lung, LUNG_HU, tissue)
    outside = int(np.argmax(whole[: border + 1]))
    if 3 < outside < lung and abs(_at(outside, found) - OUTSIDE_HU) < OUTSIDE_WITHIN_HU:
        found = _line(outside, OUTSIDE_HU, tissue)
    nearest = min(WINDOWS_HU, key=lambda window: _apart(window, found))
    return nearest if _apart(nearest, found) <= NEAR_HU else found


def _histogram(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return how frequent each grey is, smoothed, without both ends, where what was clipped lies."""
    counts = np.bincount(np.clip(np.rint(values), 0, 255).astype(np.uint8).ravel(), minlength=256)
    counts[[0, 255]] = 0
    smooth: NDArray[np.float64] = ndimage.gaussian_filter1d(counts.astype(np.float64), 2.0)
    return smooth


def _line(grey: int, hu: float, tissue: int) -> tuple[float, float]:
    """Return the HU of grey 0 and 255 on the line through one point and soft tissue."""
    slope = (TISSUE_HU - hu) / (tissue - grey)
    return hu - slope * grey, hu + slope * (255 - grey)


def _at(grey: int, window: tuple[float, float]) -> float:
    return window[0] + (window[1] - window[0]) * grey / 255.0


def _apart(first: tuple[float, float], second: tuple[float, float]) -> float:
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def _has_offset(voxels: NDArray[Any]) -> bool:
    """Tell whether soft tissue lies where it does with 1024 added."""
    sample = voxels[::4, ::4, ::4]
    tissue = np.count_nonzero((sample > OFFSET - 150) & (sample < OFFSET + 150))
    return bool(tissue >= LEAST_TISSUE_SHARE * sample.size)


def _clipped(hu: NDArray[Any]) -> Voxels:
    if hu.dtype.kind in "bu":
        hu = hu.astype(np.int64)
    if hu.dtype.kind == "i" or bool(np.equal(np.rint(hu), hu).all()):
        return np.ascontiguousarray(np.clip(hu, AIR_HU, HIGHEST_HU).astype(np.int16))
    return np.ascontiguousarray(np.clip(hu, AIR_HU, HIGHEST_HU).astype(np.float32))
