"""Reads NIfTI files into arrays with their place in the patient; the only importer of nibabel.

Must not know what the values mean. NIfTI places voxels in RAS millimetres (x to the right, y to the front); everything
here leaves as LPS, with the file's own order of axes.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from triaged.errors import UnreadableStudy
from triaged.imaging.geometry import Geometry
from triaged.study.assessment import ReasonCode

RAS_TO_LPS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])
UNIT_MM: Final = {"meter": 1000.0, "micron": 0.001}
DAMAGED: Final = (ImageFileError, HeaderDataError, OSError, EOFError, zlib.error, ValueError, KeyError, TypeError)
FRAME: Final = "nifti"
"""Stands where a Frame of Reference UID would: NIfTI has none."""


@dataclass(frozen=True, slots=True, eq=False)
class NiftiImage:
    """An array of three axes with the file's scaling applied, and where its voxels lie.

    `is_placed` tells whether the header says so, by sform or qform; where it does not, the grid has the header's
    spacing and otherwise the format's default.
    """

    voxels: NDArray[Any]
    geometry: Geometry
    is_placed: bool
    notes: tuple[str, ...]


def is_nifti(path: Path) -> bool:
    """Tell whether a path names a NIfTI file."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def read_nifti(path: Path) -> NiftiImage:
    """Return the image in a file of any orientation and type of voxel.

    Raises:
        UnreadableStudy: the file is no NIfTI image of numbers with three axes.
    """
    try:
        image: Any = nibabel.load(path)
        voxels = np.asarray(image.dataobj)
        affine = np.asarray(image.affine, dtype=np.float64)
        zooms = [float(zoom) for zoom in image.header.get_zooms()[:3]]
        unit, _ = image.header.get_xyzt_units()
        codes = int(image.header["sform_code"]), int(image.header["qform_code"])
    except DAMAGED as error:
        raise _refused(path, f"{type(error).__name__}: {error}") from error
    if voxels.dtype.kind not in "biuf":
        raise _refused(path, f"voxels of type {voxels.dtype}")
    while voxels.ndim > 3 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    if voxels.ndim != 3 or 0 in voxels.shape:
        raise _refused(path, f"an array of {' x '.join(map(str, voxels.shape))}")
    geometry, is_placed, notes = _placed(affine, zooms, voxels.shape, any(codes), UNIT_MM.get(unit, 1.0))
    return NiftiImage(voxels, geometry, is_placed, notes)


def _placed(
    affine: NDArray[np.float64], zooms: list[float], shape: tuple[int, ...], said: bool, to_mm: float
) -> tuple[Geometry, bool, tuple[str, ...]]:
    """Return the grid in LPS, whether the header gave it, and what is to be noted."""
    notes: list[str] = []
    usable = bool(np.isfinite(affine).all()) and abs(np.linalg.det(affine[:3, :3])) > 1e-9
    if not usable:
        lengths = [abs(zoom) if np.isfinite(zoom) and zoom else 1.0 for zoom in (*zooms, 1.0, 1.0)[:3]]
        affine = np.diag([-lengths[0], lengths[1], lengths[2], 1.0])
    if not usable or not said:
        notes.append("the header does not say how the image lies; took the format's default orientation")
    if to_mm != 1.0:
        affine = affine.copy()
        affine[:3] *= to_mm
        notes.append(f"lengths were not in mm; multiplied by {to_mm:g}")
    grid = Geometry(RAS_TO_LPS @ affine, (int(shape[0]), int(shape[1]), int(shape[2])), FRAME)
    return grid, usable and said, tuple(notes)


def _refused(path: Path, found: str) -> UnreadableStudy:
    return UnreadableStudy(
        ReasonCode.CORRUPT, f"expected a NIfTI image of numbers with three axes, found {found} in {path.name}"
    )
