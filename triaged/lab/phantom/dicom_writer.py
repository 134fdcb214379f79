"""Writes a phantom as the DICOM study that a CT scanner would send.

CT Image Storage (PS3.3 A.3) or Enhanced CT (A.38), with the by-products of real studies on request. Must not know: how
voxels are drawn, networks, the daemon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from triaged.lab.phantom.dicom_modules import (
    ORIENTATION,
    Position,
    StudyHeader,
    add_frame_of_reference,
    new_object,
    orientation,
    save,
)
from triaged.lab.phantom.enhanced_ct import enhanced_ct
from triaged.lab.phantom.extras import coronal, dose_report, localizer, soft_kernel, thick_soft_kernel
from triaged.lab.phantom.options import Phantom

Kind = Literal["ct", "enhanced-ct"]
Extra = Literal["localizer", "dose_report", "thick_duplicate_kernel", "duplicate_kernel", "coronal"]

RESCALE_INTERCEPT = -1024
LUNG_KERNEL, SOFT_KERNEL = "Bl57", "Br40"


@dataclass(frozen=True, slots=True)
class Stack:
    """Axial slices as a gantry stores them: `voxels_hu` (slice, row, column) in acquisition order.

    `positions_mm` (slice, 3) are the patient coordinates (LPS) of each slice's first pixel; `spacing_mm` is (row,
    column); the directions follow the header's position.
    """

    voxels_hu: NDArray[np.int16]
    positions_mm: NDArray[np.float64]
    spacing_mm: tuple[float, float]
    slice_mm: float


def write_study(
    phantom: Phantom,
    out_dir: Path,
    *,
    patient_name: str = "PHANTOM^CHEST",
    patient_id: str = "PHANTOM",
    study_date: str = "20240115",
    study_time: str = "101500",
    position: Position = "HFS",
    kind: Kind = "ct",
    extras: Sequence[Extra] = (),
) -> list[Path]:
    """Write the phantom into `out_dir` and return the paths in acquisition order, by-products first.

    The same phantom and arguments give the same files and UIDs. `position` turns the stored image as the gantry would;
    the patient coordinates stay true. The axial series has number 2.
    """
    key = f"{phantom.options!r} {patient_name} {patient_id} {study_date} {study_time} {position} {kind}"
    tilt_deg = phantom.options.scanner.tilt_deg
    header = StudyHeader(key, patient_name, patient_id, "O", study_date, study_time, position, tilt_deg)
    stack = gantry_stack(phantom, position)
    objects: list[tuple[str, Dataset]] = []
    if "localizer" in extras:
        objects.append(("localizer", localizer(phantom, header)))
    if kind == "enhanced-ct":
        objects.append(("enhanced", enhanced_ct(stack.voxels_hu, stack.positions_mm, phantom, header, LUNG_KERNEL)))
    else:
        objects += [(f"ct_{i:04d}", ds) for i, ds in enumerate(ct_series(stack, header, 2, LUNG_KERNEL), start=1)]
    if "thick_duplicate_kernel" in extras:
        thick = Stack(
            *thick_soft_kernel(stack.voxels_hu, stack.positions_mm, phantom), stack.spacing_mm, 3 * step(stack)
        )
        objects += [(f"soft_{i:04d}", ds) for i, ds in enumerate(ct_series(thick, header, 3, SOFT_KERNEL), start=1)]
    if "duplicate_kernel" in extras:
        soft = replace(stack, voxels_hu=soft_kernel(stack.voxels_hu, phantom))
        objects += [(f"copy_{i:04d}", ds) for i, ds in enumerate(ct_series(soft, header, 4, SOFT_KERNEL), start=1)]
    if "coronal" in extras:
        objects += [(f"coronal_{i:04d}", ds) for i, ds in enumerate(coronal(phantom, header), start=1)]
    if "dose_report" in extras:
        objects.append(("dose", dose_report(header)))
    return [save(ds, out_dir / f"{name}.dcm") for name, ds in objects]


def step(stack: Stack) -> float:
    """Return the distance in mm between the first two slices."""
    return float(np.linalg.norm(stack.positions_mm[1] - stack.positions_mm[0]))


def gantry_stack(phantom: Phantom, position: Position) -> Stack:
    """Return the phantom's slices flipped to the orientation of `position`; feet first is acquired toward the feet."""
    voxels, (_, dy, dx) = phantom.voxels_hu, phantom.spacing_mm
    n, rows, columns = voxels.shape
    cosines = ORIENTATION[position]
    lean = np.deg2rad(phantom.options.scanner.tilt_deg)
    x = (np.arange(columns) - (columns - 1) / 2) * dx
    y = (np.arange(rows) - (rows - 1) / 2) * dy * np.cos(lean)
    z = phantom.heights_mm - 350.0
    if cosines[0] < 0:
        voxels, x = voxels[:, :, ::-1], x[::-1]
    if cosines[4] < 0:
        voxels, y = voxels[:, ::-1], y[::-1]
    if position.startswith("FF"):
        voxels, z = voxels[::-1], z[::-1]
    origins = np.stack([np.full(n, x[0]), np.full(n, y[0]), z + y[0] * np.tan(lean)], axis=1)
    return Stack(np.ascontiguousarray(voxels), origins, (dy, dx), phantom.options.slice_mm)


def ct_series(stack: Stack, header: StudyHeader, number: int, kernel: str) -> list[Dataset]:
    """Return the CT images of one axial series."""
    is_signed = int(stack.voxels_hu.min()) < RESCALE_INTERCEPT
    images = []
    for i, (pixels, origin) in enumerate(zip(stack.voxels_hu, stack.positions_mm, strict=True), start=1):
        ds = new_object(header, CTImageStorage, f"{number} {i}", "CT", (number, f"Chest {kernel}"))
        add_frame_of_reference(ds, header)
        ds.InstanceNumber = i
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        add_acquisition(ds, header, kernel)
        ds.GantryDetectorTilt = header.tilt_deg
        ds.PixelSpacing = [float(s) for s in stack.spacing_mm]
        ds.SliceThickness = round(stack.slice_mm, 3)
        ds.ImageOrientationPatient = list(orientation(header.position, header.tilt_deg))
        ds.ImagePositionPatient = [round(float(v), 4) for v in origin]
        ds.SliceLocation = round(float(origin[2]), 4)
        add_pixels(ds, pixels, is_signed)
        images.append(ds)
    return images


def add_acquisition(ds: Dataset, header: StudyHeader, kernel: str) -> None:
    """Add the CT acquisition attributes of a routine chest protocol (PS3.3 C.8.2.1)."""
    ds.BodyPartExamined = "CHEST"
    ds.PatientPosition = header.position
    ds.AcquisitionDate = header.study_date
    ds.AcquisitionTime = header.study_time
    ds.AcquisitionNumber = 1
    ds.KVP = 120
    ds.XRayTubeCurrent = 120
    ds.ExposureTime = 500
    ds.ConvolutionKernel = kernel
    ds.RotationDirection = "CW"


def add_pixels(ds: Dataset, hu: NDArray[np.int16], is_signed: bool) -> None:
    """Add the image pixel module and the rescale to HU.

    Unsigned 12 bits hold -1024 to 3071 HU; padding below that needs signed 16 bits and its own padding value.
    """
    stored = hu.astype(np.int32) - RESCALE_INTERCEPT
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = hu.shape
    ds.BitsAllocated = 16
    ds.BitsStored = 16 if is_signed else 12
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(is_signed)
    if is_signed:
        ds.PixelPaddingValue = int(stored.min())
    ds.RescaleIntercept = RESCALE_INTERCEPT
    ds.RescaleSlope = 1
    ds.RescaleType = "HU"
    ds.WindowCenter, ds.WindowWidth = -600, 1500
    ds.PixelData = stored.astype("<i2" if is_signed else "<u2").tobytes()
