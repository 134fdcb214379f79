"""What each frame of a CT series says of its place and its numbers; reads headers, never pixels.

One classic CT image is one frame; an Enhanced CT image holds many, described by functional groups (PS3.3 C.7.6.16),
shared ones or per frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import Dataset

from triaged.dicom.attributes import Groups, attribute, functional, integer, items, number, numbers, text
from triaged.errors import UnreadableStudy
from triaged.exams.ct.profile import CT_STORAGE, is_ct
from triaged.imaging.stack import unit_vectors
from triaged.study.assessment import ReasonCode
from triaged.study.finding import QualityFlag

_TRANSFORMATION = "PixelValueTransformationSequence"
MOST_SLOPE, MOST_INTERCEPT = 1000.0, 1_000_000.0
"""Far beyond what makes Hounsfield units of 16 bits; with them nothing overflows that is computed in 32."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One plane of pixels: frame `number` (from 1) of the file at `source`, an index into the files that were given.

    Lengths are millimetres in LPS; `pixel_spacing_mm` is (between rows, between columns). Hounsfield units are
    `slope` * stored value + `intercept`. `padding` is the range of stored values that mean "nothing was measured here".
    """

    source: int
    number: int
    rows: int
    columns: int
    position_mm: tuple[float, float, float]
    orientation: tuple[float, float, float, float, float, float]
    pixel_spacing_mm: tuple[float, float]
    slope: float
    intercept: float
    padding: tuple[int, int] | None
    frame_of_reference_uid: str
    stack_id: str
    assumed: tuple[QualityFlag, ...] = ()
    """What the header does not say and was taken as the only thing that it can mean."""


def frames_of(headers: Sequence[Dataset]) -> tuple[Frame, ...]:
    """Return every frame of the files, in the order of the files.

    Raises:
        UnreadableStudy: an attribute that places a frame or makes Hounsfield units of it is absent or damaged, or the
            files are neither single-frame images nor exactly one multi-frame image.
    """
    if len(headers) > 1 and any(frame_count(header) > 1 for header in headers):
        found = f"{len(headers)} files with several frames"
        expected = "expected single-frame images or one multi-frame image"
        raise UnreadableStudy(ReasonCode.MIXED_FRAMES, f"{expected}, found {found}")
    return tuple(
        _frame(header, source, index + 1, groups)
        for source, header in enumerate(headers)
        for index, groups in enumerate(frame_groups(header))
    )


def frame_count(header: Dataset) -> int:
    """Return Number of Frames of a file, 1 where it is absent."""
    return max(1, integer(attribute(header, "NumberOfFrames")) or 1)


def voxels_of(header: Dataset) -> int:
    """Return how many voxels a file announces."""
    rows, columns = (integer(attribute(header, keyword)) or 0 for keyword in ("Rows", "Columns"))
    return rows * columns * frame_count(header)


def frame_groups(header: Dataset) -> tuple[Groups, ...]:
    """Return, for each frame, the data sets that its attributes may be in.

    Raises:
        UnreadableStudy: the image has several frames and does not describe each.
    """
    per_frame = items(header, "PerFrameFunctionalGroupsSequence")
    if not per_frame and frame_count(header) == 1:
        return ((header,),)
    if len(per_frame) != frame_count(header):
        raise _damaged(header, f"functional groups of {frame_count(header)} frames", f"those of {len(per_frame)}")
    shared = items(header, "SharedFunctionalGroupsSequence")
    return tuple((frame, *shared, header) for frame in per_frame)


def _frame(header: Dataset, source: int, frame_number: int, groups: Groups) -> Frame:
    _demand_ct(header)
    slope, intercept = _hounsfield(header, groups)
    position = _required(header, groups, "PlanePositionSequence", "ImagePositionPatient", 3)
    turn = _required(header, groups, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
    said = numbers(functional(groups, "PixelMeasuresSequence", "PixelSpacing"))
    is_one = len(said) == 1  # the pixels of a CT are square
    spacing = said * 2 if is_one else _required(header, groups, "PixelMeasuresSequence", "PixelSpacing", 2)
    if min(spacing) <= 0.0:
        raise _damaged(header, "a positive Pixel Spacing", f"{spacing}")
    return Frame(
        source=source,
        number=frame_number,
        rows=_count(header, "Rows"),
        columns=_count(header, "Columns"),
        position_mm=(position[0], position[1], position[2]),
        orientation=unit_vectors((turn[0], turn[1], turn[2], turn[3], turn[4], turn[5])),
        pixel_spacing_mm=(spacing[0], spacing[1]),
        slope=1.0 if slope is None else slope,
        intercept=intercept,
        padding=_padding(header),
        frame_of_reference_uid=text(attribute(header, "FrameOfReferenceUID")) or "",
        stack_id=text(functional(groups, "FrameContentSequence", "StackID")) or "",
        assumed=_assumed(header, has_slope=slope is not None, is_one=is_one),
    )


def _assumed(header: Dataset, *, has_slope: bool, is_one: bool) -> tuple[QualityFlag, ...]:
    sop_class_uid = text(attribute(header, "SOPClassUID")) or ""
    flags = {
        QualityFlag.CLASS_NOT_CT: sop_class_uid not in {"", *CT_STORAGE},
        QualityFlag.SLOPE_ASSUMED: not has_slope,
        QualityFlag.SQUARE_PIXELS: is_one,
    }
    return tuple(flag for flag, is_raised in flags.items() if is_raised)


def _demand_ct(header: Dataset) -> None:
    sop_class_uid, modality = (text(attribute(header, keyword)) or "" for keyword in ("SOPClassUID", "Modality"))
    if not is_ct(sop_class_uid, modality):
        raise UnreadableStudy(ReasonCode.NO_CT, f"expected a CT image, found another SOP class{_at(header)}")


def _hounsfield(header: Dataset, groups: Groups) -> tuple[float | None, float]:
    """Return rescale slope and intercept of what can be Hounsfield units (PS3.3 C.8.2.1: 16 bits, one sample, HU).

    Rescale Type is absent where the type is HU: the standard requires it only for other types. MONOCHROME1 says how an
    image is shown, after the rescale (PS3.3 C.7.6.3.1.2); its numbers are the same. A slope that is not there can only
    be 1, since an intercept without one has no other meaning.
    """
    samples = integer(attribute(header, "SamplesPerPixel"))
    photometric = text(attribute(header, "PhotometricInterpretation"))
    bits = integer(attribute(header, "BitsStored")) or integer(attribute(header, "BitsAllocated"))
    slope = number(functional(groups, _TRANSFORMATION, "RescaleSlope"))
    intercept = number(functional(groups, _TRANSFORMATION, "RescaleIntercept"))
    rescale_type = text(functional(groups, _TRANSFORMATION, "RescaleType"))
    if samples not in (None, 1):
        raise _not_hounsfield(header, "one sample per pixel", samples)
    if photometric not in (None, "MONOCHROME1", "MONOCHROME2"):
        raise _not_hounsfield(header, "MONOCHROME1 or MONOCHROME2", photometric)
    if bits is None or bits <= 8:
        raise _not_hounsfield(header, "more than 8 bits stored", bits)
    if intercept is None:
        raise _not_hounsfield(header, "a Rescale Intercept", "none")
    if slope is not None and not 0.0 < abs(slope) <= MOST_SLOPE:
        raise _not_hounsfield(header, f"a Rescale Slope other than zero and up to {MOST_SLOPE:g}", slope)
    if abs(intercept) > MOST_INTERCEPT:
        raise _not_hounsfield(header, f"a Rescale Intercept within {MOST_INTERCEPT:g}", intercept)
    if rescale_type is not None and rescale_type.upper() != "HU":
        raise _not_hounsfield(header, "Rescale Type HU", rescale_type)
    return slope, intercept


def _required(header: Dataset, groups: Groups, sequence: str, keyword: str, count: int) -> tuple[float, ...]:
    value = functional(groups, sequence, keyword)
    found = numbers(value)
    if len(found) != count:
        raise _damaged(header, f"{count} numbers in {keyword}", "none" if value is None else "something else")
    return found


def _count(header: Dataset, keyword: str) -> int:
    found = integer(attribute(header, keyword))
    if found is None or found < 1:
        raise _damaged(header, f"a count in {keyword}", f"{found}")
    return found


def _padding(header: Dataset) -> tuple[int, int] | None:
    value = integer(attribute(header, "PixelPaddingValue"))
    if value is None:
        return None
    limit = integer(attribute(header, "PixelPaddingRangeLimit"))
    ends = (value, value if limit is None else limit)
    return min(ends), max(ends)


def _not_hounsfield(header: Dataset, expected: str, found: object) -> UnreadableStudy:
    return UnreadableStudy(ReasonCode.NON_HU, f"expected {expected}, found {found}{_at(header)}")


def _damaged(header: Dataset, expected: str, found: str) -> UnreadableStudy:
    return UnreadableStudy(ReasonCode.CORRUPT, f"expected {expected}, found {found}{_at(header)}")


def _at(header: Dataset) -> str:
    return f" in instance {text(attribute(header, 'SOPInstanceUID')) or 'without UID'}"
