"""Viral pneumonia: ground glass, crazy paving and consolidation, under the pleura, in both lungs.

Frequencies from the literature in the phantom specification 4.4.6. Must not know: scanners, other diseases.
"""

from __future__ import annotations

import numpy as np

from triaged.lab.phantom.blobs import blob_level, choose, share_threshold, soft_step
from triaged.lab.phantom.options import F32
from triaged.lab.phantom.parenchyma import Field, Parenchyma
from triaged.lab.phantom.wall import ramp

GRADES = {"none": (0.0, 0.0), "mild": (0.03, 0.20), "moderate": (0.28, 0.46), "severe": (0.55, 0.82)}


def target_shares(rng: np.random.Generator, severity: str | tuple[float, float]) -> tuple[float, float]:
    """Return the wanted lesion share of (right, left) lung; a grade bounds the worse lung, right worse in 60 %."""
    if not isinstance(severity, str):
        return severity
    low, high = GRADES[severity]
    worse = float(rng.uniform(low, high))
    other = worse * float(rng.beta(3, 1.5))
    if severity == "mild" and rng.random() < 0.2:
        other = 0.0
    return (worse, other) if rng.random() < 0.6 else (other, worse)


def viral_level(rng: np.random.Generator, field: Field, lung: Parenchyma, shares: tuple[float, float]) -> F32:
    """Return the level field (n,) of viral lesions in mm; its highest `share` is the lesion of each lung.

    Few discrete patches when little lung is involved, a diffuse fractal when much is.
    """
    posterior = ramp(lung.down_mm, -60, 60)
    weight = np.exp(-lung.depth_mm / 10) * (0.35 + 1.2 * posterior) * np.where(lung.lobe % 2 == 0, 1.0, 1.0)
    weight = weight * np.where((lung.lobe == 2) | (lung.lobe == 4), 1.8, 1.0)
    level = np.full(lung.x_mm.size, -200, dtype=np.float32)
    ragged = float(rng.uniform(2, 6)) * field.noise(rng, float(rng.uniform(9, 20)))
    ragged += float(rng.uniform(1, 2.5)) * field.noise(rng, 5)
    haze = 9 * field.noise(rng, 38) + 6 * field.noise(rng, 14) + 7 * np.exp(-lung.depth_mm / 18) + 7 * posterior
    haze -= 6 * ramp(lung.z_mm, -70, 60)
    for is_right, share in ((True, shares[0]), (False, shares[1])):
        members = lung.is_right == is_right
        if share <= 0 or not members.any():
            continue
        count = int(np.clip(rng.poisson(3 + 22 * share**0.5), 1, 24))
        volume = share * members.sum() * np.prod(field.frame.spacing_mm) * 1.3
        sizes = rng.lognormal(0, 0.5, count)
        flat = rng.uniform(0.4, 0.8, count)
        scale = (volume / (4.19 * (sizes**3 * flat).sum())) ** (1 / 3)
        across = np.clip(sizes * scale, 5, 70).astype(np.float32)
        centres = choose(rng, (weight * members).astype(np.float32), count)
        blobs = blob_level(lung, centres, across, (across * flat).astype(np.float32))
        diffuse = float(ramp(np.array([share], dtype=np.float32), 0.25, 0.75)[0])
        mixed = np.maximum(blobs, -60) * (1 - 0.75 * diffuse) + haze * (0.25 + diffuse)
        level = np.where(members, mixed, level).astype(np.float32)
    return level + ragged.astype(np.float32)


def apply_viral(
    rng: np.random.Generator, field: Field, lung: Parenchyma, level: F32, thresholds: tuple[float, float]
) -> F32:
    """Darken or whiten lung tissue by the lesion and return its opacity (n,), 0.5 on the lesion's border."""
    limit = np.where(lung.is_right, np.float32(thresholds[0]), np.float32(thresholds[1])).astype(np.float32)
    above = np.where(np.isfinite(limit), level - limit, -200).astype(np.float32)
    opacity = soft_step(above, float(np.exp(rng.uniform(-0.4, 1.4))))
    base = float(np.median(lung.hu))
    glass = np.float32(max(float(rng.uniform(-690, -400)), base + float(rng.uniform(120, 200))))
    target = glass + float(rng.uniform(20, 70)) * field.noise(rng, 9) + 25 * field.noise(rng, 28)
    target += float(rng.uniform(10, 60)) * field.noise(rng, 4.5)
    if rng.random() < 0.45:
        septa = np.clip(1 - np.abs(field.noise(rng, float(rng.uniform(7, 12)))) * 4, 0, 1)
        target += septa * float(rng.uniform(100, 260))
    if rng.random() < 0.55 and opacity.max() > 0.5:
        dense = above + 5 * field.noise(rng, 16)
        inner = above > 0
        core = dense - share_threshold(dense, inner, float(rng.beta(1.1, 4)))
        solid = soft_step(core, 1.5)
        target += solid * (float(rng.uniform(-80, 45)) - target)
    lung.hu[:] += opacity * (target - lung.hu)
    return opacity
