"""Diseases that are not viral pneumonia: what a triage must learn not to call a viral lesion.

Each recipe changes the tissue density in place and returns its opacity (n,) in [0, 1]. Must not know: scanners.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from triaged.lab.phantom.blobs import blob_level, choose, share_threshold, soft_step
from triaged.lab.phantom.options import F32
from triaged.lab.phantom.parenchyma import Field, Parenchyma
from triaged.lab.phantom.wall import ramp
from triaged.lab.portable import exp, hypot

Recipe = Callable[[np.random.Generator, Field, Parenchyma], F32]


def mix(lung: Parenchyma, opacity: F32, hu: F32 | float) -> F32:
    """Blend `hu` into the tissue and return the opacity."""
    lung.hu[:] += opacity * (np.asarray(hu, dtype=np.float32) - lung.hu)
    return opacity


def bacterial(rng: np.random.Generator, field: Field, lung: Parenchyma) -> F32:
    """Fill part of one lobe (two in a quarter of cases) with consolidation up to the fissure."""
    lobes = rng.choice(5, size=1 if rng.random() < 0.75 else 2, replace=False, p=[0.2, 0.13, 0.29, 0.13, 0.25])
    opacity = np.zeros_like(lung.hu)
    for lobe in lobes:
        members = lung.lobe == lobe
        if not members.any():
            continue
        way = rng.standard_normal(3)
        front = (way[0] * lung.x_mm + way[1] * lung.y_mm + way[2] * lung.z_mm) / np.sqrt((way * way).sum())
        front = (0.6 * front - 0.3 * lung.depth_mm + 7 * field.noise(rng, 16)).astype(np.float32)
        limit = share_threshold(front, members, float(rng.uniform(0.12, 0.95)))
        solid = soft_step(front - limit, float(rng.uniform(1.5, 5))) * members
        mix(lung, solid.astype(np.float32), float(rng.uniform(-20, 55)) + 20 * field.noise(rng, 8))
        opacity = np.maximum(opacity, solid)
    if rng.random() < 0.4:
        opacity = np.maximum(opacity, effusion(rng, field, lung))
    return opacity.astype(np.float32)


def bronchopneumonia(rng: np.random.Generator, field: Field, lung: Parenchyma) -> F32:
    """Scatter small patches along the bronchi of one or more lobes."""
    lobes = rng.choice(5, size=int(rng.integers(1, 4)), replace=False)
    weight = np.isin(lung.lobe, lobes) * ramp(lung.depth_mm, 2, 18)
    count = int(rng.integers(8, 30))
    across = rng.uniform(3, 14, count).astype(np.float32)
    level = blob_level(lung, choose(rng, weight.astype(np.float32) + 1e-6, count), across, across)
    level += 3 * field.noise(rng, 8)
    hu = float(rng.uniform(-350, 30)) + 60 * field.noise(rng, 9)
    return mix(lung, soft_step(level, float(rng.uniform(1.5, 4))), hu)


def oedema(rng: np.random.Generator, field: Field, lung: Parenchyma) -> F32:
    """Add central haze in both lungs, septal lines, and usually fluid on both sides."""
    side = np.where(lung.is_right, -45, 45)
    reach = np.sqrt((lung.x_mm - side) ** 2 + (lung.y_mm - 5) ** 2 + (0.6 * (lung.z_mm + 30)) ** 2)
    level = (-reach + 8 * field.noise(rng, 25) + 4 * field.noise(rng, 9)).astype(np.float32)
    everyone = np.ones(level.shape, dtype=bool)
    level -= share_threshold(level, everyone, float(rng.uniform(0.15, 0.6)))
    opacity = soft_step(level, float(rng.uniform(4, 9)))
    lines = np.clip(1 - np.abs(field.noise(rng, 14)) * 8, 0, 1) * float(rng.uniform(40, 200))
    mix(lung, opacity, float(rng.uniform(-680, -380)) + 40 * field.noise(rng, 12) + lines)
    if rng.random() < 0.65:
        opacity = np.maximum(opacity, effusion(rng, field, lung))
    return opacity


def fibrosis(rng: np.random.Generator, field: Field, lung: Parenchyma) -> F32:
    """Add basal subpleural reticulation with cysts."""
    level = -lung.depth_mm - 0.12 * (lung.z_mm + 60) + 4 * field.noise(rng, 18)
    level = level.astype(np.float32)
    everyone = np.ones(level.shape, dtype=bool)
    level -= share_threshold(level, everyone, float(rng.uniform(0.06, 0.35)))
    opacity = soft_step(level, 2.5)
    web = np.clip(1 - np.abs(field.noise(rng, float(rng.uniform(6, 9)))) * 4, 0, 1)
    holes = ramp(field.noise(rng, 8), 0.5, 1.3)
    target = float(rng.uniform(-700, -520)) + web * float(rng.uniform(200, 420))
    return mix(lung, opacity, target * (1 - holes) - 930 * holes)


def nodules(rng: np.random.Generator, field: Field, lung: Parenchyma) -> F32:
    """Add one to eight nodules: solid, part-solid, ground glass or calcified."""
    opacity = np.zeros_like(lung.hu)
    for _ in range(int(rng.integers(1, 9))):
        radius = np.array([np.clip(exp(rng.normal(1.6, 0.5)), 2.5, 15)], dtype=np.float32)
        centre = choose(rng, ramp(lung.depth_mm, 0, 6) + np.float32(1e-3), 1)
        level = blob_level(lung, centre, radius, radius * float(rng.uniform(0.75, 1))) + 0.8 * field.noise(rng, 6)
        hu = float(rng.choice([30.0, 30.0, -350.0, -600.0, 450.0]) + rng.normal(0, 30))
        opacity = np.maximum(opacity, mix(lung, soft_step(level, 0.7), hu))
    return opacity


def mass(rng: np.random.Generator, field: Field, lung: Parenchyma) -> F32:
    """Add one spiculated mass, and in a third of cases the collapse behind it."""
    radius = np.array([rng.uniform(12, 40)], dtype=np.float32)
    centre = choose(rng, np.ones_like(lung.hu), 1)
    level = blob_level(lung, centre, radius, radius * float(rng.uniform(0.7, 1))) + 3 * field.noise(rng, 9)
    opacity = mix(lung, soft_step(level, 1.0), float(rng.uniform(10, 60)) + 12 * field.noise(rng, 10))
    if rng.random() < 0.33:
        opacity = np.maximum(opacity, atelectasis(rng, field, lung))
    return opacity


def effusion(rng: np.random.Generator, field: Field, lung: Parenchyma) -> F32:
    """Fill the dependent pleural space of one or both sides with fluid, over a rim of collapsed lung.

    The surface rises toward the wall (meniscus) and toward the base.
    """
    opacity = np.zeros_like(lung.hu)
    sides = [True, False] if rng.random() < 0.5 else [bool(rng.random() < 0.5)]
    for is_right in sides:
        members = lung.is_right == is_right
        rise = 9 * exp(-lung.depth_mm / 7) + 1.5 * field.noise(rng, 30)
        level = (lung.down_mm - 0.35 * lung.z_mm + rise).astype(np.float32)
        level -= share_threshold(level, members, float(rng.uniform(0.03, 0.35)))
        rim = soft_step(level + float(rng.uniform(4, 18)) + 3 * field.noise(rng, 12), 1.5) * members
        mix(lung, rim.astype(np.float32), float(rng.uniform(-100, 60)))
        fluid = soft_step(level, 0.6) * members
        mix(lung, fluid.astype(np.float32), float(rng.uniform(-5, 25)))
        opacity = np.maximum(opacity, np.maximum(rim, fluid))
    return opacity.astype(np.float32)


def atelectasis(rng: np.random.Generator, field: Field, lung: Parenchyma) -> F32:
    """Add plates of collapse near the bases, or the collapse of the medial part of a lower lobe."""
    if rng.random() < 0.5:
        lobe = int(rng.choice([2, 4]))
        members = lung.lobe == lobe
        level = (-np.abs(lung.x_mm) * 0.7 + 0.7 * lung.down_mm - 0.2 * lung.z_mm + 4 * field.noise(rng, 20)).astype(
            np.float32
        )
        level -= share_threshold(level, members, float(rng.uniform(0.15, 0.6)))
        return mix(lung, (soft_step(level, 1.2) * members).astype(np.float32), float(rng.uniform(20, 60)))
    opacity = np.zeros_like(lung.hu)
    for _ in range(int(rng.integers(1, 5))):
        c = int(choose(rng, ramp(lung.z_mm, -20, -90) + np.float32(1e-4), 1)[0])
        tilt = rng.normal(0, 0.4, 2)
        plane = lung.z_mm - lung.z_mm[c] - tilt[0] * (lung.x_mm - lung.x_mm[c]) - tilt[1] * (lung.y_mm - lung.y_mm[c])
        plane = np.abs(plane + 2 * field.noise(rng, 25)) - float(rng.uniform(1, 3.5))
        near = hypot(lung.x_mm - lung.x_mm[c], lung.y_mm - lung.y_mm[c]) - float(rng.uniform(15, 45))
        plate = soft_step(-np.maximum(plane, near).astype(np.float32), 0.8)
        opacity = np.maximum(opacity, mix(lung, plate, float(rng.uniform(-100, 50))))
    return opacity


RECIPES: dict[str, Recipe] = {
    "bacterial": bacterial,
    "bronchopneumonia": bronchopneumonia,
    "oedema": oedema,
    "fibrosis": fibrosis,
    "nodules": nodules,
    "mass": mass,
    "effusion": effusion,
    "atelectasis": atelectasis,
}
