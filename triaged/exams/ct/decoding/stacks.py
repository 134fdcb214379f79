"""Which frames of a series are one stack, where it holds several: other reconstructions, planes, or copies of slices.

Scanners, gateways and anonymisers put them under one Series Instance UID. Nothing is mixed: either one stack that the
headers tell apart is taken whole, or the series is refused for what is wrong with all of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
from pydicom import Dataset

from triaged.dicom.attributes import attribute, integer, text
from triaged.errors import UnreadableStudy
from triaged.exams.ct.decoding.acquisition import acquisition_of
from triaged.exams.ct.decoding.frames import Frame
from triaged.exams.ct.decoding.grid import Placed, place
from triaged.exams.ct.kernel import sharpness
from triaged.imaging.stack import SAME_PLACE_MM, plane_normal, same_orientation
from triaged.study.assessment import ReasonCode
from triaged.study.finding import QualityFlag

SamePixels = Callable[[Frame, Frame], bool]
"""Tells whether two frames hold the same stored values."""

_SEVERAL = (ReasonCode.DUPLICATE_POSITIONS, ReasonCode.MIXED_ORIENTATION, ReasonCode.MIXED_FRAMES)
_ALIKE_MM = 20.0
"""Stacks whose lengths differ by less cover the same; then kernel and thickness decide."""


def place_one_stack(
    frames: Sequence[Frame],
    headers: Sequence[Dataset],
    min_slices: int,
    max_spacing_mm: float,
    same_pixels: SamePixels,
) -> Placed:
    """Return all frames as one stack; else the best of those that their headers tell apart; else all without copies.

    Pixels are looked at only where headers do not help.

    Raises:
        UnreadableStudy: as `place` says of all of them.
    """
    try:
        return place(frames, min_slices, max_spacing_mm)
    except UnreadableStudy as error:
        if error.code not in _SEVERAL:
            raise

        def placed(of: Sequence[Frame]) -> Placed:
            return _without_copies(of, headers, min_slices, max_spacing_mm, same_pixels)

        one = _one_of_several(frames, headers, placed)
        if one is not None:
            return one
        if error.code == ReasonCode.DUPLICATE_POSITIONS:
            with suppress(UnreadableStudy):
                return placed(frames)
        raise


def _one_of_several(
    frames: Sequence[Frame], headers: Sequence[Dataset], placed: Callable[[Sequence[Frame]], Placed]
) -> Placed | None:
    """Return the best stack of those that headers tell apart; None where frames are left that may be a part of it."""
    stacks = list(_readable(_told_apart(frames, headers), placed))
    longest_mm = max((_extent_mm(each) for each in stacks), default=0.0)
    best = min(stacks, key=lambda each: _rank(each, headers, longest_mm), default=None)
    known = {id(frame) for each in stacks for frame in each.frames}
    if best is None or _reach_beyond(best, [frame for frame in frames if id(frame) not in known]):
        return None
    return replace(best, repairs=(*best.repairs, QualityFlag.ONE_OF_SEVERAL))


def _readable(stacks: Sequence[Sequence[Frame]], placed: Callable[[Sequence[Frame]], Placed]) -> Iterator[Placed]:
    """Yield the stacks that are volumes by themselves, with even steps: a slice beside them may be one they lack."""
    for each in stacks if len(stacks) > 1 else ():
        with suppress(UnreadableStudy):
            found = placed(each)
            if found.spread is None:
                yield found


def _told_apart(frames: Sequence[Frame], headers: Sequence[Dataset]) -> list[list[Frame]]:
    """Return the frames by what their headers say of how they were made."""
    stacks: dict[tuple[object, ...], list[Frame]] = defaultdict(list)
    for frame in frames:
        header = headers[frame.source]
        made = acquisition_of(header)
        turn = tuple(round(value, 1) for value in frame.orientation)
        pixels = frame.rows, frame.columns, *(round(mm, 3) for mm in frame.pixel_spacing_mm)
        image_type = str(attribute(header, "ImageType"))
        run = integer(attribute(header, "AcquisitionNumber")), frame.frame_of_reference_uid, frame.stack_id
        stacks[turn, pixels, image_type, made.convolution_kernel, made.slice_thickness_mm, run].append(frame)
    return list(stacks.values())


def _reach_beyond(placed: Placed, others: Sequence[Frame]) -> bool:
    """Tell whether any of these parallel frames lies beyond the ends of a stack: it may be a part of it."""
    first = placed.frames[0]
    normal = plane_normal(first.orientation)
    ends = [float(np.asarray(frame.position_mm) @ normal) for frame in (first, placed.frames[-1])]
    half_mm = placed.geometry.spacing_mm[0] / 2
    along = [
        float(np.asarray(frame.position_mm) @ normal)
        for frame in others
        if same_orientation(frame.orientation, first.orientation)
    ]
    return any(not ends[0] - half_mm < mm < ends[1] + half_mm for mm in along)


def _rank(placed: Placed, headers: Sequence[Dataset], longest_mm: float) -> tuple[object, ...]:
    """Return what is preferred, the lowest first: axial, original, long, a lung kernel, thin; then who came first."""
    header = headers[placed.frames[0].source]
    made = acquisition_of(header)
    is_tilted = abs(float(plane_normal(placed.frames[0].orientation)[2])) < 0.85
    is_derived = "DERIVED" in str(attribute(header, "ImageType")).upper()
    is_short = _extent_mm(placed) < longest_mm - _ALIKE_MM
    thickness_mm = made.slice_thickness_mm or placed.geometry.spacing_mm[0]
    return is_tilted, is_derived, is_short, sharpness(made.convolution_kernel), thickness_mm, _in_order(header)


def _extent_mm(placed: Placed) -> float:
    return placed.geometry.spacing_mm[0] * placed.geometry.shape[0]


def _in_order(header: Dataset) -> tuple[int, int, str]:
    acquisition, instance = (
        integer(attribute(header, keyword)) or 0 for keyword in ("AcquisitionNumber", "InstanceNumber")
    )
    return acquisition, instance, text(attribute(header, "SOPInstanceUID")) or ""


def _without_copies(
    frames: Sequence[Frame],
    headers: Sequence[Dataset],
    min_slices: int,
    max_spacing_mm: float,
    same_pixels: SamePixels,
) -> Placed:
    """Return frames as one stack, less those that are copies of another.

    Raises:
        UnreadableStudy: as `place` says of all, or of those that are left.
    """
    try:
        return place(frames, min_slices, max_spacing_mm)
    except UnreadableStudy as error:
        single = _single(frames, headers, same_pixels) if error.code == ReasonCode.DUPLICATE_POSITIONS else frames
        if len(single) == len(frames):
            raise
    found = place(single, min_slices, max_spacing_mm)
    return replace(found, repairs=(*found.repairs, QualityFlag.COPIES_LEFT_OUT))


def _single(frames: Sequence[Frame], headers: Sequence[Dataset], same_pixels: SamePixels) -> list[Frame]:
    """Return the frames without those that show the same at the same place as another; of those, the first is kept."""
    normal = plane_normal(frames[0].orientation)
    along = {id(frame): float(np.asarray(frame.position_mm) @ normal) for frame in frames}
    ordered = sorted(frames, key=lambda frame: (along[id(frame)], _in_order(headers[frame.source])))
    kept: list[Frame] = []
    for frame in ordered:
        near = [each for each in kept[-2:] if along[id(frame)] - along[id(each)] <= SAME_PLACE_MM]
        if not any(_is_copy(frame, each) and same_pixels(frame, each) for each in near):
            kept.append(frame)
    return kept


def _is_copy(one: Frame, other: Frame) -> bool:
    """Tell whether two frames lie at one place, and say the same of their pixels."""
    apart_mm = float(np.abs(np.subtract(one.position_mm, other.position_mm)).max())
    said = (one.rows, one.columns, one.slope, one.intercept), (other.rows, other.columns, other.slope, other.intercept)
    return apart_mm <= SAME_PLACE_MM and said[0] == said[1]
