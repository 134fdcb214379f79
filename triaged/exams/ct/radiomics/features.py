"""Radiomic features of the lungs of one CT: what their greys and textures are, as numbers that anybody can recompute.

Features and bins are those of Bao et al.: first order, co-occurrence, runs and zones of the lungs, and
co-occurrence and runs of their eight coiflet sub-bands; on voxels of 2 mm. Must not know who
finds the lungs, or what features are for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from triaged.exams.ct.radiomics import cooccurrence, intensity, runs, zones
from triaged.exams.ct.radiomics.levels import levels
from triaged.exams.ct.radiomics.wavelet import REACH, sub_bands
from triaged.imaging.geometry import Box
from triaged.imaging.regions import bounding_box
from triaged.imaging.resample import resample_in_plane, stretched
from triaged.imaging.volume import Mask, Volume
from triaged.study.radiomics import RADIOMICS, WAVELET

VOXEL_MM: Final = 2.0
HU: Final = (-1024.0, 976.0)
"""Values beyond are set to these (Bao et al. keep 0 to 2000 of HU + 1024)."""
LEAST_VOXELS: Final = 1000

Features: TypeAlias = Mapping[str, float]
"""Values by name: `glcm_contrast` of the lungs, `coif1_LLH_glcm_contrast` of a sub-band."""
NAMES: Final = tuple(RADIOMICS)
"""The names of all features, in their order."""


@dataclass(frozen=True, slots=True)
class NoFeatures:
    """Why a region has no features."""

    reason: str


def features_of_lungs(volume: Volume, lungs: Mask) -> Features | NoFeatures:
    """Return all features of the lungs of a canonical volume; a reason where too little of them is there to measure.

    Lungs and volume are brought to voxels of 2 mm, linearly; a voxel belongs to the lungs from one half on.
    """
    box = bounding_box(lungs.voxels)
    if box is None:
        return NoFeatures(f"expected lungs of at least {LEAST_VOXELS} voxels, found none")
    margin = [int(np.ceil(REACH * VOXEL_MM / spacing)) for spacing in volume.geometry.spacing_mm]
    box = box.grown((margin[0], margin[1], margin[2]), volume.geometry.shape)
    hu = _on_voxels(volume.voxels, volume, box)
    return features(np.clip(hu, *HU), _on_voxels(lungs.voxels, volume, box) >= 0.5, VOXEL_MM**3)


def features(values: NDArray[np.floating], inside: NDArray[np.bool_], voxel_mm3: float) -> Features | NoFeatures:
    """Return all features of a region of an image that is sampled as finely as they are wanted."""
    found = values[inside]
    if found.size < LEAST_VOXELS:
        return NoFeatures(f"expected lungs of at least {LEAST_VOXELS} voxels, found {found.size}")
    if found.min() == found.max():
        return NoFeatures(f"expected greys that differ, found {found[0]:.0f} alone")
    grey = levels(values, inside)
    own = {
        "firstorder": intensity.first_order(found, grey, voxel_mm3),
        "glcm": cooccurrence.cooccurrence(grey),
        "glrlm": runs.runs(grey),
        "glszm": zones.zones(grey),
    }
    named = {f"{family}_{name}": value for family, each in own.items() for name, value in each.items()}
    for band, filtered in sub_bands(values):
        of_band = levels(filtered, inside)
        for family, each in (("glcm", cooccurrence.cooccurrence(of_band)), ("glrlm", runs.runs(of_band))):
            named |= {f"{WAVELET}_{band}_{family}_{name}": value for name, value in each.items()}
    return {name: named[name] for name in NAMES}


def _on_voxels(voxels: NDArray[np.generic], volume: Volume, box: Box) -> NDArray[np.float32]:
    """Return a block of voxels on the features' grid, which begins where the block does."""
    geometry = volume.geometry.crop(box)
    block = resample_in_plane(Volume(voxels[box.slices].astype(np.float32), geometry), VOXEL_MM).voxels
    slices = max(1, round(block.shape[0] * geometry.spacing_mm[0] / VOXEL_MM))
    return stretched(block.astype(np.float32, copy=False), slices)
