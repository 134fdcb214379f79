"""What pasting must know of real lung: place and depth of every voxel, its density without vessels, its noise.

Must not know lesions or files. Arrays (n,) run over the voxels of both lungs in the order of `Parenchyma.index`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from triaged.exams.ct.pipelines.split import LEFT, RIGHT
from triaged.lab.phantom.frame import Frame, make_frame
from triaged.lab.phantom.lungs import lobe_fields
from triaged.lab.phantom.options import F32, Bool
from triaged.lab.phantom.parenchyma import Field, Parenchyma, make_field
from triaged.lab.sources.fields import ramp
from triaged.lab.sources.scene import Scene

TISSUE_HU: Final = 40.0
"""Density that a voxel approaches as fluid and cells replace its air; unenhanced vessels already have it."""
CARINA_SHARE: Final = 0.6
"""Height of the carina between lung base (0) and apex (1), about."""
AIRWAY_BELOW_HU: Final = (55.0, 95.0)
"""How far below the tissue around it the smoothed lumen of a bronchus lies: no, and certainly."""

WIDENING: Final = 1.2
"""How much of a vessel's brightness its neighbours gain at most: vessels in lesions are wider in two of three patients
(phantom specification 4.4.6)."""


@dataclass(frozen=True, slots=True, eq=False)
class Tissue:
    """The lungs of one scene.

    Attributes:
        frame: places of voxels in mm; the origin is near the carina.
        lung: position, depth below the surface, side and assumed lobe; its `hu` is `base`.
        field: makes random fields at these voxels.
        base: (n,) HU of the parenchyma around, vessels left out.
        noise_hu: (n,) standard deviation of noise and fine texture around.
        airway: (n,) how far a voxel is the lumen of a bronchus, in [0, 1].
    """

    frame: Frame
    lung: Parenchyma
    field: Field
    base: F32
    noise_hu: F32
    airway: F32


def measure_tissue(scene: Scene, rng: Generator) -> Tissue:
    """Return the lungs' tissue; `rng` draws the fissures, which are not looked for."""
    mask = scene.labels > 0
    index = np.flatnonzero(mask)
    frame = _frame(scene, mask)
    slices, pixel = np.divmod(index, frame.x_mm.size)
    x, y, z = frame.x_mm.ravel()[pixel], frame.y_mm.ravel()[pixel], frame.z_mm[slices]
    is_right = scene.labels.ravel()[index] == RIGHT
    box = _box(mask)
    inner, hu = mask[box], scene.hu[box]
    sampling = scene.spacing_mm
    depth = ndimage.distance_transform_edt(np.pad(inner, 1), sampling=sampling)[1:-1, 1:-1, 1:-1][inner]
    base = _mean_around(np.clip(hu, -1000, -480), inner, 6.0, sampling)
    smooth = ndimage.gaussian_filter(hu, (0, 0.7, 0.7))
    fine = np.clip(hu - smooth, -120, 120)
    plain = inner & (np.abs(smooth - base) < 90)
    noise = 1.25 * np.sqrt(_mean_around(fine * fine, plain, 14.0, sampling)[inner])
    airway = ramp((base - smooth)[inner], *AIRWAY_BELOW_HU)
    right, horizontal, left = lobe_fields(rng, x, y, z)
    lobe = np.where(is_right, np.where(right < 0, 2, np.where(horizontal < 0, 1, 0)), np.where(left < 0, 4, 3))
    lung = Parenchyma(
        index=index,
        x_mm=x,
        y_mm=y,
        z_mm=z,
        surface_mm=-depth.astype(np.float32),
        depth_mm=depth.astype(np.float32),
        down_mm=y,
        is_right=is_right,
        lobe=lobe.astype(np.int8),
        hu=base[inner].copy(),
    )
    return Tissue(frame, lung, make_field(frame, index), base[inner], noise.astype(np.float32), airway)


def replace_air(scene: Scene, tissue: Tissue, share: F32, rng: Generator) -> F32:
    """Return the scene with `share` (n,) of the air in each lung voxel replaced by soft tissue.

    So parenchyma rises to its target while vessels and walls, which hold no air, keep their HU; a negative share takes
    tissue away. Bronchi keep their air. The texture that this takes away is given back as noise of the same size.
    Voxels next to the lungs that are partly lung follow; nothing farther changes.
    """
    changed = scene.hu.copy()
    within = np.zeros(scene.hu.shape, dtype=np.float32)
    within.ravel()[tissue.lung.index] = share * (1 - tissue.airway)
    changed += float(rng.uniform(0, WIDENING)) * np.clip(within, 0, 0.5) * _beside_vessels(scene, tissue)
    rim = ndimage.maximum_filter(within, size=(1, 3, 3))
    rim[(scene.labels > 0) | (scene.hu > TISSUE_HU)] = 0
    rim *= ramp(scene.hu, -920, -750)  # a bronchus next to the lung keeps its air too
    within += rim
    changed += within * np.maximum(TISSUE_HU - changed, 0)
    kept = 1 - np.clip(np.abs(share), 0, 1)
    lost = np.sqrt(1 - kept * kept) * tissue.noise_hu * float(rng.uniform(0.6, 0.95))
    changed.ravel()[tissue.lung.index] += lost * _grain(scene, tissue, rng)
    return changed


def _beside_vessels(scene: Scene, tissue: Tissue) -> F32:
    """Return by how many HU the brightest neighbour in plane exceeds a lung voxel, where that is a vessel."""
    rise = ndimage.maximum_filter(scene.hu, size=(1, 3, 3)) - scene.hu
    base = np.full(scene.hu.shape, TISSUE_HU, dtype=np.float32)
    base.ravel()[tissue.lung.index] = tissue.base
    gained = rise * ramp(scene.hu + rise - base, 150, 400) * _deep(scene, tissue)
    return np.asarray(gained, dtype=np.float32)


def _deep(scene: Scene, tissue: Tissue) -> Bool:
    """Return the lung voxels whose neighbours are lung too."""
    deep = np.zeros(scene.hu.shape, dtype=np.bool_)
    deep.ravel()[tissue.lung.index] = tissue.lung.depth_mm > 2 * scene.spacing_mm[1]
    return deep


def _grain(scene: Scene, tissue: Tissue, rng: Generator) -> F32:
    """Return noise (n,) of standard deviation 1, a little correlated in plane."""
    box = _box(scene.labels > 0)
    white = rng.standard_normal(scene.labels[box].shape, dtype=np.float32)
    grain = ndimage.gaussian_filter(white, (0, 0.45, 0.45), truncate=3)
    full = np.zeros(scene.labels.shape, dtype=np.float32)
    full[box] = grain / max(float(grain.std()), 1e-6)
    result: F32 = full.ravel()[tissue.lung.index]
    return result


def _frame(scene: Scene, mask: Bool) -> Frame:
    """Return the grid's frame: x = 0 midway between the lungs, y = 0 in their middle, z = 0 about at the carina."""
    count, rows, columns = mask.shape
    slices = np.flatnonzero(mask.any(axis=(1, 2)))
    middle_row = float(np.flatnonzero(mask.any(axis=(0, 2)))[[0, -1]].mean())
    sides = [np.flatnonzero((scene.labels == side).any(axis=(0, 1))) for side in (RIGHT, LEFT)]
    middle_column = float(np.mean([side.mean() for side in sides if side.size]))
    carina = slices[0] + CARINA_SHARE * (slices[-1] - slices[0])
    z = ((np.arange(count) - carina) * scene.spacing_mm[0]).astype(np.float32)
    matrix, pixel_mm = max(rows, columns), scene.spacing_mm[1]
    centre = (matrix - 1) / 2
    frame = make_frame(
        z, matrix, pixel_mm, ((middle_column - centre) * pixel_mm, (middle_row - centre) * pixel_mm), 0.0, pixel_mm
    )
    parts = {name: getattr(frame, name)[:rows, :columns] for name in ("x_mm", "y_mm", "radius_mm", "angle")}
    return replace(frame, **parts)


def _box(mask: Bool) -> tuple[slice, slice, slice]:
    found: tuple[slice, slice, slice] = ndimage.find_objects(mask.astype(np.uint8))[0]
    return found


def _mean_around(values: F32, members: Bool, sigma_mm: float, spacing_mm: tuple[float, float, float]) -> F32:
    """Return the mean of the members within about `sigma_mm`, weighted by distance."""
    sigma = [sigma_mm / mm for mm in spacing_mm]
    weight = ndimage.gaussian_filter(members.astype(np.float32), sigma, truncate=2.5)
    total = ndimage.gaussian_filter(np.where(members, values, 0).astype(np.float32), sigma, truncate=2.5)
    overall = float(values[members].mean()) if members.any() else 0.0
    result: F32 = np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), overall).astype(np.float32)
    return result
