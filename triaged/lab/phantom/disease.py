"""Makes the lungs of a scene ill, and draws the masks of what was done.

Must not know: how patients, scanners or the single diseases are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from triaged.lab.phantom.body import stream
from triaged.lab.phantom.masks import Scene, opaque, pencil_level, slabs
from triaged.lab.phantom.opacities import RECIPES, effusion
from triaged.lab.phantom.options import F32, Bool, PhantomOptions
from triaged.lab.phantom.parenchyma import Field, Parenchyma
from triaged.lab.phantom.viral import Kind, Spread, add_new_patches, spread_disease, target_shares
from triaged.lab.phantom.viral_tissue import apply_viral


@dataclass(frozen=True, slots=True)
class Lungs:
    """Right and left lung in an image."""

    right: Bool
    left: Bool


@dataclass(frozen=True, slots=True)
class Illness:
    """The masks of viral lesion and other opacity, and per lung voxel (n,) the lesion's opacity and its patch.

    `kinds` names the patches; patch 0 is diffuse disease. `solid` is, per lung voxel, how much of it is consolidated.
    """

    lesion: Bool
    other: Bool
    opacity: F32
    owner: NDArray[np.int16]
    kinds: tuple[Kind, ...]
    solid: F32


def fall_ill(
    options: PhantomOptions, scene: Scene, first: Scene, field: Field, lung: Parenchyma, now: Lungs, then: Lungs
) -> Illness:
    """Change the tissue by the disease of the options and return what was done.

    `first` and `then` are the scene and the lungs of the first scan, by which lesions are measured; a first scan gives
    its own.
    """
    seed, healthy = options.seed, np.zeros_like(lung.hu)
    owner = np.zeros(lung.hu.size, dtype=np.int16)
    if options.disease == "viral":
        fluid = companion_opacity(options, field, replace(lung, hu=lung.hu.copy()))
        shares = target_shares(stream(seed, "shares"), options.severity)
        spread = spread_disease(stream(seed, "spread"), field, lung, shares)
        limits = share_limits(first, lung, spread.level, then, draw_mask(first, lung, fluid), shares)
        change = options.follow_up
        spread = add_new_patches(stream(seed, "new patches"), lung, spread, limits, change.new_patches)
        limits = (limits[0] - change.grow_mm, limits[1] - change.grow_mm)
        opacity, solid = apply_viral(stream(seed, "look"), field, lung, spread, limits, change.density_hu)
        other = draw_mask(scene, lung, companion_opacity(options, field, lung)) & (now.right | now.left)
        lesion = draw_lesion(scene, lung, spread, now, limits) & ~other
        return Illness(lesion, other, opacity, spread.owner, spread.kinds, solid)
    opaque_to = healthy
    if options.disease != "none":
        opaque_to = RECIPES[options.disease](stream(seed, options.disease), field, lung)
    opaque_to = np.maximum(opaque_to, companion_opacity(options, field, lung))
    other = draw_mask(scene, lung, opaque_to) & (now.right | now.left)
    return Illness(np.zeros_like(other), other, healthy, owner, (), healthy)


def companion_opacity(options: PhantomOptions, field: Field, lung: Parenchyma) -> F32:
    """Add the fluid that comes with the disease, if any, and return its opacity (n,)."""
    if options.companion == "none":
        return np.zeros_like(lung.hu)
    return effusion(stream(options.seed, "companion"), field, lung)


def draw_mask(scene: Scene, lung: Parenchyma, opacity: F32) -> Bool:
    """Return where an opacity (n,) is at least one half in the image."""
    if not opacity.any():
        return np.zeros(scene.shape, dtype=bool)
    return np.concatenate([opaque(scene, lung, opacity, *part) for part in slabs(scene)])


def share_limits(
    scene: Scene, lung: Parenchyma, level: F32, lungs: Lungs, fluid: Bool, shares: tuple[float, float]
) -> tuple[float, float]:
    """Return the levels above which lies the wanted share of each lung, fluid left out."""
    values: tuple[list[F32], list[F32]] = ([], [])
    for start, stop in slabs(scene):
        part = slice(start // scene.group, stop // scene.group)
        drawn = pencil_level(scene, lung, level, start, stop)
        for kept, side in zip(values, (lungs.right, lungs.left), strict=True):
            kept.append(drawn[side[part] & ~fluid[part]])
    counts = (int(lungs.right.sum()), int(lungs.left.sum()))
    right, left = (
        limit(np.concatenate(kept), share * count) for kept, share, count in zip(values, shares, counts, strict=True)
    )
    return right, left


def limit(values: F32, wanted: float) -> float:
    """Return the level that about `wanted` of the values reach."""
    if values.size == 0 or wanted <= 0:
        return float("inf")
    rank = int(np.clip(round(values.size - wanted), 0, values.size - 1))
    return float(np.partition(values, rank)[rank])


def draw_lesion(scene: Scene, lung: Parenchyma, spread: Spread, lungs: Lungs, limits: tuple[float, float]) -> Bool:
    """Return the mask of viral lesion: where the level reaches the limit of its lung."""
    parts = []
    for start, stop in slabs(scene):
        part = slice(start // scene.group, stop // scene.group)
        drawn = pencil_level(scene, lung, spread.level, start, stop)
        parts.append((lungs.right[part] & (drawn >= limits[0])) | (lungs.left[part] & (drawn >= limits[1])))
    return np.concatenate(parts)
