"""Draws HU for every tissue of real label maps at random (after SynthSeg, Billot et al. 2023), within CT's physics.

Lungs and lesions have the shapes that readers outlined in ten COVID-19 patients; densities, contrast, texture, noise
and kernel are drawn. The label maps are for non-commercial use (CC BY-NC-SA 4.0): a network that learnt from these
series is for research only, and its card says so. Must not know networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from triaged.imaging.resample import PIXEL_MM
from triaged.lab.phantom.options import F32, Bool
from triaged.lab.sources.archive import TrainingSeries, save_series
from triaged.lab.sources.fields import ramp, smooth_noise
from triaged.lab.sources.slice_labels import LUNGS_MM, SliceLabels, read_labels, read_patients

APART_MM: Final = 5.0
"""Nominal: slices without lesion were left out, so neighbours are not neighbours for certain."""
WIDTH_VARIES: Final = 0.1


@dataclass(frozen=True, slots=True)
class Densities:
    """HU of one drawn patient: tissue by class, and how lesions are filled."""

    air: float
    fat: float
    tissue: float
    marrow: float
    cortex: float
    lung: float
    gradient: float
    contrast: float
    lesion_gain: float
    lesion_shift: float
    lesion_gamma: float
    haze_px: float


def write_label_maps(folder: Path, out: Path, variants: int, seed: int) -> Iterator[Path]:
    """Write `variants` series for each patient of `folder` and yield each path; a file that exists is kept.

    Raises:
        ConfigError: the folder does not hold the slices and their masks.
    """
    out.mkdir(parents=True, exist_ok=True)
    for patient, paths in enumerate(read_patients(folder)):
        for variant in range(variants):
            path = out / f"label_map_slices-{patient}_{seed}_{variant:03d}.npz"
            if not path.exists():
                number = (seed * 10 + patient) * 1000 + variant
                rng = np.random.Generator(np.random.PCG64(number))
                wide = LUNGS_MM * float(rng.uniform(1 - WIDTH_VARIES, 1 + WIDTH_VARIES))
                labels = read_labels(paths, PIXEL_MM, wide)
                save_series(draw_series(labels, f"slices-{patient}", number, rng), path)
            yield path


def draw_series(labels: SliceLabels, patient: str, seed: int, rng: Generator) -> TrainingSeries:
    """Return label maps filled with drawn HU, one training series."""
    densities = draw_densities(rng)
    hu = around_lungs(labels, densities, rng)
    lungs = labels.right | labels.left
    inside = in_lungs(labels, densities, rng)
    hu[lungs] = inside[lungs]
    hu = imaged(hu, rng)
    return TrainingSeries(
        voxels=np.clip(np.rint(hu), -1024, 3071).astype(np.int16),
        right=labels.right,
        left=labels.left,
        lesion=labels.lesion,
        other=np.zeros_like(labels.lesion),
        spacing_mm=(APART_MM, labels.pixel_mm, labels.pixel_mm),
        disease="viral",
        seed=seed,
        patient=patient,
        source="label-map",
        lung_known=True,
        lesion_known=np.ones(len(labels.lesion), dtype=np.bool_),
    )


def draw_densities(rng: Generator) -> Densities:
    """Return HU within the ranges of the phantom specification 4.3, somewhat widened."""
    return Densities(
        air=float(rng.uniform(-1010, -970)),
        fat=float(rng.normal(-100, 18)),
        tissue=float(rng.normal(45, 14)),
        marrow=float(rng.uniform(100, 320)),
        cortex=float(rng.uniform(450, 1300)),
        lung=float(np.clip(rng.normal(-845, 45), -920, -680)),
        gradient=float(rng.uniform(10, 90)),
        contrast=float(rng.uniform(40, 260)) if rng.random() < 0.35 else 0.0,
        lesion_gain=float(np.exp(rng.normal(0, 0.2))),
        lesion_shift=float(rng.normal(0, 50)),
        lesion_gamma=float(np.exp(rng.normal(0, 0.3))),
        haze_px=float(rng.uniform(0.5, 2.2)),
    )


def around_lungs(labels: SliceLabels, densities: Densities, rng: Generator) -> F32:
    """Return HU outside the lungs: the order of grey stays, its values are drawn; blood may hold contrast."""
    low, high = labels.lung_grey[:, None, None], labels.tissue_grey[:, None, None]
    relative = (labels.grey - low) / (high - low)  # 0 healthy lung, 1 tissue beside it
    relative = np.where(relative > 1, 1 + (labels.grey - high) / (256 - high), relative)  # 2 as bright as can be
    near = ndimage.binary_dilation(labels.right | labels.left, np.ones((1, 5, 5)))
    gas = relative < -0.1  # anything brighter in the body, away from the lungs, is tissue under an uneven grey
    relative = np.where(near | gas, relative, np.maximum(relative, 0.6))
    fat, soft = float(rng.uniform(0.62, 0.85)), float(rng.uniform(0.93, 1.05))
    at = [-0.5, 0.05, fat, soft, float(rng.uniform(1.25, 1.4)), float(rng.uniform(1.45, 1.65)), 2.0]
    values = [densities.air, -880.0, densities.fat, densities.tissue, densities.tissue + 25, densities.marrow]
    hu = np.interp(relative, at, [*values, densities.cortex]).astype(np.float32)
    hu = ndimage.gaussian_filter(hu, (0, 0.5, 0.5))
    if densities.contrast:
        hu += densities.contrast * _mediastinum(labels) * ramp(hu, -20, 30) * ramp(hu, 260, 120)
    hu += float(rng.uniform(3, 14)) * smooth_noise(rng, hu.shape, _spacing(labels), 25)
    outside = np.where(hu > -500, float(rng.uniform(-960, -100)), densities.air)  # table and clothes
    return np.where(labels.body, hu, outside).astype(np.float32)


def in_lungs(labels: SliceLabels, densities: Densities, rng: Generator) -> F32:
    """Return HU for lung voxels: parenchyma, vessels where grey rises locally, and lesions filled by brightness."""
    lungs = labels.right | labels.left
    spacing = _spacing(labels)
    rows = np.arange(lungs.shape[1], dtype=np.float32)[None, :, None]
    front, back = np.flatnonzero(lungs.any(axis=(0, 2)))[[0, -1]]
    hu = densities.lung + densities.gradient * ((rows - front) / max(back - front, 1) - 0.5)
    hu = hu + float(rng.uniform(5, 16)) * smooth_noise(rng, lungs.shape, spacing, 20)
    hu += float(rng.uniform(5, 25)) * smooth_noise(rng, lungs.shape, spacing, 5)
    if rng.random() < 0.3:
        hu += _dependent(labels, rng)
    opacity, filled = lesion_fill(labels, densities, rng)
    hu += opacity * (filled - hu)
    vessels = _vessels(labels)
    hu += vessels * np.maximum(densities.tissue + 0.7 * densities.contrast - hu, 0)
    return np.asarray(hu, dtype=np.float32)


def lesion_fill(labels: SliceLabels, densities: Densities, rng: Generator) -> tuple[F32, F32]:
    """Return opacity and HU of lesions.

    Their levels follow the brightness between healthy lung and soft tissue in the slice, stretched and shifted at
    random, because equalisation keeps the order of grey but not its distances; texture is added.
    """
    low, high = labels.lung_grey[:, None, None], labels.tissue_grey[:, None, None]
    smooth = ndimage.gaussian_filter(labels.grey, (0, 1.0, 1.0))
    brightness = np.clip((0.6 * smooth + 0.4 * labels.grey - low) / (high - low), 0.02, 1.1)
    brightness = densities.lesion_gain * brightness**densities.lesion_gamma
    spacing = _spacing(labels)
    hu = densities.lung + brightness * (densities.tissue - densities.lung) + densities.lesion_shift
    hu += float(rng.uniform(5, 45)) * smooth_noise(rng, hu.shape, spacing, 8)
    hu += float(rng.uniform(5, 50)) * smooth_noise(rng, hu.shape, spacing, 3.5)
    hu = np.clip(hu, densities.lung + float(rng.uniform(60, 160)), densities.tissue + 20)
    opacity = ndimage.gaussian_filter(labels.lesion.astype(np.float32), (0, densities.haze_px, densities.haze_px))
    opacity = np.clip(opacity * (1 + 0.15 * smooth_noise(rng, hu.shape, spacing, 6)), 0, 1)
    return opacity.astype(np.float32), hu.astype(np.float32)


def imaged(hu: F32, rng: Generator) -> F32:
    """Return HU as a scanner would show them: a soft or sharp kernel, noise of 8 to 60 HU, small calibration errors."""
    kernel = float(rng.uniform(-0.5, 0.7))
    if kernel > 0:
        hu = ndimage.gaussian_filter(hu, (0, kernel, kernel))
    else:
        hu = hu - kernel * (hu - ndimage.gaussian_filter(hu, (0, 0.8, 0.8)))
    white = rng.standard_normal(hu.shape, dtype=np.float32)
    width = float(rng.uniform(0.3, 0.7))
    grain = ndimage.gaussian_filter(white, (0, width, width), truncate=3)
    noise = float(np.clip(np.exp(rng.normal(np.log(20), 0.5)), 8, 60))
    hu = hu * float(rng.normal(1, 0.01)) + float(rng.normal(0, 6)) + noise * grain / grain.std()
    return np.asarray(hu, dtype=np.float32)


def _vessels(labels: SliceLabels) -> F32:
    """Return, in [0, 1], how far each lung voxel is as bright as tissue above the lung or lesion around it."""
    lungs = (labels.right | labels.left).astype(np.float32)
    low, high = labels.lung_grey[:, None, None], labels.tissue_grey[:, None, None]
    around = np.clip(labels.grey, low - 20, low + 0.7 * (high - low))
    sigma = (0, 10 / labels.pixel_mm, 10 / labels.pixel_mm)
    weight = ndimage.gaussian_filter(lungs, sigma)
    mean = ndimage.gaussian_filter(around * lungs, sigma) / np.maximum(weight, 1e-3)
    least = mean + 0.15 * (high - low)
    share = np.clip((labels.grey - least) / np.maximum(high - least, 10), 0, 1)
    return np.asarray(share, dtype=np.float32)


def _dependent(labels: SliceLabels, rng: Generator) -> F32:
    """Return the rise of density under the posterior pleura, which is no lesion."""
    lungs = labels.right | labels.left
    below = np.cumsum(lungs[:, ::-1], axis=1)[:, ::-1] * labels.pixel_mm  # lung behind each voxel, in mm
    patchy = np.clip(0.8 + 0.4 * smooth_noise(rng, lungs.shape, _spacing(labels), 15), 0, 1.2)
    rise = float(rng.uniform(80, 280)) * np.exp(-below / float(rng.uniform(3, 8))) * patchy
    return np.asarray(rise, dtype=np.float32)


def _mediastinum(labels: SliceLabels) -> F32:
    """Return, in [0, 1], what lies between the lungs."""
    between = np.logical_or.accumulate(labels.right, axis=2)
    between &= np.logical_or.accumulate(labels.left[:, :, ::-1], axis=2)[:, :, ::-1]
    inner: Bool = between & ~(labels.right | labels.left)
    return np.asarray(ndimage.gaussian_filter(inner.astype(np.float32), (0, 1.5, 1.5)), dtype=np.float32)


def _spacing(labels: SliceLabels) -> tuple[float, float, float]:
    return APART_MM, labels.pixel_mm, labels.pixel_mm
