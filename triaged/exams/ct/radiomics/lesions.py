"""Features of what is affected: how much, on which side, where in the lungs, how dense, and in how many pieces.

They are what readers name when they tell pneumonias apart: patches of ground glass in both lungs, or one dense lobe.
Must not know who finds lungs and lesions, or what the features are for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.imaging.regions import bounding_box, components
from triaged.imaging.resample import resample_in_plane
from triaged.imaging.volume import Mask, Volume

PIXEL_MM: Final = 2.0
LEAST_VOXELS: Final = 50
"""Of less lesion nothing is told but how much there is."""
PATCH_ML: Final = 0.3
"""A piece of lesion from this volume on is a patch, a smaller one a spot."""
GLASS_HU: Final = (-750.0, -300.0)
DENSE_HU: Final = -150.0
REST_GLASS_HU: Final = (-700.0, -400.0)
PERIPHERAL_MM: Final = 15.0
CORE_MM: Final = 6.0
"""What is deeper in the lung than this is no wall of the chest that the mask took in."""

Bool: TypeAlias = NDArray[np.bool_]
Named: TypeAlias = Iterator[tuple[str, float | np.number[Any]]]
LesionFeatures: TypeAlias = Mapping[str, float]
"""Values by name, those of `triaged.study.radiomics.LESIONS`; what cannot be told is not in it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Chest:
    """Lungs and lesion on pixels of 2 mm, cut to the lungs; rows run to the back, slices to the head."""

    hu: NDArray[np.float32]
    right: Bool
    left: Bool
    lesion: Bool
    spacing_mm: tuple[float, float, float]

    @property
    def lung(self) -> Bool:
        return self.right | self.left

    @property
    def voxel_ml(self) -> float:
        return float(np.prod(self.spacing_mm)) / 1000


def lesion_features(volume: Volume, right: Mask, left: Mask, lesion: Mask) -> LesionFeatures:
    """Return the features of the lesion within the lungs of a canonical volume; none where there is no lung."""
    box = bounding_box(right.voxels, left.voxels)
    if box is None:
        return {}
    geometry = volume.geometry.crop(box)
    masks = (
        _on_pixels(mask.voxels[box.slices], Volume(volume.voxels[box.slices], geometry))
        for mask in (right, left, lesion)
    )
    hu = resample_in_plane(Volume(volume.voxels[box.slices], geometry), PIXEL_MM)
    grey = hu.voxels.astype(np.float32, copy=False)
    on_right, on_left, affected = masks
    lung = on_right | on_left
    if not lung.any():
        return {}
    chest = _Chest(grey, on_right, on_left & ~on_right, affected & lung, hu.geometry.spacing_mm)
    found = dict(_extent(chest)) | dict(_rest(chest))
    if np.count_nonzero(chest.lesion) >= LEAST_VOXELS:
        found |= dict(_pieces(chest)) | dict(_density(chest)) | dict(_place(chest))
    return {f"lesions_{name}": float(value) for name, value in found.items()}


def _extent(chest: _Chest) -> Named:
    shares = [_share(chest.lesion, side) for side in (chest.right, chest.left)]
    worse, other = max(shares), min(shares)
    yield "share_of_worse_lung", worse
    yield "share_of_other_lung", other
    yield "balance", other / worse if worse else 0.0


def _pieces(chest: _Chest) -> Named:
    found = components(chest.lesion)
    sizes_ml = np.array(found.sizes) * chest.voxel_ml
    shares = sizes_ml / sizes_ml.sum()
    largest = found.labels == 1
    yield "patches", np.count_nonzero(sizes_ml >= PATCH_ML)
    yield "spots", np.count_nonzero(sizes_ml < PATCH_ML)
    yield "largest_share", shares[0]
    yield "effective_pieces", 1 / (shares**2).sum()
    yield "largest_dense", np.mean(chest.hu[largest] > DENSE_HU)


def _density(chest: _Chest) -> Named:
    hu = chest.hu[chest.lesion]
    yield "mean_hu", hu.mean()
    yield "percentile_10_hu", np.percentile(hu, 10)
    yield "deviation_hu", hu.std()
    yield "glass", np.mean((hu > GLASS_HU[0]) & (hu < GLASS_HU[1]))
    yield "dense", np.mean(hu >= DENSE_HU)
    rim = ndimage.binary_dilation(chest.lesion) & chest.lung & ~chest.lesion
    if rim.any():
        yield "contrast_hu", hu.mean() - chest.hu[rim].mean()


def _place(chest: _Chest) -> Named:
    depth_mm = ndimage.distance_transform_edt(chest.lung, sampling=chest.spacing_mm)
    own = depth_mm[chest.lesion]
    yield "depth_mm", own.mean()
    yield "peripheral", np.mean(own < PERIPHERAL_MM)
    core = chest.lesion & (depth_mm > CORE_MM)
    if core.any():
        yield "core_dense", np.mean(chest.hu[core] > DENSE_HU)
    slices, rows, _ = np.nonzero(chest.lesion)
    of_lung = np.nonzero(chest.lung)
    yield "height", _rank(of_lung[0], slices)
    yield "posterior", _rank(of_lung[1], rows)
    low, high = np.percentile(slices, (5, 95))
    yield "span", (high - low) / chest.lung.shape[0]
    yield "slices", np.count_nonzero(chest.lesion.any(axis=(1, 2))) / chest.lung.shape[0]


def _rest(chest: _Chest) -> Named:
    rest = chest.hu[chest.lung & ~chest.lesion]
    if rest.size:
        yield "rest_mean_hu", rest.mean()
        yield "rest_deviation_hu", rest.std()
        yield "rest_glass", np.mean((rest > REST_GLASS_HU[0]) & (rest < REST_GLASS_HU[1]))


def _share(lesion: Bool, lung: Bool) -> float:
    return int(np.count_nonzero(lesion & lung)) / max(int(np.count_nonzero(lung)), 1)


def _rank(of_all: NDArray[np.intp], own: NDArray[np.intp]) -> float:
    """Return the mean rank of some positions among all, in [0, 1]."""
    counts = np.cumsum(np.bincount(of_all))
    return float(counts[np.maximum(own - 1, 0)].mean() / counts[-1])


def _on_pixels(mask: Bool, volume: Volume) -> Bool:
    """Return a mask on the features' pixels: from one half on."""
    share = resample_in_plane(Volume(mask.astype(np.float32), volume.geometry), PIXEL_MM).voxels
    inside: Bool = share >= 0.5
    return inside
