"""One random patient: the sizes, positions and tissue densities that the organs are drawn from.

Sources of the ranges: the project's phantom specification 4.3 and 4.4 and the literature it quotes.
Must not know: grids, disease, scanners. A patient is drawn from its own random stream, so that build and tissue never
tell which disease follows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from triaged.lab.phantom.options import Posture, Variant
from triaged.lab.portable import exp, log, power, steady


@dataclass(frozen=True, slots=True)
class Tissue:
    """Densities in HU of the tissues of this patient."""

    fat: float
    muscle: float
    skin: float
    blood: float
    heart: float
    mediastinal_fill: float
    liver: float
    spleen: float
    marrow: float
    cortex: float
    cartilage: float
    airway: float
    lung: float
    lung_gradient: float
    vessel: float


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Sizes in mm in the frame of `frame.py`; `_r` patient right, `_l` patient left.

    `shift`: how far the mediastinum is displaced toward patient left; `missing_side`: -1 right, 1 left lung taken out,
    0 none; `air_side`, `air_mm`: side and thickness of a pneumothorax, `air_up` 1 where anterior is up, -1 prone;
    `blanket`: thickness; `cava_hu`: density of the superior cava, 0 = as blood.
    """

    is_female: bool
    half_width: float
    front: float
    back: float
    exponent: float
    narrow_top: float
    apex_r: float
    apex_l: float
    dome_r: float
    dome_l: float
    recess: float
    fat: float
    muscle: float
    breast: float
    shoulder: float
    arms_down: bool
    heart_scale: float
    heart_turn: float
    mediastinum: float
    spine_radius: float
    spine_depth: float
    scoliosis: float
    vertebra_pitch: float
    vertebra_phase: float
    rib_drop: float
    trachea: float
    aorta: float
    stomach_air: float
    gullet_air: float
    vessel_density: float
    fissure: float
    top: float
    bottom: float
    table: float
    tissue: Tissue
    shift: float = 0.0
    missing_side: int = 0
    air_side: int = 0
    air_mm: float = 0.0
    air_up: int = 1
    blanket: float = 0.0
    cava_hu: float = 0.0


def draw_tissue(rng: np.random.Generator, breath: float) -> Tissue:
    """Return tissue densities; `breath` in [0, 1] is 1 at full inspiration.

    One patient in four is contrast enhanced. Every mean is shifted independently (domain randomisation).
    """

    def around(mean: float, sd: float) -> float:
        return float(rng.normal(mean, sd))

    enhanced = rng.random() < 0.25
    blood = float(rng.uniform(110, 320)) if enhanced else around(42, 8)
    return Tissue(
        fat=around(-105, 12),
        muscle=around(50, 12),
        skin=around(20, 25),
        blood=blood,
        heart=0.6 * blood + 40 if enhanced else around(42, 8),
        mediastinal_fill=float(rng.uniform(-110, 15)),
        liver=around(95 if enhanced else 56, 12),
        spleen=around(110 if enhanced else 50, 10),
        marrow=float(rng.uniform(90, 280)),
        cortex=float(rng.uniform(450, 1100)),
        cartilage=float(rng.uniform(70, 170)),
        airway=float(rng.uniform(-1000, -960)),
        lung=float(np.clip(-874 + 185 * power(1 - breath, 1.4) + rng.normal(0, 22), -920, -640)),
        lung_gradient=float(rng.uniform(15, 60) + rng.uniform(40, 140) * (1 - breath)),
        vessel=blood if enhanced else around(40, 10),
    )


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Return a random adult; two in ten with the arms down, one in six at shallow breath."""
    is_female = bool(rng.random() < 0.5)
    bmi = float(np.clip(rng.normal(27, 5), 16, 45))
    breath = steady(rng.beta(4, 1.2)) if rng.random() < 0.82 else float(rng.uniform(0, 0.6))
    size = float(rng.normal(1.03, 0.065)) * (0.95 if is_female else 1.04)
    half_width = 137 * size * float(rng.normal(1, 0.04))
    depth = (82 + 0.5 * (bmi - 26)) * size * float(rng.normal(1, 0.08))
    apex = float(rng.uniform(62, 98)) * size
    dome = (-58 - 48 * breath + float(rng.normal(0, 8))) * size
    fat = float(np.clip(exp(log(4 + 0.9 * max(bmi - 18, 0)) + rng.normal(0, 0.35)), 2, 60))
    recess = float(rng.uniform(50, 85)) * (0.6 + 0.4 * breath) * size
    return Anatomy(
        is_female=is_female,
        half_width=half_width,
        front=depth,
        back=depth * float(rng.normal(1.0, 0.04)),
        exponent=float(rng.uniform(2.1, 2.8)),
        narrow_top=float(rng.uniform(0.72, 0.86)),
        apex_r=apex,
        apex_l=apex + float(rng.normal(0, 5)),
        dome_r=dome,
        dome_l=dome - float(rng.uniform(2, 20)),
        recess=recess,
        fat=fat,
        muscle=float(rng.uniform(8, 20)) * (0.85 if is_female else 1.1),
        breast=float(rng.uniform(15, 65)) if is_female else 0.0,
        shoulder=float(rng.uniform(25, 65)),
        arms_down=bool(rng.random() < 0.2),
        heart_scale=float(rng.normal(1.0, 0.09)) * size,
        heart_turn=float(rng.uniform(0.5, 0.95)),
        mediastinum=float(rng.normal(1.0, 0.13)),
        spine_radius=float(rng.uniform(15, 20)),
        spine_depth=float(rng.uniform(0.8, 1.8)),
        scoliosis=float(rng.normal(0, 4)),
        vertebra_pitch=float(rng.uniform(22, 27)),
        vertebra_phase=float(rng.uniform(0, 27)),
        rib_drop=float(rng.uniform(75, 135)),
        trachea=float(rng.uniform(7, 10)) * size,
        aorta=float(rng.uniform(11, 16)),
        stomach_air=float(rng.uniform(0, 1)),
        gullet_air=float(max(rng.uniform(-6, 5), 0)),
        vessel_density=float(rng.uniform(0.8, 1.6)),
        fissure=float(rng.uniform(0.0, 0.5)),
        top=apex + float(rng.uniform(8, 45)),
        bottom=dome - recess - float(rng.uniform(-5, 70)),
        table=float(rng.uniform(2, 18)),
        tissue=draw_tissue(rng, breath),
    )


def vary_anatomy(rng: np.random.Generator, anatomy: Anatomy, variant: Variant, posture: Posture) -> Anatomy:
    """Return the patient with the wanted rarity, with a blanket in one of ten, and undiluted contrast in some."""
    side = int(rng.choice([-1, 1]))
    amount = float(rng.uniform(0, 1))
    dense_cava = anatomy.tissue.blood > 105 and rng.random() < 0.4
    changed = replace(
        anatomy,
        blanket=float(rng.uniform(4, 25)) if rng.random() < 0.1 else 0.0,
        cava_hu=float(rng.uniform(500, 1500)) if dense_cava else 0.0,
        air_up=1 if posture == "supine" else -1,
    )
    if variant == "shifted":
        return replace(changed, shift=side * (12 + 24 * amount))
    if variant == "single_lung":
        return replace(changed, missing_side=side, shift=side * (25 + 20 * amount))
    if variant == "pneumothorax":
        return replace(changed, air_side=side, air_mm=8 + 50 * amount * amount, shift=-side * 15 * amount * amount)
    return changed
