"""Tells consolidation from ground glass within the lesion, and how much of a lung is well aerated; knows no models.

Consolidation is coded as such, so it has to be that: a vessel that crosses ground glass is as dense, and is left out.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.exams.ct.finding import DENSE_HU, Tissue
from triaged.imaging.regions import bounding_box, remove_small_components
from triaged.imaging.volume import Mask, Volume

LEAST_ML: Final = 0.1
"""A solid body smaller than this is no consolidation."""
WORKING_MM: Final = 2.0
THIN_MM: Final = 2.4
"""Radius of the ball that has to fit in: a vessel and a bronchus' wall are thinner."""
RIM_MM: Final = 1.5
"""How far beyond the ball its surroundings still belong to the body, as a corner of it does."""
MAJORITY: Final = 14
"""Of 27 neighbours: as many above a value mean that their median is."""
WELL_AERATED_HU: Final = (-950, -700)
"""Lung that takes part in breathing (Colombi et al., Radiology 2020, doi 10.1148/radiol.2020201433)."""
SHALLOW_HU: Final = -750
"""Midway between the densest of four real chests at full inspiration (median of -800) and what is not well aerated."""

Region = NDArray[np.bool_]


def consolidation(volume: Volume, lesion: Mask) -> Mask:
    """Return the part of the lesion that is solid: above `DENSE_HU` in the median of 3 x 3 x 3, and no vessel."""
    found = np.zeros(lesion.voxels.shape, dtype=np.bool_)
    box = bounding_box(lesion.voxels)
    if box is not None:
        box = box.grown((1, 1, 1), lesion.geometry.shape)
        solid = _solid(volume.voxels[box.slices], lesion.voxels[box.slices])
        if solid.any():
            found[box.slices] = solid & _near_thick_parts(solid, lesion.geometry.spacing_mm)
    return Mask(found, lesion.geometry)


def is_shallow(volume: Volume, right: Mask, left: Mask, lesion: Mask) -> bool:
    """Tell whether more than half of the aerated lung that is no lesion is denser than lung at full inspiration.

    Either the breath was shallow, and healthy lung may have been called lesion, or there is haze that was not found.
    """
    aerated = dense = 0
    masks = right.voxels, left.voxels, lesion.voxels
    for hu, right_lung, left_lung, sick in zip(volume.voxels, *masks, strict=True):
        rest = hu[(right_lung | left_lung) & ~sick]
        aerated += int(np.count_nonzero(rest <= DENSE_HU))
        dense += int(np.count_nonzero((rest > SHALLOW_HU) & (rest <= DENSE_HU)))
    return 2 * dense > aerated


@dataclass(frozen=True, slots=True)
class Composition:
    """Voxels of a lung, and how many of them are lesion, consolidation and well-aerated lung."""

    lung: int
    lesion: int
    consolidation: int
    aerated: int

    @staticmethod
    def of(volume: Volume, lung: Mask, lesion: Mask, solid: Mask) -> Composition:
        """Return what one lung is made of; lesion, and the solid part of it, may reach beyond the lung."""
        counts = np.zeros(4, dtype=np.int64)
        low, high = WELL_AERATED_HU
        for hu, inside, sick, dense in zip(volume.voxels, lung.voxels, lesion.voxels, solid.voxels, strict=True):
            if inside.any():
                air = hu[inside]
                aerated = np.count_nonzero((air >= low) & (air <= high))
                counts += air.size, np.count_nonzero(sick[inside]), np.count_nonzero(dense[inside]), aerated
        return Composition(*counts.tolist())

    @property
    def affected_share(self) -> float:
        """Share of the lung that is lesion."""
        return self.lesion / self.lung if self.lung else 0.0

    def tissue(self, voxel_ml: float) -> Tissue:
        """Return it in millilitres and shares."""
        glass, whole = self.lesion - self.consolidation, max(self.lung, 1)
        return Tissue(
            consolidation_ml=self.consolidation * voxel_ml,
            ground_glass_ml=glass * voxel_ml,
            consolidation_share=self.consolidation / whole,
            ground_glass_share=glass / whole,
            well_aerated_share=self.aerated / whole,
        )

    def __add__(self, other: Composition) -> Composition:
        return Composition(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


def _solid(hu: NDArray[np.generic], lesion: Region) -> Region:
    """Return the lesion where most of the 27 voxels around are dense."""
    dense = np.zeros((hu.shape[0] + 2, *hu.shape[1:]), dtype=np.uint8)
    for plane, around in zip(hu, dense[1:-1], strict=True):
        around[:] = ndimage.convolve1d(
            ndimage.convolve1d((plane > DENSE_HU).view(np.uint8), (1, 1, 1), axis=0, mode="constant"),
            (1, 1, 1),
            axis=1,
            mode="constant",
        )
    dense[0], dense[-1] = dense[1], dense[-2]
    solid: Region = lesion & (dense[:-2] + dense[1:-1] + dense[2:] >= MAJORITY)
    return solid


def _near_thick_parts(solid: Region, spacing_mm: tuple[float, float, float]) -> Region:
    """Return where a ball of `THIN_MM` fits in, on a grid of about `WORKING_MM`; small bodies are left out."""
    steps = tuple(max(1, int(WORKING_MM / mm + 0.25)) for mm in spacing_mm)
    coarse = np.pad(_halved(solid, steps), 1)
    coarse_mm = [step * mm for step, mm in zip(steps, spacing_mm, strict=True)]
    reach_mm = THIN_MM + coarse_mm[1] / 2  # distances are between centres, and the surface is half a voxel nearer
    deep = ndimage.distance_transform_edt(coarse, sampling=coarse_mm) > reach_mm
    thick = np.zeros_like(coarse)
    if deep.any():
        thick = coarse & (ndimage.distance_transform_edt(~deep, sampling=coarse_mm) <= reach_mm + RIM_MM)
    thick = remove_small_components(thick, int(np.ceil(1000.0 * LEAST_ML / np.prod(coarse_mm))))[1:-1, 1:-1, 1:-1]
    for axis, step in enumerate(steps):
        thick = thick.repeat(step, axis=axis)
    whole: Region = thick[tuple(slice(0, size) for size in solid.shape)]
    return whole


def _halved(region: Region, steps: tuple[int, ...]) -> Region:
    """Return blocks of voxels of which at least half are inside; the last ones may be smaller."""
    padded = np.pad(region, [(0, -size % step) for size, step in zip(region.shape, steps, strict=True)])
    shape = [part for size, step in zip(padded.shape, steps, strict=True) for part in (size // step, step)]
    counts = padded.reshape(shape).sum(axis=(1, 3, 5), dtype=np.uint16)
    half: Region = 2 * counts >= np.prod(steps)
    return half
