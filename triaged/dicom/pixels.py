"""Decodes one CT series into a volume of Hounsfield units in canonical orientation; no sockets, no database.

Pixels are decoded one frame at a time straight into the volume, so that the memory needed is that of the volume, one
frame and the headers. A series that is not a volume of Hounsfield units is refused with the reason; nothing is guessed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.pixels.utils import iter_pixels

from triaged.dicom.acquisition import acquisition_of
from triaged.dicom.attributes import DAMAGED
from triaged.dicom.frames import Frame, frames_of
from triaged.dicom.hounsfield import Plausibility, is_integral, to_hounsfield
from triaged.dicom.placing import Placed, place
from triaged.dicom.quiet import without_warnings
from triaged.errors import TryLater, UnreadableStudy
from triaged.imaging.geometry import Geometry, Reorientation, canonical_reorientation
from triaged.imaging.volume import Volume
from triaged.study.assessment import ReasonCode
from triaged.study.finding import Acquisition
from triaged.study.scope import MAX_SPACING_MM, MIN_SLICES

Voxels = NDArray[np.int16] | NDArray[np.float32]

_DEFLATED = "1.2.840.10008.1.2.1.99"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a series must have to be read."""

    min_slices: int = MIN_SLICES
    max_spacing_mm: float = MAX_SPACING_MM


@dataclass(frozen=True, slots=True, eq=False)
class ReadSeries:
    """A decoded series.

    `volume` is in canonical orientation; `source_geometry` is the grid in source order, slices rising along the
    source's own normal, and `reorientation` leads from it to the volume's. `headers` are the source's data sets without
    pixels, in that source order: one per slice, or a single one for a multi-frame image, whose frame for each slice
    `frame_numbers` gives (from 1).
    """

    volume: Volume
    source_geometry: Geometry
    reorientation: Reorientation
    headers: tuple[Dataset, ...]
    frame_numbers: tuple[int, ...]
    acquisition: Acquisition


def read_series(instances: Sequence[Path], options: ReadOptions | None = None) -> ReadSeries:
    """Decode the instances of one series, given in any order as DICOM files.

    Voxels are int16, or float32 where a rescale slope or intercept has a fraction. Values below -1024 HU and padding
    become -1024 HU; int16 values above 32767 HU become 32767.

    Raises:
        UnreadableStudy: the series is not one volume of Hounsfield units, with the reason.
        TryLater: a file could not be read from the disk.
    """
    options = options or ReadOptions()
    with warnings.catch_warnings():
        # pydicom warns of odd values and quotes them, patient attributes too: not into the operator's log
        warnings.simplefilter("ignore")
        headers = [read_header_only(path) for path in instances]
        frames = frames_of(headers)
        placed = place(frames, options.min_slices, options.max_spacing_mm)
        reorientation = canonical_reorientation(placed.geometry)
        canonical = reorientation.geometry(placed.geometry)
        voxels = _empty(canonical.shape, frames)
        _fill(reorientation.undo(voxels), placed, instances, headers)
        acquisition = acquisition_of(headers[placed.frames[0].source])
    single_frame = len(instances) == len(frames)
    return ReadSeries(
        volume=Volume(voxels, canonical),
        source_geometry=placed.geometry,
        reorientation=reorientation,
        headers=tuple(headers[frame.source] for frame in placed.frames) if single_frame else tuple(headers),
        frame_numbers=tuple(frame.number for frame in placed.frames),
        acquisition=acquisition,
    )


def read_header_only(path: Path) -> Dataset:
    """Return an instance's data set without pixels.

    Raises:
        UnreadableStudy: the file is no DICOM file.
        TryLater: the file could not be read from the disk.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dcmread(path, stop_before_pixels=True)
    except DAMAGED as error:
        _require_disk(path, error)
        raise UnreadableStudy(
            ReasonCode.CORRUPT, f"expected a DICOM file, found {type(error).__name__} in {path.name}"
        ) from error


def read_frame(path: Path, frame: Frame) -> NDArray[np.int32] | NDArray[np.float32]:
    """Decode one frame of a file into Hounsfield units, rows and columns as the source has them.

    Raises:
        UnreadableStudy: the frame cannot be decoded, or has another size than its header says.
        TryLater: the file could not be read from the disk.
    """
    header = read_header_only(path)
    with without_warnings():
        stored = next(_decoded(path, header, [frame.number - 1]), None)
    if stored is None or stored.shape != (frame.rows, frame.columns):
        found = "nothing" if stored is None else f"{stored.shape}"
        raise _undecodable(path, f"{frame.rows} rows and {frame.columns} columns", found)
    return to_hounsfield(stored, frame)


def _empty(shape: tuple[int, int, int], frames: Sequence[Frame]) -> Voxels:
    if all(is_integral(frame) for frame in frames):
        return np.empty(shape, dtype=np.int16)
    return np.empty(shape, dtype=np.float32)


def _fill(source: NDArray[np.generic], placed: Placed, instances: Sequence[Path], headers: Sequence[Dataset]) -> None:
    """Decode every frame into its slice of `source` and check that the whole can be Hounsfield units."""
    slices = {(frame.source, frame.number): index for index, frame in enumerate(placed.frames)}
    plausibility = Plausibility()
    for file_index, (path, header) in enumerate(zip(instances, headers, strict=True)):
        for number, stored in enumerate(_decoded(path, header), start=1):
            index = slices.pop((file_index, number), None)
            if index is None:
                raise _undecodable(path, f"{number - 1} frames", "more")
            frame = placed.frames[index]
            if stored.shape != (frame.rows, frame.columns):
                raise _undecodable(path, f"{frame.rows} rows and {frame.columns} columns", f"{stored.shape}")
            hu = to_hounsfield(stored, frame)
            plausibility.see(hu)
            source[index] = hu
    if slices:
        raise _undecodable(instances[next(iter(slices))[0]], f"{len(placed.frames)} frames", f"{len(slices)} fewer")
    plausibility.require()


def _decoded(path: Path, header: Dataset, indices: Sequence[int] | None = None) -> Iterator[NDArray[np.generic]]:
    """Yield the stored values of frames of a file, of all unless told, one at a time.

    Only a deflated file is held as a whole.
    """
    try:
        deflated = header.file_meta.get("TransferSyntaxUID") == _DEFLATED
        yield from iter_pixels(dcmread(path) if deflated else path, raw=True, indices=indices)
    except BaseException as error:
        # a panic in a decoder written in Rust (pylibjpeg-rle) is no Exception, and would take the worker down
        if not isinstance(error, DAMAGED) and type(error).__name__ != "PanicException":
            raise
        _require_disk(path, error)
        raise _undecodable(path, "pixels that can be decoded", f"{type(error).__name__}: {error}") from error


def _require_disk(path: Path, error: BaseException) -> None:
    """Tell the operating system's errors, which carry a number, from those that pydicom raises on odd content."""
    if isinstance(error, OSError) and error.errno is not None:
        raise TryLater(f"expected to read {path.name}, found: {error.strerror}") from error


def _undecodable(path: Path, expected: str, found: str) -> UnreadableStudy:
    return UnreadableStudy(ReasonCode.UNDECODABLE, f"expected {expected}, found {found} in {path.name}")
