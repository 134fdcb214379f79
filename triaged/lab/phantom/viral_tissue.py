"""What viral lesions look like: ground glass, crazy paving, consolidation, reversed halo, bands and arcades.

Densities from the phantom specification 4.3. Must not know: where lesions lie, scanners, other diseases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from triaged.lab.phantom.blobs import soft_step
from triaged.lab.phantom.options import F32
from triaged.lab.phantom.parenchyma import Field, Parenchyma
from triaged.lab.phantom.viral import MOST_PATCHES, Spread
from triaged.lab.portable import exp, log


@dataclass(frozen=True, slots=True)
class Look:
    """Densities by patch, each (patch,).

    `glass_hu`: ground glass; `soft_mm`: width of the border; `fade_mm`: how deep the density still rises inside;
    `core`: from which share of the depth inward it is consolidated (above 1.5 = nowhere); `solid_hu`: how dense then;
    `paving_hu`: density of thickened septa; `rim_mm`: thickness of a dense rim around a clearer centre, 0 = none.
    """

    glass_hu: F32
    soft_mm: F32
    fade_mm: F32
    core: F32
    solid_hu: F32
    paving_hu: F32
    rim_mm: F32


def draw_look(rng: np.random.Generator, spread: Spread, healthy_hu: float) -> Look:
    """Return the densities of the patches; those of one patient resemble each other.

    Always drawn for the same number of patches, so that a new patch leaves the others as they were.
    """
    n = 3 * MOST_PATCHES
    kind = np.array(spread.kinds + ("haze",) * (n - len(spread.kinds)))
    faint = rng.random() < (0.45, 0.25, 0.1, 0.35)[spread.habit.stage]
    contrast = float(rng.uniform(90, 190)) if faint else float(rng.uniform(170, 430))
    glass = healthy_hu + contrast * exp(rng.normal(0, 0.2, n)) + rng.normal(0, 20, n)
    glass = np.clip(glass, healthy_hu + 75, -300)
    soft = exp(rng.normal(log(2.2), 0.5, n)).clip(0.8, 5.5)
    fade = np.where(rng.random(n) < 0.5, rng.uniform(3, 14, n), 0.5)
    core = np.where(rng.random(n) < (0.1, 0.35, 0.5, 0.2)[spread.habit.stage], rng.uniform(0.25, 1.0, n), 2.0)
    core = np.where(kind == "solid", rng.uniform(-0.3, 0.4, n), core)
    core = np.where((kind == "band") & (rng.random(n) < 0.6), rng.uniform(-0.2, 0.3, n), core)
    core = np.where(np.isin(kind, ("halo", "arcade")), 2.0, core)
    paves = (kind == "paving") | ((kind == "haze") & (rng.random() < 0.5))
    paving = np.where(paves, rng.uniform(120, 320, n), 0.0)
    paving = np.where(kind == "arcade", rng.uniform(300, 650, n), paving)
    rim = np.where(kind == "halo", rng.uniform(2.5, 6, n), 0.0)
    tables = (glass, soft, fade, core, rng.uniform(-120, 50, n), paving, rim)
    return Look(*(t.astype(np.float32) for t in tables))


def apply_viral(
    rng: np.random.Generator,
    field: Field,
    lung: Parenchyma,
    spread: Spread,
    limits: tuple[float, float],
    denser_hu: float = 0.0,
) -> tuple[F32, F32]:
    """Whiten lung tissue by the lesions and return their opacity and how solid they are, (n,) each.

    Opacity is about 0.5 on the border; what is solid by at least one half is consolidation. A voxel is lesion where its
    level is above the limit of its (right, left) lung. `denser_hu` is added to all lesions.
    """
    look = draw_look(rng, spread, float(np.median(lung.hu)))
    own = spread.owner
    limit = np.where(lung.is_right, np.float32(limits[0]), np.float32(limits[1]))
    above = np.where(np.isfinite(limit), spread.level - limit, -200).astype(np.float32)
    inward = above / np.maximum(spread.size_mm, 2)[own]
    edge = above + float(rng.uniform(0.4, 1.4)) * field.noise(rng, 4.5)
    opacity = soft_step((edge / look.soft_mm[own]).astype(np.float32), 1.0)
    opacity *= np.clip(0.6 + 0.4 * above / look.fade_mm[own], 0.6, 1)
    target = look.glass_hu[own] + float(rng.uniform(15, 55)) * field.noise(rng, 10)
    target += 20 * field.noise(rng, 28) + float(rng.uniform(5, 45)) * field.noise(rng, 4)
    target += look.paving_hu[own] * septa(rng, field)
    core = inward + 0.35 * field.noise(rng, 14) + 0.2 * field.noise(rng, 6.5) - look.core[own]
    solid = soft_step(core * np.minimum(spread.size_mm, 15)[own], 1.4)
    ring = soft_step(look.rim_mm[own] - above + 0.8 * field.noise(rng, 9), 0.8) * (look.rim_mm[own] > 0)
    dense = np.minimum(look.solid_hu[own] + float(rng.uniform(10, 70)) * field.noise(rng, 7), 70)
    solid = np.maximum(solid, 0.9 * ring)
    target += solid * (dense - target)
    target = np.maximum(np.minimum(target + denser_hu, 75), lung.hu + 60)
    lung.hu[:] += opacity * (target - lung.hu)
    return opacity.astype(np.float32), (opacity * solid).astype(np.float32)


def septa(rng: np.random.Generator, field: Field) -> F32:
    """Return thin curved sheets (n,) in [0, 1] that divide the tissue into cells of about a lobule."""
    width = float(rng.uniform(3, 5))
    result: F32 = np.clip(1 - np.abs(field.noise(rng, float(rng.uniform(7, 13)))) * width, 0, 1).astype(np.float32)
    return result
