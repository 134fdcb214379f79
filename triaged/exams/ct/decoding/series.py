"""Decodes one CT series into a volume of Hounsfield units in canonical orientation; no sockets, no database.

Pixels are decoded one frame at a time straight into the volume, so that the memory needed is that of the volume, one
frame and the headers. A series that is not a volume of Hounsfield units is refused with the reason; nothing is guessed.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from triaged.dicom.files import completed, read_header_only
from triaged.dicom.pixels import stored_frames, undecodable
from triaged.dicom.quiet import without_warnings
from triaged.errors import UnreadableStudy
from triaged.exams.ct.choice import MOST_VOXELS, ScopeOptions
from triaged.exams.ct.decoding.acquisition import acquisition_of
from triaged.exams.ct.decoding.frames import Frame, frame_count, frames_of, voxels_of
from triaged.exams.ct.decoding.grid import Placed
from triaged.exams.ct.decoding.hounsfield import Plausibility, is_integral, to_hounsfield
from triaged.exams.ct.decoding.stacks import SamePixels, place_one_stack
from triaged.exams.ct.finding import Acquisition
from triaged.imaging.geometry import Geometry, Reorientation, canonical_reorientation
from triaged.imaging.stack import Spread
from triaged.imaging.volume import Volume
from triaged.study.assessment import ReasonCode
from triaged.study.finding import QualityFlag

Voxels = NDArray[np.int16] | NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class DecodedSeries:
    """A decoded series.

    `volume` is in canonical orientation; `source_geometry` is the grid in source order, slices rising along the
    source's own normal, and `reorientation` leads from it to the volume's. `headers` are the source's data sets without
    pixels, in that source order: one per slice, or a single one for a multi-frame image, whose frame for each slice
    `frame_numbers` gives (from 1). Of a source at uneven steps, `spread` tells which slices of the grid are its own.
    """

    volume: Volume
    source_geometry: Geometry
    reorientation: Reorientation
    headers: tuple[Dataset, ...]
    frame_numbers: tuple[int, ...]
    acquisition: Acquisition
    spread: Spread | None = None


def decode_series(
    instances: Sequence[Path],
    options: ScopeOptions | None = None,
    *,
    header_of: Callable[[Path], Dataset] = read_header_only,
) -> DecodedSeries:
    """Decode the instances of one series, given in any order as DICOM files.

    `header_of` reads the header of one, as `read_header_only` does, or knows it already.

    Voxels are int16, or float32 where a rescale slope or intercept has a fraction. Values below -1024 HU and padding
    become -1024 HU; int16 values above 32767 HU become 32767.

    Raises:
        UnreadableStudy: the series is not one volume of Hounsfield units, with the reason.
        TryLater: a file could not be read from the disk.
    """
    options = options or ScopeOptions()
    with warnings.catch_warnings():
        # pydicom warns of odd values and quotes them, patient attributes too: not into the operator's log
        warnings.simplefilter("ignore")
        headers = [header_of(path) for path in instances]
        _demand_fits(sum(map(voxels_of, headers)))
        frames = frames_of(headers)
        same_pixels = same_pixels_of(instances, headers)
        placed = place_one_stack(frames, headers, options.min_slices, options.max_spacing_mm, same_pixels)
        _demand_fits(math.prod(placed.geometry.shape))
        reorientation = canonical_reorientation(placed.geometry)
        canonical = reorientation.geometry(placed.geometry)
        voxels = _empty(canonical.shape, placed.frames)
        _fill(reorientation.undo(voxels), placed, instances, headers)
        acquisition = acquisition_of(headers[placed.frames[0].source])
    shown = [placed.frames[index] for index in placed.shown]
    repairs = tuple(dict.fromkeys((*placed.repairs, *_completed(headers), *_assumed(placed.frames))))
    single_frame = len(instances) == len(frames)
    return DecodedSeries(
        volume=Volume(voxels, canonical),
        source_geometry=placed.geometry,
        reorientation=reorientation,
        headers=tuple(headers[frame.source] for frame in shown) if single_frame else tuple(headers),
        frame_numbers=tuple(frame.number for frame in shown),
        acquisition=replace(acquisition, repairs=repairs),
        spread=placed.spread,
    )


def read_frame(path: Path, frame: Frame) -> NDArray[np.int32] | NDArray[np.float32]:
    """Decode one frame of a file into Hounsfield units, rows and columns as the source has them.

    Raises:
        UnreadableStudy: the frame cannot be decoded, or has another size than its header says.
        TryLater: the file could not be read from the disk.
    """
    header = read_header_only(path)
    with without_warnings():
        stored = next(stored_frames(path, header, [frame.number - 1]), None)
    if stored is None or stored.shape != (frame.rows, frame.columns):
        found = "nothing" if stored is None else f"{stored.shape}"
        raise undecodable(path, f"{frame.rows} rows and {frame.columns} columns", found)
    return to_hounsfield(stored, frame)


def _demand_fits(voxels: int) -> None:
    if voxels > MOST_VOXELS:
        raise UnreadableStudy(ReasonCode.TOO_LARGE, f"expected at most {MOST_VOXELS} voxels, found {voxels}")


def _completed(headers: Sequence[Dataset]) -> Iterator[QualityFlag]:
    absent = {keyword for header in headers for keyword in completed(header)}
    if "SOPClassUID" in absent:
        yield QualityFlag.CLASS_FROM_META
    if "SOPInstanceUID" in absent:
        yield QualityFlag.IDENTITY_FROM_META


def _assumed(frames: Sequence[Frame]) -> Iterator[QualityFlag]:
    return chain.from_iterable(frame.assumed for frame in frames)


def _empty(shape: tuple[int, int, int], frames: Sequence[Frame]) -> Voxels:
    if all(is_integral(frame) for frame in frames):
        return np.empty(shape, dtype=np.int16)
    return np.empty(shape, dtype=np.float32)


def same_pixels_of(instances: Sequence[Path], headers: Sequence[Dataset]) -> SamePixels:
    """Return what compares the stored values of two frames of these files."""

    def same(one: Frame, other: Frame) -> bool:
        first, second = (
            next(stored_frames(instances[each.source], headers[each.source], [each.number - 1]), None)
            for each in (one, other)
        )
        return first is not None and second is not None and np.array_equal(first, second)

    return same


def _numbered(path: Path, header: Dataset, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.generic]]]:
    """Yield frames of a file with their numbers: all that there are, where not only some are wanted."""
    if len(wanted) == frame_count(header):
        return enumerate(stored_frames(path, header), start=1)
    return zip(wanted, stored_frames(path, header, [number - 1 for number in wanted]), strict=False)


def _fill(source: NDArray[np.generic], placed: Placed, instances: Sequence[Path], headers: Sequence[Dataset]) -> None:
    """Decode every frame into its slice of `source` and check that the whole can be Hounsfield units."""
    slices = {(frame.source, frame.number): index for index, frame in enumerate(placed.frames)}
    shown = np.asarray(placed.shown)
    plausibility = Plausibility()
    for file_index, wanted in groupby(sorted(slices), key=lambda each: each[0]):
        path, header = instances[file_index], headers[file_index]
        for number, stored in _numbered(path, header, [number for _, number in wanted]):
            index = slices.pop((file_index, number), None)
            if index is None:
                raise undecodable(path, f"{number - 1} frames", "more")
            frame = placed.frames[index]
            if stored.shape != (frame.rows, frame.columns):
                raise undecodable(path, f"{frame.rows} rows and {frame.columns} columns", f"{stored.shape}")
            hu = to_hounsfield(stored, frame)
            plausibility.see(hu)
            if placed.spread is None:
                source[index] = hu
            else:
                source[np.flatnonzero(shown == index)] = hu
    if slices:
        raise undecodable(instances[next(iter(slices))[0]], f"{len(placed.frames)} frames", f"{len(slices)} fewer")
    plausibility.require()
