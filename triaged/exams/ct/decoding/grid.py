"""Frames to the grid that they lie on, or the reason why they lie on none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from triaged.errors import UnreadableStudy
from triaged.exams.ct.decoding.frames import Frame
from triaged.imaging.geometry import Geometry
from triaged.imaging.stack import Fault, FaultKind, Spread, arrange, plane_normal, same_orientation, spread
from triaged.study.assessment import ReasonCode
from triaged.study.finding import QualityFlag
from triaged.study.uids import derived_uid, is_valid_uid

REASON_OF_FAULT = {
    FaultKind.DUPLICATE: ReasonCode.DUPLICATE_POSITIONS,
    FaultKind.SHEARED: ReasonCode.GANTRY_TILT,
    FaultKind.MISSING: ReasonCode.MISSING_SLICES,
    FaultKind.IRREGULAR: ReasonCode.IRREGULAR_SPACING,
}


_FLAG_OF_FAULT = {
    FaultKind.MISSING: QualityFlag.SLICES_MISSING,
    FaultKind.IRREGULAR: QualityFlag.IRREGULAR_SPACING,
}


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Frames in source order (rising along the slice normal) and their grid.

    Axis 0 counts these frames; or, where they lie at uneven steps, the layers of `spread`. `repairs` is what was wrong
    and could be mended.
    """

    frames: tuple[Frame, ...]
    geometry: Geometry
    spread: Spread | None
    repairs: tuple[QualityFlag, ...]

    @property
    def shown(self) -> tuple[int, ...]:
        """For each slice of the grid, the index of the frame that fills it."""
        return tuple(range(len(self.frames))) if self.spread is None else self.spread.shown


def place(frames: Sequence[Frame], min_slices: int, max_spacing_mm: float) -> Placed:
    """Return the frames in order along their normal, with their grid.

    Raises:
        UnreadableStudy: the frames are too few, differ in what a volume's slices share, or are not stacked so that each
            stands for 12 mm of the patient at most.
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
    if stack.fault is not None and not stack.can_be_spread:
        raise UnreadableStudy(REASON_OF_FAULT[stack.fault.kind], stack.fault.detail)
    if stack.fault is None and stack.gap_mm > max_spacing_mm:
        detail = f"expected a slice every {max_spacing_mm:g} mm or less, found one every {stack.gap_mm:.2f} mm"
        raise UnreadableStudy(ReasonCode.SPACING_TOO_WIDE, detail)
    ordered = tuple(frames[index] for index in stack.order)
    layers = None if stack.fault is None else spread(stack.along_mm, [frame.position_mm for frame in ordered])
    affine = np.eye(4)
    affine[:3, 0] = stack.step_mm if layers is None else stack.step_mm * (len(ordered) - 1) / (len(layers.shown) - 1)
    affine[:3, 1] = np.asarray(first.orientation[3:]) * first.pixel_spacing_mm[0]
    affine[:3, 2] = np.asarray(first.orientation[:3]) * first.pixel_spacing_mm[1]
    affine[:3, 3] = ordered[0].position_mm
    shape = (len(ordered) if layers is None else len(layers.shown), first.rows, first.columns)
    geometry = Geometry(affine, shape, _frame_of_reference(ordered))
    return Placed(ordered, geometry, layers, tuple(_repairs(frames, stack.fault)))


def _repairs(frames: Sequence[Frame], fault: Fault | None) -> Iterator[QualityFlag]:
    if fault is not None:
        yield _FLAG_OF_FAULT[fault.kind]
    if _frame_per_slice(frames):
        yield QualityFlag.FRAME_PER_SLICE


def _frame_per_slice(frames: Sequence[Frame]) -> bool:
    """Tell whether most slices have a frame of reference of their own, or some have none.

    A few frames of reference in one series are places in which the patient lay, and may not be mixed; one for each
    slice, or one that some slices do not name, is the work of an anonymiser.
    """
    said = {frame.frame_of_reference_uid for frame in frames}
    distinct = len(said)
    return distinct > 1 and (2 * distinct > len(frames) or len(said - {""}) == 1)


def _require_alike(frames: Sequence[Frame]) -> None:
    first = frames[0]
    their_own = _frame_per_slice(frames)
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
            if one != other and not _close(one, other) and not (their_own and "Frame" in what):
                raise UnreadableStudy(ReasonCode.MIXED_FRAMES, f"expected one {what}, found {one} and {other}")


def _close(one: object, other: object) -> bool:
    """Tell whether two pixel spacings differ by rounding only: a quarter of a pixel at the edge of 512."""
    return isinstance(one, tuple) and isinstance(other, tuple) and bool(np.allclose(one, other, rtol=5e-4, atol=1e-4))


def _frame_of_reference(frames: Sequence[Frame]) -> str:
    """Return the sender's UID, or a valid one that is a function of what was sent (see `triaged.study.uids`)."""
    sent = tuple(dict.fromkeys(frame.frame_of_reference_uid for frame in frames))
    return sent[0] if len(sent) == 1 and is_valid_uid(sent[0]) else derived_uid("frame of reference", *sent)
