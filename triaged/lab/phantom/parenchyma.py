"""Lung tissue as a flat list of voxels, its normal texture, and the hard negatives of healthy lungs.

Must not know: disease, scanners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triaged.lab.phantom.anatomy import Anatomy
from triaged.lab.phantom.frame import Frame, coverage
from triaged.lab.phantom.lungs import lobe_fields
from triaged.lab.phantom.options import F32, Bool, Posture
from triaged.lab.phantom.texture import draw_knots, field
from triaged.lab.phantom.wall import ramp
from triaged.lab.portable import exp, power, tanh

SLAB_VOXELS = 8_000_000


@dataclass(frozen=True, slots=True)
class LungVoxels:
    """The geometry of every voxel touched by lung, as parallel arrays (n,); see Parenchyma for their meaning."""

    index: NDArray[np.int64]
    surface_mm: F32
    depth_mm: F32
    is_right: Bool


@dataclass(frozen=True, slots=True)
class Parenchyma:
    """Every voxel touched by lung, as parallel arrays (n,).

    `index`: flat index into the grid, rising; `x_mm`, `y_mm`, `z_mm`: position; `surface_mm`: signed distance to the
    lung's surface, negative inside; `depth_mm`: distance below ribs or diaphragm;
    `down_mm`: height along gravity, growing toward the dependent side; `is_right`: side; `lobe`: 0 right upper,
    1 middle, 2 right lower, 3 left upper, 4 left lower; `hu`: tissue density, which disease changes in place.
    """

    index: NDArray[np.int64]
    x_mm: F32
    y_mm: F32
    z_mm: F32
    surface_mm: F32
    depth_mm: F32
    down_mm: F32
    is_right: Bool
    lobe: NDArray[np.int8]
    hu: F32

    def between(self, part: slice, offset: int) -> Parenchyma:
        """Return some of the voxels, their indices counted from `offset`."""
        arrays = {name: getattr(self, name)[part] for name in self.__slots__}
        arrays["index"] = arrays["index"] - offset
        return Parenchyma(**arrays)


@dataclass(frozen=True, slots=True)
class Field:
    """Makes random fields at the lung's voxels: `local` are their flat indices in their bounding box of `shape`."""

    frame: Frame
    shape: tuple[int, int, int]
    local: NDArray[np.int64]

    def noise(self, rng: np.random.Generator, scale_mm: float) -> F32:
        """Return a field (n,) of mean 0 and standard deviation about 1, correlated over `scale_mm`."""
        knots = draw_knots(rng, self.shape, self.frame.spacing_mm, scale_mm)
        plane = self.shape[1] * self.shape[2]
        thick = max(1, SLAB_VOXELS // plane)
        out = np.empty(self.local.size, dtype=np.float32)
        for start in range(0, self.shape[0], thick):
            stop = min(start + thick, self.shape[0])
            part = slice(*np.searchsorted(self.local, [start * plane, stop * plane]))
            out[part] = field(knots, start, stop).ravel()[self.local[part] - start * plane]
        return out


def make_field(frame: Frame, index: NDArray[np.int64]) -> Field:
    """Return a field maker confined to the smallest box around the voxels `index`."""
    at = np.stack(np.unravel_index(index, frame.shape))
    low, high = at.min(axis=1), at.max(axis=1) + 1
    size = high - low
    local = ((at[0] - low[0]) * size[1] + at[1] - low[1]) * size[2] + at[2] - low[2]
    return Field(frame, (int(size[0]), int(size[1]), int(size[2])), local)


def build_parenchyma(
    rng: np.random.Generator, frame: Frame, anatomy: Anatomy, voxels: LungVoxels, posture: Posture
) -> tuple[Parenchyma, Field]:
    """Return healthy lung tissue: base density, gravity gradient, texture, mosaic and, in some, emphysema."""
    field = make_field(frame, voxels.index)
    k, pixel = np.divmod(voxels.index, frame.x_mm.size)
    x, y, z = frame.x_mm.ravel()[pixel], frame.y_mm.ravel()[pixel], frame.z_mm[k]
    is_right = voxels.is_right
    down = y if posture == "supine" else -y
    right, horizontal, left = lobe_fields(rng, x, y, z)
    lobe = np.where(is_right, np.where(right < 0, 2, np.where(horizontal < 0, 1, 0)), np.where(left < 0, 4, 3))
    tissue = anatomy.tissue
    hu = tissue.lung + tissue.lung_gradient * down / (anatomy.back + anatomy.front)
    hu += 12 * field.noise(rng, 22) + float(rng.uniform(10, 26)) * field.noise(rng, 5)
    airless = float(np.clip((tissue.lung + 800) / 100, 0, 1))  # trapped air shows in shallow breath
    patchy = rng.random() < 0.15 + 0.4 * airless
    mosaic = float(rng.uniform(25, 60)) * (1 + airless) if patchy else float(rng.uniform(0, 14))
    hu += mosaic * tanh(3 * field.noise(rng, 17) - airless)
    hu = np.maximum(hu, -990)
    fissures = np.where(is_right, np.minimum(np.abs(right), np.where(right > 0, np.abs(horizontal), 99)), np.abs(left))
    line = coverage(fissures - 0.5 * frame.edge_mm, frame.edge_mm) * anatomy.fissure * ramp(field.noise(rng, 25), -1, 0)
    hu += line * 250
    tissue_voxels = Parenchyma(
        voxels.index, x, y, z, voxels.surface_mm, voxels.depth_mm, down, is_right, lobe.astype(np.int8),
        hu.astype(np.float32),
    )  # fmt: skip
    add_emphysema(rng, field, tissue_voxels)
    add_dependent_density(rng, field, tissue_voxels)
    return tissue_voxels, field


def add_emphysema(rng: np.random.Generator, field: Field, lung: Parenchyma) -> None:
    """Sink holes toward air in one patient of seven, mostly in the upper zones; a third of these also have bullae."""
    if rng.random() > 0.14:
        return
    holes = field.noise(rng, float(rng.uniform(7, 16))) + 0.6 * ramp(lung.z_mm, -60, 60)
    start = float(rng.uniform(0.3, 1.8))
    strength = ramp(holes, start, start + float(rng.uniform(0.5, 1.2)))
    if rng.random() < 0.33:
        bullae = field.noise(rng, 30) + exp(-lung.depth_mm / 8) + ramp(lung.z_mm, -20, 70) - float(rng.uniform(3, 4))
        strength = np.maximum(strength, ramp(bullae.astype(np.float32), 0, 0.2))
    lung.hu[:] += strength * (np.float32(-975) - lung.hu)


def add_dependent_density(rng: np.random.Generator, field: Field, lung: Parenchyma) -> None:
    """Add the haze of the dependent lung in half of all patients: in some of them dense, but never a lesion.

    A band of 3 to 10 mm along the lowest pleura, smooth along it; heavy ones are thicker and nearly solid at the wall.
    """
    if rng.random() > 0.5:
        return
    heavy = rng.random() < 0.25
    reach = float(rng.uniform(6, 11)) if heavy else float(rng.uniform(2.5, 8))
    low = float(np.percentile(lung.down_mm, 80 if heavy else 85))
    band = exp(-power(lung.depth_mm / reach, float(rng.uniform(1, 1.8)))) * ramp(lung.down_mm, low - 25, low + 15)
    band = band * np.clip(0.85 + 0.3 * field.noise(rng, 22), 0, 1.2)
    band = band * (1 - float(rng.uniform(0, 0.9)) * ramp(lung.z_mm, -60, 50))
    lung.hu[:] += band.astype(np.float32) * np.float32(rng.uniform(300, 560) if heavy else rng.uniform(90, 330))
    np.minimum(lung.hu, 20, out=lung.hu)
