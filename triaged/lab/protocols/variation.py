"""Shows one anatomy as other protocols would: thickness and distance of slices, kernel, noise, field of view.

Must not know pipelines, networks or how the anatomy came to be: it may be a generated chest or a patient's series.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft, ndimage

from triaged.imaging.geometry import Box, Geometry
from triaged.imaging.volume import Volume
from triaged.lab.phantom.options import F32

Kernel = Literal["soft", "medium", "sharp"]
Footprint = NDArray[np.bool_]
"""Where lungs are in any slice, (row, column)."""

NOISE_HU: Final = 20.0
NOISE_AT_MM: Final = 2.0
LOUDER: Final[dict[Kernel, float]] = {"soft": 0.7, "medium": 1.0, "sharp": 2.0}
CUT_OFF_PER_MM: Final[dict[Kernel, float]] = {"soft": 0.25, "medium": 0.4, "sharp": 0.75}
"""Where the noise's spectrum falls (phantom specification, section 4.4.7)."""
SOFT_SIGMA_MM: Final = 0.37
"""Widens a kernel of 1.1 mm to one of 1.4 mm."""
UNSHARP_SIGMA_MM: Final = 1.0
UNSHARP_GAIN: Final = 0.8
TISSUE_HU: Final = (0, 90)
AT_ONCE: Final = 32
"""Slices that are filtered at once: bounds memory."""
LOWEST_HU, HIGHEST_HU = -1024, 3071


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way to scan.

    Attributes:
        increment_mm: distance of slices; with thinner `slice_mm` the series is decimated.
        noise_sd_hu: standard deviation at the body's centre with a medium kernel and slices of 2 mm; thinner slices
            and sharper kernels have more.
        margin_mm: how far the round field of view reaches beyond the lungs, infinite where it is not cut.
    """

    name: str
    slice_mm: float
    increment_mm: float
    kernel: Kernel = "medium"
    noise_sd_hu: float = NOISE_HU
    margin_mm: float = math.inf

    @property
    def noise_hu(self) -> float:
        """The noise of this protocol's own slices."""
        return self.noise_sd_hu * LOUDER[self.kernel] * math.sqrt(NOISE_AT_MM / self.slice_mm)


def scanned(anatomy: Volume, protocol: Protocol, footprint: Footprint, rng: Generator) -> Volume:
    """Return `anatomy` as the protocol would have shown it, in int16; `footprint` is where the field must reach.

    Noise is added up to what the protocol has; what the anatomy has of its own, less averaging, counts.
    """
    sliced = resliced(anatomy, protocol.slice_mm, protocol.increment_mm)
    pixel_mm = sliced.geometry.spacing_mm[1]
    voxels = _through_kernel(sliced.voxels.astype(np.float32, copy=False), protocol.kernel, pixel_mm)
    missing = math.sqrt(max(0.0, protocol.noise_hu**2 - own_noise_hu(voxels) ** 2))
    cut_off = CUT_OFF_PER_MM[protocol.kernel] * pixel_mm
    for start in range(0, len(voxels), AT_ONCE):
        voxels[start : start + AT_ONCE] += missing * noise(rng, voxels[start : start + AT_ONCE].shape, cut_off)
    stored = np.clip(np.rint(voxels), LOWEST_HU, HIGHEST_HU).astype(np.int16)
    field = field_of_view(footprint, protocol.margin_mm, anatomy.geometry)
    stored[:, ~field] = LOWEST_HU
    rows, columns = np.flatnonzero(field.any(axis=1)), np.flatnonzero(field.any(axis=0))
    box = Box((0, int(rows[0]), int(columns[0])), (len(stored), int(rows[-1]) + 1, int(columns[-1]) + 1))
    return Volume(np.ascontiguousarray(stored[box.slices]), sliced.geometry.crop(box))


def resliced(volume: Volume, slice_mm: float, increment_mm: float) -> Volume:
    """Return slices of the given thickness at the given distance, the first with its lower face on the volume's.

    A slice averages what it covers (a box profile); one thinner than the volume's own is interpolated between two.

    Raises:
        ValueError: the volume is not as thick as one slice.
    """
    own_mm, count = volume.geometry.spacing_mm[0], len(volume.voxels)
    room_mm = count * own_mm - slice_mm
    if room_mm < 0:
        raise ValueError(f"slice_mm: expected at most {count * own_mm:g} mm, the volume's height, found {slice_mm:g}")
    first = (slice_mm / own_mm - 1) / 2
    at = first + increment_mm / own_mm * np.arange(int(room_mm / increment_mm + 1e-6) + 1)
    width = slice_mm / own_mm
    voxels = np.empty((at.size, *volume.voxels.shape[1:]), dtype=np.float32)
    for index, centre in enumerate(at):
        away = np.abs(np.arange(count) - centre)
        weights = np.clip((width + 1) / 2 - away, 0, 1) if width >= 1 else np.clip(1 - away, 0, 1)
        used = np.flatnonzero(weights)
        chosen = volume.voxels[used].astype(np.float32)
        voxels[index] = np.tensordot((weights[used] / weights.sum()).astype(np.float32), chosen, axes=1)
    affine = volume.geometry.affine.copy()
    affine[:3, 0] *= increment_mm / own_mm
    affine[:3, 3] = volume.geometry.position_mm((float(first), 0.0, 0.0))
    grid = Geometry(affine, voxels.shape, volume.geometry.frame_of_reference_uid)
    return Volume(voxels, grid)


def noise(rng: Generator, shape: tuple[int, ...], cut_off: float) -> F32:
    """Return noise of standard deviation 1, each slice for itself, whose spectrum in plane is f exp(-(f/f_c)^2).

    `cut_off` is f_c in cycles per pixel (phantom specification, section 4.4.7).
    """
    _, rows, columns = shape
    frequency = np.hypot(*np.meshgrid(fft.fftfreq(rows), fft.rfftfreq(columns), indexing="ij"))
    spectrum = (frequency * np.exp(-((frequency / cut_off) ** 2))).astype(np.float32)
    white = fft.rfft2(rng.standard_normal(shape, dtype=np.float32), axes=(1, 2))
    field: F32 = fft.irfft2(white * spectrum, s=(rows, columns), axes=(1, 2)).astype(np.float32)
    field /= field.std()
    return field


def own_noise_hu(voxels: F32) -> float:
    """Return the standard deviation of what varies within millimetres in soft tissue, robustly; 0 where there is none.

    The median absolute deviation of pixels against their neighbourhood, over some slices in the middle.
    """
    some = voxels[len(voxels) // 4 : max(1, 3 * len(voxels) // 4) : max(1, len(voxels) // 20)]
    smooth = ndimage.gaussian_filter(some, (0, 3, 3))
    tissue = (smooth > TISSUE_HU[0]) & (smooth < TISSUE_HU[1])
    tissue = ndimage.binary_erosion(tissue, np.ones((1, 5, 5), dtype=np.bool_))
    if not tissue.any():
        return 0.0
    return float(1.4826 * np.median(np.abs((some - smooth)[tissue])))


def _through_kernel(voxels: F32, kernel: Kernel, pixel_mm: float) -> F32:
    """Blur or sharpen in plane, block by block, in place; a medium kernel leaves the image as it is."""
    if kernel == "medium":
        return voxels.copy() if not voxels.flags.writeable else voxels
    result = np.empty_like(voxels)
    for start in range(0, len(voxels), AT_ONCE):
        block = voxels[start : start + AT_ONCE]
        sigma = (SOFT_SIGMA_MM if kernel == "soft" else UNSHARP_SIGMA_MM) / pixel_mm
        blurred = ndimage.gaussian_filter(block, (0, sigma, sigma))
        sharpened = block + np.float32(UNSHARP_GAIN) * (block - blurred)
        result[start : start + AT_ONCE] = blurred if kernel == "soft" else sharpened
    return result


def field_of_view(footprint: Footprint, margin_mm: float, geometry: Geometry) -> Footprint:
    """Return the round field of view that reaches `margin_mm` beyond the footprint, or all of the slice."""
    if math.isinf(margin_mm):
        return np.ones_like(footprint)
    pixel_mm = np.array(geometry.spacing_mm[1:])
    at_mm = np.argwhere(footprint) * pixel_mm
    centre_mm = (at_mm.min(axis=0) + at_mm.max(axis=0)) / 2
    radius_mm = float(np.linalg.norm(at_mm - centre_mm, axis=1).max()) + margin_mm
    rows, columns = footprint.shape
    row, column = np.ogrid[:rows, :columns]
    away_mm = np.hypot(row * pixel_mm[0] - centre_mm[0], column * pixel_mm[1] - centre_mm[1])
    field: Footprint = away_mm <= radius_mm
    return field
