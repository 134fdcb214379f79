"""Writes masks as NIfTI-1 files (.nii.gz) on the grid of the phantom's DICOM images.

Bytes by hand after the published header (nifti.nimh.nih.gov), so that a phantom needs no library beyond the daemon's.
Must not know: how masks are drawn.
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triaged.errors import ConfigError
from triaged.lab.phantom.options import Bool, Phantom

FLOOR_MM = -350.0
"""Where the lowest slice of a phantom lies in the patient coordinates of its DICOM images."""


def affine_ras(phantom: Phantom) -> NDArray[np.float64]:
    """Return the matrix (4, 4) from (column, row, slice) to millimetres toward right, front and head.

    Raises:
        ConfigError: slices are missing, so that no single matrix places them.
    """
    if phantom.options.missing:
        raise ConfigError(f"expected every slice for NIfTI masks, found slices {phantom.options.missing} missing")
    dz, dy, dx = phantom.spacing_mm
    _, rows, columns = phantom.voxels_hu.shape
    lean = np.deg2rad(phantom.options.scanner.tilt_deg)
    back, up = dy * float(np.cos(lean)), dy * float(np.sin(lean))
    matrix = np.array([[-dx, 0, 0, 0], [0, -back, 0, 0], [0, up, dz, FLOOR_MM], [0, 0, 0, 1]])
    matrix[:3, 3] -= matrix[:3, :3] @ [(columns - 1) / 2, (rows - 1) / 2, 0]
    return matrix


def write_mask(path: Path, mask: Bool | NDArray[np.uint8], phantom: Phantom) -> Path:
    """Write one mask or label map (slice, row, column) of the phantom and return its path.

    Raises:
        ConfigError: slices are missing, so that no single matrix places them.
    """
    matrix = affine_ras(phantom)
    header = bytearray(352)
    dz, dy, dx = phantom.spacing_mm
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *mask.shape[::-1], 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 2, 8)  # unsigned bytes
    struct.pack_into("<8f", header, 76, 1, dx, dy, dz, 0, 0, 0, 0)
    struct.pack_into("<2f", header, 108, 352, 1)  # offset of the voxels, slope
    struct.pack_into("<B", header, 123, 2)  # millimetres
    struct.pack_into("<2h", header, 252, 0, 1)  # the matrix below is the scanner's
    struct.pack_into("<12f", header, 280, *matrix[:3].ravel())
    struct.pack_into("<4s", header, 344, b"n+1\0")
    with path.open("wb") as sink, gzip.GzipFile("", "wb", 6, sink, mtime=0) as packed:
        packed.write(bytes(header))
        packed.write(np.ascontiguousarray(mask, dtype=np.uint8).tobytes())
    return path
