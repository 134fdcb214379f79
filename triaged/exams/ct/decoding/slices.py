"""The slices of one CT series, to be decoded one at a time, and where a segmentation lies on them.

For people who look at a study slice by slice; no volume is ever built. Knows no sockets, no database and no markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from triaged.dicom.attributes import DAMAGED, attribute, integer, items, text
from triaged.dicom.files import read_header_only
from triaged.dicom.quiet import without_warnings
from triaged.errors import UnreadableStudy
from triaged.exams.ct.decoding.frames import Frame, frames_of
from triaged.exams.ct.decoding.series import read_frame, same_pixels_of
from triaged.exams.ct.decoding.stacks import place_one_stack
from triaged.exams.ct.profile import is_localizer
from triaged.imaging.geometry import Reorientation, canonical_reorientation
from triaged.study.assessment import ReasonCode
from triaged.study.uids import SOPInstanceUID

Scalar = TypeVar("Scalar", bound=np.generic)
Key = tuple[str, int]
"""SOP Instance UID as results refer to it, and the number of the frame in it (from 1)."""


@dataclass(frozen=True, slots=True)
class AxialSlice:
    """One slice: `frame` of the file at `path`; `number` is the instance's (or the frame's, in a multi-frame image).

    `position_mm` is z in LPS: what a viewer calls the table position of a patient who lies head first.
    """

    path: Path
    frame: Frame
    key: Key
    number: int | None
    position_mm: float


@dataclass(frozen=True, slots=True)
class SliceStack:
    """The slices of a series from head to feet; `upright` brings a plane to rows to the back, columns to the left."""

    slices: tuple[AxialSlice, ...]
    upright: Reorientation

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Distance between rows and between columns of an upright plane."""
        rows_mm, columns_mm = self.slices[0].frame.pixel_spacing_mm
        return (columns_mm, rows_mm) if self.upright.axes[1] == 2 else (rows_mm, columns_mm)

    @property
    def shape(self) -> tuple[int, int]:
        """Counts of rows and columns of an upright plane."""
        frame = self.slices[0].frame
        return (frame.columns, frame.rows) if self.upright.axes[1] == 2 else (frame.rows, frame.columns)

    def turned(self, plane: NDArray[Scalar]) -> NDArray[Scalar]:
        """Return a view of a source plane as people look at it: the patient's right at the left, the front on top."""
        upright: NDArray[Scalar] = self.upright.apply(plane[None])[0]
        return upright

    def hounsfield(self, index: int) -> NDArray[np.float32]:
        """Decode one slice, 0 being nearest to the head.

        Raises:
            UnreadableStudy: it cannot be decoded.
            TryLater: the file could not be read from the disk.
        """
        one = self.slices[index]
        return np.asarray(self.turned(read_frame(one.path, one.frame)), np.float32)


def read_slices(instances: Sequence[Path]) -> SliceStack:
    """Return the slices of one axial series, given in any order as DICOM files; pixels are not read.

    Raises:
        UnreadableStudy: they are not the evenly spaced axial slices of one volume.
        TryLater: a file could not be read from the disk.
    """
    with without_warnings():
        found = [(path, read_header_only(path)) for path in instances]
        found = [(path, header) for path, header in found if not _is_localizer(header)]
        instances, headers = [path for path, _ in found], [header for _, header in found]
        same_pixels = same_pixels_of(instances, headers)
        placed = place_one_stack(frames_of(headers), headers, 2, float("inf"), same_pixels)
    turn = canonical_reorientation(placed.geometry)
    if turn.axes[0] != 0:
        raise UnreadableStudy(ReasonCode.NO_AXIAL_SERIES, "expected axial slices, found planes of another orientation")
    upright = Reorientation(turn.axes, (False, *turn.reverse[1:]))
    slices = [_slice(instances[frame.source], headers[frame.source], frame) for frame in placed.frames]
    return SliceStack(tuple(slices if turn.reverse[0] else slices[::-1]), upright)


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One region on one source frame, kept as bits: a study has hundreds; rows and columns as the source has them."""

    bits: NDArray[np.uint8]
    first: int
    shape: tuple[int, int]

    def mask(self) -> NDArray[np.bool_]:
        """Return the region as a mask."""
        rows, columns = self.shape
        plain = np.unpackbits(self.bits, bitorder="little")[self.first : self.first + rows * columns]
        return plain.astype(np.bool_).reshape(rows, columns)


Regions = Mapping[Key, Region]
"""A region on every source frame on which it has a voxel."""


def read_regions(segmentation: Path) -> Mapping[str, Regions]:
    """Return the segments of a BINARY segmentation by their labels.

    Raises:
        UnreadableStudy: the file is no such segmentation.
    """
    try:
        with without_warnings():
            return _regions(dcmread(segmentation))
    except DAMAGED as error:
        detail = f"expected a segmentation, found {type(error).__name__} in {segmentation.name}"
        raise UnreadableStudy(ReasonCode.CORRUPT, detail) from error


def _regions(dataset: Dataset) -> Mapping[str, Regions]:
    labels = {one.SegmentNumber: str(one.SegmentLabel) for one in dataset.SegmentSequence}
    shape = int(dataset.Rows), int(dataset.Columns)
    size = shape[0] * shape[1]
    packed = np.frombuffer(dataset.PixelData, np.uint8)
    found: dict[str, dict[Key, Region]] = {label: {} for label in labels.values()}
    for index, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        label = labels[groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber]
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        begin, end = index * size, (index + 1) * size
        key = _uid(source, "ReferencedSOPInstanceUID"), int(source.get("ReferencedFrameNumber") or 1)
        found[label][key] = Region(packed[begin // 8 : -(-end // 8)], begin % 8, shape)
    return found


def _is_localizer(header: Dataset) -> bool:
    said = attribute(header, "ImageType")
    image_type = [str(each) for each in said] if isinstance(said, Sequence) else []
    return is_localizer(image_type, text(attribute(header, "SeriesDescription")))


def _slice(path: Path, header: Dataset, frame: Frame) -> AxialSlice:
    several = bool(items(header, "PerFrameFunctionalGroupsSequence"))
    number = frame.number if several else integer(attribute(header, "InstanceNumber"))
    return AxialSlice(path, frame, (_uid(header, "SOPInstanceUID"), frame.number), number, frame.position_mm[2])


def _uid(dataset: Dataset, keyword: str) -> str:
    """Return an identifier as results refer to it: what was sent, or a valid one made of it."""
    sent = text(attribute(dataset, keyword))
    return SOPInstanceUID.parse(sent).value if sent else ""
