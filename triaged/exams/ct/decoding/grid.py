"""Frames to the grid that they lie on, or the reason why they lie on none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from triaged.errors import UnreadableStudy
from triaged.exams.ct.decoding.frames import Frame
from triaged.imaging.geometry import Geometry
from triaged.imaging.stack import FaultKind, arrange, plane_normal, same_orientation
from triaged.study.assessment import ReasonCode
from triaged.study.uids import derived_uid, is_valid_uid

REASON_OF_FAULT = {
    FaultKind.DUPLICATE: ReasonCode.DUPLICATE_POSITIONS,
    FaultKind.SHEARED: ReasonCode.GANTRY_TILT,
    FaultKind.MISSING: ReasonCode.MISSING_SLICES,
    FaultKind.IRREGULAR: ReasonCode.IRREGULAR_SPACING,
}


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Frames in source order (rising along the slice normal) and their grid: axis 0 counts these frames."""

    frames: tuple[Frame, ...]
    geometry: Geometry


def place(frames: Sequence[Frame], min_slices: int, max_spacing_mm: float) -> Placed:
    """Return the frames in order along their normal, with their grid.

    Raises:
        UnreadableStudy: the frames are too few, differ in what a volume's slices share, or are not evenly stacked.
    """
    if len(frames) < max(2, min_slices):
        detail = f"expected at least {max(2, min_slices)} slices, found {len(frames)}"
        raise UnreadableStudy(ReasonCode.TOO_FEW_SLICES, detail)
    _require_alike(frames)
    first = frames[0]
    try:
        plane_normal(first.orientation)
    except ValueError as error:
        raise UnreadableStudy(ReasonCode.CORRUPT, str(error)) from error
    stack = arrange(np.array([frame.position_mm for frame in frames]), first.orientation)
    if stack.fault is not None:
        raise UnreadableStudy(REASON_OF_FAULT[stack.fault.kind], stack.fault.detail)
    if stack.gap_mm > max_spacing_mm:
        detail = f"expected a slice every {max_spacing_mm:g} mm or less, found one every {stack.gap_mm:.2f} mm"
        raise UnreadableStudy(ReasonCode.SPACING_TOO_WIDE, detail)
    ordered = tuple(frames[index] for index in stack.order)
    affine = np.eye(4)
    affine[:3, 0] = stack.step_mm
    affine[:3, 1] = np.asarray(first.orientation[3:]) * first.pixel_spacing_mm[0]
    affine[:3, 2] = np.asarray(first.orientation[:3]) * first.pixel_spacing_mm[1]
    affine[:3, 3] = ordered[0].position_mm
    shape = (len(ordered), first.rows, first.columns)
    return Placed(ordered, Geometry(affine, shape, _frame_of_reference(first)))


def _require_alike(frames: Sequence[Frame]) -> None:
    first = frames[0]
    for frame in frames:
        if not same_orientation(frame.orientation, first.orientation):
            detail = f"expected one orientation, found {first.orientation} and {frame.orientation}"
            raise UnreadableStudy(ReasonCode.MIXED_ORIENTATION, detail)
        for what, one, other in (
            ("matrix", (first.rows, first.columns), (frame.rows, frame.columns)),
            ("Pixel Spacing", first.pixel_spacing_mm, frame.pixel_spacing_mm),
            ("Frame of Reference UID", first.frame_of_reference_uid, frame.frame_of_reference_uid),
            ("Stack ID", first.stack_id, frame.stack_id),
        ):
            if one != other and not _close(one, other):
                raise UnreadableStudy(ReasonCode.MIXED_FRAMES, f"expected one {what}, found {one} and {other}")


def _close(one: object, other: object) -> bool:
    """Tell whether two pixel spacings differ by rounding only."""
    return isinstance(one, tuple) and isinstance(other, tuple) and bool(np.allclose(one, other, rtol=0.0, atol=1e-4))


def _frame_of_reference(frame: Frame) -> str:
    """Return the sender's UID, or a valid one that is a function of what was sent (see `triaged.study.uids`)."""
    sent = frame.frame_of_reference_uid
    return sent if is_valid_uid(sent) else derived_uid("frame of reference", sent)
