"""What a series is, as far as the headers of its instances say; knows nothing of what is wanted (see `choice`)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from triaged.exams.ct.kernel import Sharpness, sharpness
from triaged.imaging.stack import FaultKind, arrange, plane_normal, same_orientation
from triaged.study.body_part import BodyPart, body_part
from triaged.study.records import Instance, InstanceHeader, Series

CT_STORAGE = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
        "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image Storage
        "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image Storage
    }
)
_STANDARD_ROOT = "1.2.840.10008."
_CAPTURES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture Image Storage
        "1.2.840.10008.5.1.4.1.1.7.3",  # Multi-frame Grayscale Word Secondary Capture Image Storage
    }
)
LOCALIZER = re.compile(r"scout|topogram|locali[sz]er|surview|scanogram", re.IGNORECASE)


class Origin(IntEnum):
    """Where the pixels come from, by Image Type (PS3.3 C.8.2.1.1.1), the best one first."""

    ORIGINAL_AXIAL = 0
    ORIGINAL = 1
    DERIVED = 2
    DERIVED_SECONDARY = 3


_CHEST_IN_WORDS = re.compile(r"chest|thora|t\u00f3rax|torax|lung|pulm", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Profile:
    """One series as its headers describe it; lengths in mm, None or 0 where they do not say.

    `slices` are the CT instances that are no localizers. `fault` is what keeps them from being one volume, `fault_kind`
    its name where it is one of the stack's; a multi-frame image, whose positions stay in the file, has none.
    """

    series: Series
    slices: tuple[Instance, ...]
    ct_instances: int
    count: int
    is_multi_frame: bool
    degrees_off_axial: float | None
    gap_mm: float
    thickness_mm: float
    extent_mm: float
    fault: str | None
    fault_kind: FaultKind | None
    origin: Origin
    body_part: BodyPart
    kernel: Sharpness


def profile(series: Series) -> Profile:
    """Return what the headers of a series say of it."""
    ct = _ct_images(series)
    slices = tuple(each for each in ct if not is_localizer(each.image.image_type, each.image.series_description))
    headers = [instance.image for instance in slices]
    is_multi_frame = any(header.number_of_frames > 1 for header in headers)
    count = sum(header.number_of_frames for header in headers)
    layout = _Layout.of_frames(headers) if is_multi_frame else _Layout.of_planes(headers)
    thickness = max((header.slice_thickness_mm or 0.0 for header in headers), default=0.0)
    return Profile(
        series=series,
        slices=slices,
        ct_instances=len(ct),
        count=count,
        is_multi_frame=is_multi_frame,
        degrees_off_axial=_degrees_off_axial(headers),
        gap_mm=layout.gap_mm,
        thickness_mm=max(thickness, layout.gap_mm),
        extent_mm=layout.extent_mm,
        fault=layout.fault,
        fault_kind=layout.fault_kind,
        origin=max((_origin(header) for header in headers), default=Origin.ORIGINAL),
        body_part=min(map(body_part, {header.body_part_examined for header in headers}), default=BodyPart.UNSAID),
        kernel=sharpness(next((header.convolution_kernel for header in headers), None)),
    )


def is_ct(sop_class_uid: str, modality: str) -> bool:
    """Tell whether an image is a CT: by its class, or by its modality where its class does not say what made it.

    Gateways wrap slices in captures, and old scanners have private classes.
    """
    says_nothing = sop_class_uid in _CAPTURES or not sop_class_uid.startswith(_STANDARD_ROOT)
    return sop_class_uid in CT_STORAGE or (says_nothing and modality == "CT")


def _ct_images(series: Series) -> list[Instance]:
    """Return the CT images of a series; those of another class only where they say all that makes a slice.

    A capture of the dose beside slices is not one of them.
    """
    ct = [each for each in series.instances if is_ct(each.image.sop_class_uid, each.image.modality)]
    named = [each for each in ct if each.image.sop_class_uid in {"", *CT_STORAGE}]
    return named or [each for each in ct if each.image.has_rescale and each.image.image_orientation_patient]


def calls_itself_chest(found: Profile) -> bool:
    """Tell whether slices of CT say that they are of a chest: by Body Part Examined, else by the name of the series."""
    if found.body_part is BodyPart.UNSAID:
        names = {slice_.image.series_description or "" for slice_ in found.slices}
        return any(_CHEST_IN_WORDS.search(name) for name in names)
    return bool(found.slices) and found.body_part is BodyPart.CHEST


@dataclass(frozen=True, slots=True)
class _Layout:
    gap_mm: float = 0.0
    extent_mm: float = 0.0
    fault: str | None = None
    fault_kind: FaultKind | None = None

    @classmethod
    def of_frames(cls, headers: Sequence[InstanceHeader]) -> _Layout:
        thickness = headers[0].slice_thickness_mm or 0.0
        fault = f"expected one multi-frame image, found {len(headers)} instances" if len(headers) > 1 else None
        return cls(extent_mm=thickness * sum(header.number_of_frames for header in headers), fault=fault)

    @classmethod
    def of_planes(cls, headers: Sequence[InstanceHeader]) -> _Layout:
        planes = [
            (header.image_position_patient, header.image_orientation_patient)
            for header in headers
            if header.image_position_patient is not None and header.image_orientation_patient is not None
        ]
        if len(planes) < len(headers):
            return cls(fault=f"expected a position on every slice, found none on {len(headers) - len(planes)}")
        if len(planes) < 2:
            return cls()
        positions, orientation = np.array([plane[0] for plane in planes]), planes[0][1]
        if any(not same_orientation(orientation, other) for other in {plane[1] for plane in planes}):
            return cls(fault="expected one orientation, found several")
        if len({(header.rows, header.columns) for header in headers}) > 1:
            return cls(fault="expected one matrix, found several")
        try:
            stack = arrange(positions, orientation)
        except ValueError as error:
            return cls(fault=str(error))
        extent = float(np.linalg.norm(stack.step_mm)) * len(planes)
        if stack.fault is None:
            return cls(stack.gap_mm, extent)
        gap_mm = extent / len(planes) if stack.can_be_spread else stack.gap_mm
        return cls(gap_mm, extent, stack.fault.detail, stack.fault.kind)


def is_localizer(image_type: Collection[str], series_description: str | None) -> bool:
    """Tell whether an image is a scout: by its Image Type, and by the series' name where that says no other.

    "Chest after scout" is a series of slices.
    """
    values = {value.upper() for value in image_type}
    named = series_description is not None and LOCALIZER.search(series_description) is not None
    return "LOCALIZER" in values or (named and "AXIAL" not in values)


def _origin(header: InstanceHeader) -> Origin:
    values = {value.upper() for value in header.image_type}
    if header.sop_class_uid in _CAPTURES:
        return Origin.DERIVED_SECONDARY
    if "DERIVED" not in values:
        return Origin.ORIGINAL_AXIAL if {"ORIGINAL", "AXIAL"} <= values else Origin.ORIGINAL
    return Origin.DERIVED_SECONDARY if "SECONDARY" in values else Origin.DERIVED


def _degrees_off_axial(headers: Sequence[InstanceHeader]) -> float | None:
    """Return the angle between the most frequent slice normal and the patient's long axis; None where none is said."""
    orientations = Counter(h.image_orientation_patient for h in headers if h.image_orientation_patient is not None)
    for orientation, _ in orientations.most_common():
        try:
            z = abs(float(plane_normal(orientation)[2]))
        except ValueError:
            continue
        return math.degrees(math.acos(min(1.0, z)))
    return None
