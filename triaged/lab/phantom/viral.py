"""Viral pneumonia: where its patches lie and how far they reach, under the pleura and in both lungs.

Frequencies from the literature in the phantom specification 4.4.6. Must not know: densities, scanners, other diseases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from triaged.lab.phantom.blobs import choose, pleural_level, share_threshold
from triaged.lab.phantom.options import F32, Bool
from triaged.lab.phantom.parenchyma import Field, Parenchyma
from triaged.lab.phantom.wall import ramp
from triaged.lab.portable import exp, power, steady

GRADES = {"none": (0.0, 0.0), "mild": (0.03, 0.20), "moderate": (0.28, 0.46), "severe": (0.55, 0.82)}
MOST_PATCHES = 60
FAR = np.float32(-200)

Kind = Literal["haze", "glass", "solid", "paving", "halo", "band", "arcade", "round"]
KINDS: tuple[Kind, ...] = ("glass", "solid", "paving", "halo", "band", "arcade", "round")
# Shares of the kinds of patches by stage of the disease: early, progressive, peak, absorption.
STAGES = np.array([
    [0.66, 0.03, 0.10, 0.02, 0.01, 0.00, 0.18],
    [0.42, 0.10, 0.28, 0.04, 0.03, 0.02, 0.11],
    [0.28, 0.25, 0.25, 0.06, 0.06, 0.05, 0.05],
    [0.36, 0.06, 0.08, 0.07, 0.22, 0.17, 0.04],
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Habit:
    """How this patient's disease spreads.

    `stage` 0 to 3: early, progressive, peak, absorption; `depth_mm`: how far from the pleura patches start;
    `posterior`, `lower`: preference for the back and the lower lobes (1 = none).
    """

    stage: int
    depth_mm: float
    posterior: float
    lower: float


@dataclass(frozen=True, slots=True)
class Spread:
    """The lesions of both lungs as a level field (n,) in mm, larger inside.

    `owner` (n,) is the patch that a voxel belongs to, an index into `kinds` and `size_mm` (about its half thickness).
    """

    level: F32
    owner: NDArray[np.int16]
    kinds: tuple[Kind, ...]
    size_mm: F32
    habit: Habit


def target_shares(rng: np.random.Generator, severity: str | tuple[float, float]) -> tuple[float, float]:
    """Return the wanted lesion share of (right, left) lung; a grade bounds the worse lung, right worse in 60 %."""
    if not isinstance(severity, str):
        return severity
    low, high = GRADES[severity]
    worse = float(rng.uniform(low, high))
    other = worse * steady(rng.beta(3, 1.5))
    if severity == "mild" and rng.random() < 0.2:
        other = 0.0
    return (worse, other) if rng.random() < 0.6 else (other, worse)


def draw_habit(rng: np.random.Generator) -> Habit:
    """Return one patient's habit: mostly peripheral, posterior and basal; in one of eight without such preference."""
    stage = int(rng.choice(4, p=[0.3, 0.3, 0.22, 0.18]))
    if rng.random() < 0.125:
        return Habit(stage, 80.0, 1.0, float(rng.uniform(0.5, 1.2)))
    return Habit(stage, float(rng.uniform(4, 14)), float(rng.uniform(2, 14)), float(rng.uniform(1.2, 3)))


def spread_disease(rng: np.random.Generator, field: Field, lung: Parenchyma, shares: tuple[float, float]) -> Spread:
    """Return the lesions that cover about these shares of the (right, left) lung.

    Discrete patches are added one by one until the share is reached; where much lung is involved, a fractal haze takes
    over that spares lobules and, often, the apices.
    """
    habit = draw_habit(rng)
    level = np.full(lung.x_mm.size, FAR, dtype=np.float32)
    owner = np.zeros(lung.x_mm.size, dtype=np.int16)
    kinds: list[Kind] = ["haze"]
    sizes = [12.0]
    cloud = haze(rng, field, lung, habit)
    weight = seeding(lung, habit)
    for is_right, share in ((True, shares[0]), (False, shares[1])):
        members = lung.is_right == is_right
        if share <= 0 or not members.any():
            continue
        diffuse = share * float(ramp(np.array([share], dtype=np.float32), 0.25, 0.75)[0]) * float(rng.uniform(0.6, 1))
        if diffuse > 0:
            level[members] = cloud[members] - share_threshold(cloud, members, diffuse)
        add_patches(rng, field, lung, (level, owner, kinds, sizes), members, share, weight * members, habit)
    ragged = 0.55 * field.noise(rng, float(rng.uniform(14, 24))) + 0.45 * field.noise(rng, float(rng.uniform(8, 11)))
    size_mm = np.array(sizes, dtype=np.float32)
    level += float(rng.uniform(0.15, 0.45)) * np.minimum(size_mm, 14)[owner] * ragged
    return Spread(level.astype(np.float32), owner, tuple(kinds), size_mm, habit)


def haze(rng: np.random.Generator, field: Field, lung: Parenchyma, habit: Habit) -> F32:
    """Return the level (n,) of diffuse disease: cloudy, worse at the back and the base, with spared lobules."""
    cloud = (
        9 * field.noise(rng, 40)
        + 4 * field.noise(rng, 18)
        + 12 * np.sqrt(habit.posterior - 0.9) * ramp(lung.down_mm, -70, 70)
    )
    cloud += float(rng.uniform(0, 10)) * exp(-lung.depth_mm / 20) - float(rng.uniform(0, 9)) * ramp(lung.z_mm, -70, 60)
    if rng.random() < 0.3:  # a thin rim under the pleura stays free
        cloud -= 25 * exp(-lung.depth_mm / 3)
    result: F32 = cloud.astype(np.float32)
    return result


def seeding(lung: Parenchyma, habit: Habit) -> F32:
    """Return the density (n,) with which patches start."""
    weight = exp(-lung.depth_mm / habit.depth_mm) * (1 + (habit.posterior - 1) * ramp(lung.down_mm, -50, 70))
    weight *= np.where((lung.lobe == 2) | (lung.lobe == 4), habit.lower, 1.0)
    result: F32 = weight.astype(np.float32)
    return result


def add_patches(
    rng: np.random.Generator,
    field: Field,
    lung: Parenchyma,
    state: tuple[F32, NDArray[np.int16], list[Kind], list[float]],
    members: Bool,
    share: float,
    weight: F32,
    habit: Habit,
) -> None:
    """Add patches to one lung until `share` of its voxels lie above level 0; `state` is changed in place."""
    level, owner, kinds, sizes = state
    total = int(members.sum())
    wanted = share * total
    count = 1 + rng.poisson(2 + 16 * np.sqrt(share))
    typical = power(wanted * float(np.prod(field.frame.spacing_mm)) / (count * 2.2), 1 / 3)
    for _ in range(MOST_PATCHES):
        covered = float((level[members] > 0).sum())
        if covered >= 0.97 * wanted:
            return
        kind = KINDS[int(rng.choice(len(KINDS), p=STAGES[habit.stage]))]
        centre = int(choose(rng, weight, 1)[0])
        across = float(np.clip(typical * exp(rng.normal(0, 0.45)), 3.5, 60))
        for _ in range(5):
            patch, size = draw_patch(rng, lung, kind, centre, across)
            gained = float((patch[members] > np.maximum(level[members], 0)).sum())
            if covered + gained <= 1.25 * wanted + 30:
                break
            across *= 0.7
        better = (patch > level) & members
        owner[better] = len(kinds)
        np.copyto(level, patch, where=better)
        kinds.append(kind)
        sizes.append(size)


def add_new_patches(
    rng: np.random.Generator, lung: Parenchyma, spread: Spread, limits: tuple[float, float], count: int
) -> Spread:
    """Return the spread with `count` further patches in each lung that is ill; `limits` are the borders' levels."""
    if count == 0:
        return spread
    level, owner = spread.level.copy(), spread.owner.copy()
    kinds, sizes = list(spread.kinds), list(spread.size_mm)
    weight = seeding(lung, spread.habit)
    for is_right, limit in ((True, limits[0]), (False, limits[1])):
        members = lung.is_right == is_right
        if not np.isfinite(limit) or not members.any():
            continue
        for _ in range(count):
            kind = KINDS[int(rng.choice(len(KINDS), p=STAGES[0]))]
            centre = int(choose(rng, weight * members, 1)[0])
            patch, size = draw_patch(rng, lung, kind, centre, float(rng.uniform(8, 22)))
            patch += np.float32(limit)
            better = (patch > level) & members
            owner[better] = len(kinds)
            np.copyto(level, patch, where=better)
            kinds.append(kind)
            sizes.append(size)
    return Spread(level, owner, tuple(kinds), np.array(sizes, dtype=np.float32), spread.habit)


def draw_patch(
    rng: np.random.Generator, lung: Parenchyma, kind: Kind, centre: int, across_mm: float
) -> tuple[F32, float]:
    """Return one patch as a level (n,) in mm, and its half thickness: bands are thin, the others flat or round."""
    depth = float(lung.depth_mm[centre])
    if kind == "band":
        half = float(rng.uniform(2.5, 5))
        at = depth if rng.random() < 0.3 else float(rng.uniform(2, 12))
        return pleural_level(lung, centre, max(across_mm * 1.6, 18), half, at), half
    if kind == "round":
        return pleural_level(lung, centre, across_mm, across_mm, depth), across_mm
    half = max(across_mm * float(rng.uniform(0.4, 0.85)), 3.0)
    return pleural_level(lung, centre, across_mm, half, depth), half
