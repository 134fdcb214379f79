"""Where in the patient the voxels of a region lie, read by software that shares no code with what wrote them.

Pixels are decoded and segment bits unpacked by GDCM within SimpleITK; a classic CT series is placed by ITK's own series
reader; the frames of a multi-frame image are placed by the header as DCMTK reads it. Neither pydicom nor highdicom, nor
any geometry of ours, has a part. All coordinates are LPS millimetres of voxel centres.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.wire.judges import as_json, inflated

SHARED, PER_FRAME = "52009229", "52009230"
PIXEL_MEASURES, PLANE_ORIENTATION, PLANE_POSITION = "00289110", "00209116", "00209113"
SEGMENT_IDENTIFICATION, REFERENCED_SEGMENT = "0062000A", "0062000B"
SEGMENT, SEGMENT_NUMBER, SEGMENT_LABEL = "00620002", "00620004", "00620005"

Flags = NDArray[np.bool_]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Slice:
    """The pixels of one slice, where its first one lies, and the steps to the next column and to the next row."""

    pixels: NDArray[Any]
    origin_mm: Vector
    column_step_mm: Vector
    row_step_mm: Vector

    def x_mm(self) -> Vector:
        """Return the x coordinate of every voxel's centre, as an array of the slice's shape."""
        rows, columns = np.ogrid[: self.pixels.shape[0], : self.pixels.shape[1]]
        return np.asarray(self.origin_mm[0] + columns * self.column_step_mm[0] + rows * self.row_step_mm[0])


Pick = Callable[[Slice], Flags]
"""Which pixels of a slice belong to a region."""


@dataclass(frozen=True)
class Extent:
    """How many voxels a region has, their centroid, and the two opposite corners of the box around their centres."""

    voxels: int
    centroid_mm: Vector
    low_mm: Vector
    high_mm: Vector

    def distance_mm(self, other: Extent) -> float:
        """Return the longest distance between corresponding points of two regions."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in ("centroid_mm", "low_mm", "high_mm"))
        return max(float(np.linalg.norm(one - two)) for one, two in pairs)


def extent(slices: Iterable[tuple[Slice, Flags]]) -> Extent:
    """Return the extent of the flagged voxels."""
    count, total = 0, np.zeros(3)
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for one, flags in slices:
        rows, columns = np.nonzero(flags)
        if rows.size:
            places = one.origin_mm + np.outer(columns, one.column_step_mm) + np.outer(rows, one.row_step_mm)
            count += len(places)
            total += places.sum(axis=0)
            low, high = np.minimum(low, places.min(axis=0)), np.maximum(high, places.max(axis=0))
    assert count, "expected a region with voxels"
    return Extent(count, total / count, low, high)


def picked(slices: Iterable[Slice], pick: Pick) -> Extent:
    """Return the extent of the voxels that `pick` chooses."""
    return extent((one, pick(one)) for one in slices)


def classic_slices(folder: Path, sitk: Any) -> list[Slice]:
    """Return a series of single-frame images as SimpleITK reads and places it."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    steps = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    voxels = sitk.GetArrayFromImage(image)
    return [
        Slice(voxels[k], np.array(image.TransformIndexToPhysicalPoint((0, 0, k))), steps[:, 0], steps[:, 1])
        for k in range(len(voxels))
    ]


def multi_frame_slices(path: Path, sitk: Any) -> list[Slice]:
    """Return the frames of a multi-frame image: pixels by SimpleITK, places by DCMTK."""
    header = as_json(path)
    pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    frames = _sequence(header, PER_FRAME)
    assert len(frames) == len(pixels)
    return [Slice(values, *_plane(header, frame)) for values, frame in zip(pixels, frames, strict=True)]


def segments(path: Path, sitk: Any) -> dict[str, Extent]:
    """Return the extent of every segment of a Segmentation by its label."""
    path = inflated(path)
    header = as_json(path)
    slices = multi_frame_slices(path, sitk)
    numbers = [
        _one(_sequence(frame, SEGMENT_IDENTIFICATION)[0], REFERENCED_SEGMENT) for frame in _sequence(header, PER_FRAME)
    ]
    found = {}
    for item in _sequence(header, SEGMENT):
        number, label = _one(item, SEGMENT_NUMBER), str(_one(item, SEGMENT_LABEL))
        own = [one for one, of in zip(slices, numbers, strict=True) if of == number]
        found[label] = extent((one, one.pixels > 0) for one in own)
    return found


def _plane(header: dict[str, Any], frame: dict[str, Any]) -> tuple[Vector, Vector, Vector]:
    groups = _sequence(header, SHARED)[0] | frame
    orientation = _numbers(_sequence(groups, PLANE_ORIENTATION)[0], "00200037")
    position = _numbers(_sequence(groups, PLANE_POSITION)[0], "00200032")
    row_mm, column_mm = _numbers(_sequence(groups, PIXEL_MEASURES)[0], "00280030")
    return np.array(position), np.array(orientation[:3]) * column_mm, np.array(orientation[3:]) * row_mm


def _sequence(item: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    return list(item[tag]["Value"])


def _one(item: dict[str, Any], tag: str) -> Any:
    return item[tag]["Value"][0]


def _numbers(item: dict[str, Any], tag: str) -> Sequence[float]:
    return [float(value) for value in item[tag]["Value"]]
