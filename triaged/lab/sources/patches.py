"""Places the patches of viral pneumonia in real lungs: where, how large, of which kind.

Weights and frequencies: phantom specification 4.4.6 and the literature it cites. Must not know scans or files. Arrays
(n,) run over `Tissue.lung`; levels are in mm, about the depth inside a patch, negative outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from triaged.lab.phantom.blobs import choose, share_threshold
from triaged.lab.phantom.options import F32
from triaged.lab.phantom.parenchyma import Parenchyma
from triaged.lab.sources.fields import ramp
from triaged.lab.sources.tissue import Tissue

FAR: Final = -200.0
MIXTURE: Final = ((0.0, 0.0, 0.25), (0.004, 0.25, 0.45), (0.25, 0.50, 0.15), (0.50, 0.75, 0.10), (0.75, 0.93, 0.05))
"""Least and most lesion share of the worse lung, and how often (phantom specification 4.4.6)."""


class Kind(Enum):
    """The form of a patch."""

    PATCH = "patch"
    RING = "ring"
    BAND = "band"


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch: `centre` is a position in the lung's arrays, `core_mm` how deep its consolidation begins."""

    centre: int
    across_mm: float
    thick_mm: float
    kind: Kind
    target_hu: float
    softness_mm: float
    core_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Fields (n,) of all patches: the union's level, that of consolidations and of rings, target HU, softness in mm."""

    level: F32
    core: F32
    ring: F32
    target_hu: F32
    softness_mm: F32


def draw_shares(rng: Generator) -> tuple[float, float]:
    """Return the wanted lesion share of (right, left) lung, the right worse in 55 %."""
    low, high, _ = MIXTURE[int(rng.choice(len(MIXTURE), p=[chance for _, _, chance in MIXTURE]))]
    worse = low + (high - low) * float(rng.beta(1, 1.7) if high == 0.25 else rng.random())
    other = worse * float(rng.beta(3, 1.5))
    if worse < 0.25 and rng.random() < 0.25:
        other = 0.0
    return (worse, other) if rng.random() < 0.55 else (other, worse)


def lay_patches(rng: Generator, tissue: Tissue, shares: tuple[float, float]) -> Patches:
    """Return the fields of randomly placed patches, few and discrete or diffuse by how much is to be covered."""
    lung, noise = tissue.lung, tissue.field.noise
    weight = _placement(rng, lung)
    patches = _side(rng, tissue, weight * lung.is_right, shares[0])
    patches += _side(rng, tissue, weight * ~lung.is_right, shares[1])
    fields = _united(lung, patches, rng)
    posterior = ramp(lung.down_mm, -60, 60)
    haze = 9 * noise(rng, 38) + 6 * noise(rng, 14) + 7 * np.exp(-lung.depth_mm / 18) + 7 * posterior
    haze -= 6 * ramp(lung.z_mm, -70, 60)
    share = np.where(lung.is_right, np.float32(shares[0]), np.float32(shares[1]))
    diffuse = ramp(share, 0.25, 0.75)
    ragged = float(rng.uniform(1.2, 4.5)) * noise(rng, float(rng.uniform(9, 20))) + float(
        rng.uniform(0.2, 1.0)
    ) * noise(rng, 5)
    level = np.maximum(fields.level, -60) * (1 - 0.75 * diffuse) + haze * (0.2 + diffuse) + ragged
    if rng.random() < 0.3 and max(shares) > 0.1:
        level -= float(rng.uniform(4, 10)) * ramp(noise(rng, float(rng.uniform(8, 13))), 0.6, 1.0)  # spared lobules
    if rng.random() < 0.15:
        level -= float(rng.uniform(6, 12)) * np.exp(-((lung.depth_mm / 3) ** 2))  # spared under the pleura
    core = fields.core + (level - fields.level) + float(rng.uniform(0, 6)) * np.exp(-lung.depth_mm / 5)
    return Patches(level.astype(np.float32), core.astype(np.float32), fields.ring, fields.target_hu, fields.softness_mm)


def borders(lung: Parenchyma, level: F32, shares: tuple[float, float]) -> F32:
    """Return, for each voxel, the level above which exactly the wanted share of its lung lies; infinite for none."""
    right = share_threshold(level, lung.is_right, shares[0])
    left = share_threshold(level, ~lung.is_right, shares[1])
    return np.where(lung.is_right, np.float32(right), np.float32(left)).astype(np.float32)


def _placement(rng: Generator, lung: Parenchyma) -> F32:
    """Return the chance of a centre: under the pleura, posterior, lower, away from the mediastinum."""
    posterior = ramp(lung.down_mm, -60, 60)
    lateral = 0.25 + ramp(np.abs(lung.x_mm), 25, 75)
    low = np.where(lung.z_mm < -10, float(rng.uniform(1.2, 2.4)), 1.0)
    weight = np.exp(-lung.depth_mm / float(rng.uniform(8, 16))) * (1 + 1.2 * posterior) * np.maximum(lateral, posterior)
    ranking: F32 = (weight * low).astype(np.float32)
    return ranking


def _side(rng: Generator, tissue: Tissue, weight: F32, share: float) -> list[Patch]:
    """Return the patches of the lung that has weight; together they are somewhat larger than the wanted share."""
    members = weight > 0
    if share <= 0 or not members.any():
        return []
    count = int(np.clip(rng.poisson(1.5 + 20 * share**0.6), 1, 22))
    flat = rng.uniform(0.35, 0.9, count)
    sizes = rng.lognormal(0, 0.5, count)
    volume = 1.3 * share * members.sum() * float(np.prod(tissue.frame.spacing_mm))
    scale = (volume / (4.19 * (sizes**3 * flat).sum())) ** (1 / 3)
    across = np.clip(sizes * scale, 4.5, 70)
    centres = choose(rng, weight, count)
    glass, solid = float(np.clip(rng.normal(-545, 80), -720, -380)), float(rng.beta(0.9, 1.4))
    softness = float(np.exp(rng.uniform(0.3, 1.5)))
    found = []
    for centre, wide, thin in zip(centres, across, across * flat, strict=True):
        kind = Kind(rng.choice([one.value for one in Kind], p=(0.88, 0.04, 0.08)))
        core = float(rng.uniform(0, 1) * thin) if rng.random() < solid else np.inf
        target = float(np.clip(glass + rng.normal(0, 55), -730, -330))
        soft = float(np.clip(softness * np.exp(rng.normal(0, 0.3)), 1.2, 6))
        found.append(Patch(int(centre), float(wide), float(thin), kind, target, soft, core))
    return found


def _united(lung: Parenchyma, patches: list[Patch], rng: Generator) -> Patches:
    """Return the fields of the union; where patches meet, their properties blend."""
    size = lung.x_mm.size
    level, core, ring = (np.full(size, FAR, dtype=np.float32) for _ in range(3))
    weights, target, softness = (np.full(size, 1e-12, dtype=np.float32) for _ in range(3))
    for patch in patches:
        one = _ellipsoid(lung, patch)
        if patch.kind is Kind.BAND:
            depth = float(rng.uniform(0, 15))
            one = np.minimum(one, float(rng.uniform(2.5, 4.5)) - np.abs(lung.depth_mm - depth))
        np.maximum(level, one, out=level)
        if patch.kind is Kind.RING:
            np.maximum(ring, one, out=ring)
        elif np.isfinite(patch.core_mm):
            np.maximum(core, one - np.float32(patch.core_mm), out=core)
        weight = np.exp(np.clip(one / 5, -15, 12))
        weights += weight
        target += weight * np.float32(patch.target_hu)
        softness += weight * np.float32(patch.softness_mm)
    return Patches(level, core, ring, target / weights, np.clip(softness / weights, 1.2, 6))


def _ellipsoid(lung: Parenchyma, patch: Patch) -> F32:
    """Return the level of one ellipsoid, flattened along the lung's surface nearest to its centre."""
    c = patch.centre
    level = np.full(lung.x_mm.size, FAR, dtype=np.float32)
    offset = np.stack([lung.x_mm - lung.x_mm[c], lung.y_mm - lung.y_mm[c], lung.z_mm - lung.z_mm[c]])
    reach = 2.5 * patch.across_mm + 60
    near = np.flatnonzero((np.abs(offset).max(axis=0) < reach) & (lung.is_right == lung.is_right[c]))
    offset = offset[:, near]
    normal = _inward(offset, lung.depth_mm[near])
    along = normal @ offset
    square = np.maximum((offset * offset).sum(axis=0) - along * along, 0)
    rho = np.sqrt(square / patch.across_mm**2 + along * along / patch.thick_mm**2)
    level[near] = (1 - rho) * ((2 * patch.across_mm + patch.thick_mm) / 3)
    return level


def _inward(offset: F32, depth_mm: F32) -> NDArray[np.float32]:
    """Return the direction in which depth grows, from the voxels within 14 mm; toward the front where it is unclear."""
    close = (offset * offset).sum(axis=0) < 14.0**2
    slope = (offset[:, close] * (depth_mm[close] - depth_mm[close].mean())).sum(axis=1)
    length = float(np.linalg.norm(slope))
    return (slope / length if length > 1e-3 else np.array([0, -1, 0])).astype(np.float32)
