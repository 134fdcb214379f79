"""Brings reference masks onto the grid of the images and counts what they say; must not know the pipeline's findings.

Masks of public sets often carry a header that is not that of the images. Where both have as many voxels along each
axis, the images' grid counts; otherwise a mask is placed by its own header, nearest neighbour. Either is noted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triaged.errors import UnreadableStudy
from triaged.exams.ct.pipelines.split import LEFT, RIGHT, SplitMethod, split
from triaged.imaging.geometry import Geometry, canonical_reorientation
from triaged.imaging.volume import Mask
from triaged.lab.evaluation.images import Images
from triaged.lab.evaluation.nifti import FRAME, NiftiImage, read_nifti
from triaged.study.assessment import ReasonCode

Labels = NDArray[np.int16]
Region = NDArray[np.bool_]

HIGHEST_LABEL: Final = 32_767
SAME_VOXEL: Final = 0.5
"""Grids whose corners lie closer than this, in voxels, are one grid."""
EXACT_VOXEL: Final = 0.01
APART_MM: Final = 60.0
LEAST_RATIO: Final = 0.2
"""Two labels are right and left lung if their centres are so far apart along x and neither is much the smaller."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceLungs:
    """Reference lungs on the volume's grid.

    `right` and `left` are the mask's own two labels (`by_label`), or what the pipeline's rule makes of one label; both
    None where that finds one lung only.
    """

    lung: Region
    right: Region | None
    left: Region | None
    by_label: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceLesions:
    """Reference lesions of all classes together on the volume's grid."""

    lesion: Region
    notes: tuple[str, ...]


def read_lungs(path: Path, images: Images) -> ReferenceLungs:
    """Return the reference lungs of a case; every label above 0 is lung.

    Raises:
        UnreadableStudy: the file is no mask that lies on the images.
    """
    labels, notes = _read_labels(path, images, "lungs")
    lung = labels > 0
    geometry = images.volume.geometry
    sides = _labelled_sides(labels, geometry)
    if sides is not None:
        return ReferenceLungs(lung, *sides, True, notes)
    parted = split(Mask(lung.copy(), geometry))
    if parted.method is SplitMethod.SINGLE:
        return ReferenceLungs(lung, None, None, False, (*notes, "the reference lungs could not be told apart"))
    return ReferenceLungs(lung, parted.labels == RIGHT, parted.labels == LEFT, False, notes)


def read_lesions(path: Path, images: Images) -> ReferenceLesions:
    """Return the reference lesions of a case; every label above 0 is lesion.

    Raises:
        UnreadableStudy: the file is no mask that lies on the images.
    """
    labels, notes = _read_labels(path, images, "lesions")
    return ReferenceLesions(labels > 0, notes)


def worse_share(lesion: Region, lung: Region, right: Region | None, left: Region | None) -> float | None:
    """Return the larger of both lungs' lesion shares, of all lung where there are no sides; None without lung.

    Lesion outside the lungs is ignored (Goncharov et al., section 2.2).
    """
    sides = [side for side in (right, left) if side is not None and side.any()]
    parts = sides if len(sides) == 2 else [lung]
    if not lung.any():
        return None
    return max(int(np.count_nonzero(lesion & part)) / int(np.count_nonzero(part)) for part in parts)


def _read_labels(path: Path, images: Images, column: str) -> tuple[Labels, tuple[str, ...]]:
    mask = read_nifti(path)
    labels, notes = _on_grid(_labels(mask.voxels), mask, images, path)
    if not labels.any() and mask.voxels.any():
        raise UnreadableStudy(
            ReasonCode.CORRUPT, f"expected {column} that lie on the images, found none in {path.name}"
        )
    return labels, tuple(f"{column}: {note}" for note in (*mask.notes, *notes))


def _labels(voxels: NDArray[Any]) -> Labels:
    """Return whole numbers; of shares between 0 and 1, which interpolation leaves, those from one half count."""
    labels = np.empty(voxels.shape, dtype=np.int16)
    for index, plane in enumerate(voxels):
        values = np.floor(np.nan_to_num(plane) + 0.5) if voxels.dtype.kind == "f" else plane
        labels[index] = np.minimum(np.asarray(values, dtype=np.float32), HIGHEST_LABEL)
    return labels


def _on_grid(labels: Labels, mask: NiftiImage, images: Images, path: Path) -> tuple[Labels, tuple[str, ...]]:
    target, source = images.volume.geometry, images.source
    if _corners_apart(mask.geometry, source) < EXACT_VOXEL:
        return np.ascontiguousarray(images.reorientation.apply(labels)), ()
    placed = Geometry(images.correction @ mask.geometry.affine, mask.geometry.shape, FRAME)
    own = canonical_reorientation(placed)
    apart = _corners_apart(own.geometry(placed), target)
    if apart < SAME_VOXEL:
        notes = () if apart < EXACT_VOXEL else (f"grid up to {apart:.2f} voxels off the images'; took the images'",)
        return np.ascontiguousarray(own.apply(labels)), notes
    if labels.shape == source.shape:
        return (
            np.ascontiguousarray(images.reorientation.apply(labels)),
            ("the header places the mask elsewhere than the images, on as many voxels; took the images' grid",),
        )
    turned = own.apply(labels)
    if turned.shape == target.shape:
        return np.ascontiguousarray(turned), ("the header places the mask off the images; took the images' grid",)
    if not mask.is_placed:
        raise UnreadableStudy(
            ReasonCode.CORRUPT,
            f"expected a mask of {source.shape} voxels or one that says where it lies, found {labels.shape} "
            f"voxels and no place in {path.name}",
        )
    to_mask = np.linalg.inv(placed.affine) @ target.affine
    moved = ndimage.affine_transform(
        labels, to_mask[:3, :3], to_mask[:3, 3], output_shape=target.shape, order=0, mode="grid-constant", cval=0
    )
    return moved, (f"has {labels.shape} voxels, not {source.shape}; resampled by its header",)


def _corners_apart(first: Geometry, second: Geometry) -> float:
    """Return by how many voxels the corners of two grids lie apart, infinity where their shapes differ."""
    if first.shape != second.shape:
        return float("inf")
    corners = [
        tuple(float(end * (size - 1)) for end, size in zip(ends, first.shape, strict=True))
        for ends in product((0, 1), repeat=3)
    ]
    apart = []
    for corner in corners:
        index = (corner[0], corner[1], corner[2])
        x, y, z = (float(mm) for mm in first.position_mm(index))
        apart.append(float(np.abs(second.index_of((x, y, z)) - np.asarray(index)).max()))
    return max(apart)


def _labelled_sides(labels: Labels, geometry: Geometry) -> tuple[Region, Region] | None:
    """Return right and left lung where the mask has just two labels that lie side by side."""
    present = np.unique(labels[labels > 0])
    if present.size != 2:
        return None
    sides = [labels == label for label in present]
    counts = [int(np.count_nonzero(side)) for side in sides]
    if min(counts) < LEAST_RATIO * max(counts):
        return None
    x_mm = [_centre_x_mm(side, geometry) for side in sides]
    if abs(x_mm[0] - x_mm[1]) < APART_MM:
        return None
    return (sides[0], sides[1]) if x_mm[0] < x_mm[1] else (sides[1], sides[0])


def _centre_x_mm(region: Region, geometry: Geometry) -> float:
    index = [
        float(np.average(np.arange(size), weights=region.sum(axis=tuple({0, 1, 2} - {axis}))))
        for axis, size in enumerate(region.shape)
    ]
    return float(geometry.position_mm((index[0], index[1], index[2]))[0])
