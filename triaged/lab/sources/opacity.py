"""Turns patches into the share of air that viral pneumonia replaces, and into the mask that a reader would draw.

HU of ground glass, crazy paving and consolidation: phantom specification 4.3. Must not know scans or files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from triaged.lab.phantom.blobs import share_threshold, soft_step
from triaged.lab.phantom.options import F32, Bool
from triaged.lab.sources.fields import ramp
from triaged.lab.sources.patches import borders, lay_patches
from triaged.lab.sources.tissue import TISSUE_HU, Tissue


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What is done to lung tissue, (n,): the share of air replaced (negative: tissue taken away), and who is inside.

    `inside` is the region that a reader outlines, vessels and bronchi within it included.
    """

    air_share: F32
    inside: Bool


def viral_change(rng: Generator, tissue: Tissue, shares: tuple[float, float]) -> Change:
    """Return viral lesions that cover exactly `shares` of the (right, left) lung, to a voxel.

    The outline runs where opacity is 0.35 to 0.5: readers follow the visible border, and haze goes on outside of it.
    """
    noise = tissue.field.noise
    patches = lay_patches(rng, tissue, shares)
    limit = borders(tissue.lung, patches.level, shares)
    affected = np.isfinite(limit)
    above = np.where(affected, patches.level - np.where(affected, limit, 0), -200).astype(np.float32)
    outline = float(rng.uniform(0.35, 0.5))
    bias = float(np.log(outline / (1 - outline)))
    opacity = np.where(affected, soft_step(above / patches.softness_mm + bias, 1.0), 0)
    inside = affected & (above >= 0)
    glass = _ground_glass(rng, tissue, patches.target_hu)
    ring = patches.ring - np.where(affected, limit, 0)
    wall = soft_step(ring, 1.0) * soft_step(float(rng.uniform(4, 7)) - ring, 1.0)
    target = glass - soft_step(ring - 4, 1.5) * 0.4 * (glass - tissue.base)
    dense = (patches.core - np.where(affected, limit, 0) + float(rng.uniform(1, 5)) * noise(rng, 12)).astype(np.float32)
    most = share_threshold(dense, inside, _consolidated(rng))
    solid = np.maximum(soft_step(dense - max(most, 0.0), float(rng.uniform(0.8, 2.5))), wall)
    target += solid * (float(rng.uniform(-90, 35)) - target)
    share = opacity * np.clip((target - tissue.base) / (TISSUE_HU - tissue.base), 0, 1)
    return Change(share.astype(np.float32), inside)


def dependent_density(rng: Generator, tissue: Tissue) -> Change:
    """Return the haze of the dependent pleura of a healthy lung: dense, but no lesion, so nobody is inside."""
    lung = tissue.lung
    low = float(np.percentile(lung.down_mm, 80))
    band = np.exp(-lung.depth_mm / float(rng.uniform(3, 10))) * ramp(lung.down_mm, low - 25, low + 15)
    band = band * np.clip(0.8 + 0.4 * tissue.field.noise(rng, 15), 0, 1.2) * float(rng.uniform(0.1, 0.4))
    return Change(band.astype(np.float32), np.zeros(band.shape, dtype=np.bool_))


def breath(rng: Generator, tissue: Tissue) -> Change:
    """Return the density of a lung that is less inflated, more so below, with a mosaic of trapped air: no lesion."""
    lung = tissue.lung
    gradient = float(rng.uniform(0, 0.08)) * ramp(lung.down_mm, -90, 90)
    mosaic = float(rng.choice([0.0, 0.0, 0.03])) * np.tanh(3 * tissue.field.noise(rng, 17))
    share = float(rng.uniform(-0.04, 0.12)) + gradient + mosaic
    return Change(share.astype(np.float32), np.zeros(share.shape, dtype=np.bool_))


def joined(*changes: Change) -> Change:
    """Return several changes as one: each replaces a share of the air that the others left."""
    left = np.prod([1 - change.air_share for change in changes], axis=0)
    inside = np.any([change.inside for change in changes], axis=0)
    return Change((1 - left).astype(np.float32), inside)


def _ground_glass(rng: Generator, tissue: Tissue, mean_hu: F32) -> F32:
    """Return the HU of ground glass: uneven, never close to healthy lung, in two of five cases with septa."""
    noise = tissue.field.noise
    glass = mean_hu + float(rng.uniform(15, 80)) * noise(rng, 9) + 25 * noise(rng, 28)
    glass = np.maximum(glass, tissue.base + float(rng.uniform(130, 220)))
    glass += float(rng.uniform(15, 110)) * noise(rng, 4.5) + float(rng.uniform(0, 130)) * noise(rng, 3)
    if rng.random() < 0.4:
        glass += _septa(rng, tissue) * float(rng.uniform(120, 280))
    result: F32 = glass.astype(np.float32)
    return result


def _consolidated(rng: Generator) -> float:
    """Return the share of all lesion that is consolidated: none in 40 %, most in a few."""
    kind = rng.random()
    if kind < 0.4:
        return 0.0
    return float(rng.beta(1.2, 3.5) if kind < 0.9 else rng.beta(4, 2))


def _septa(rng: Generator, tissue: Tissue) -> F32:
    """Return the thickened septa of crazy paving, 0 to 1: a net with meshes of about a lobule."""
    mesh = float(rng.uniform(7, 12))
    lines = [np.clip(1 - np.abs(tissue.field.noise(rng, mesh)) * 4, 0, 1) for _ in range(2)]
    net: F32 = np.maximum(*lines).astype(np.float32)
    return net
