"""Chooses the one series of a study that is scored, and tells whether it is whole; pure, from headers alone.

A series must pass every gate; among those that do, preferences are compared in their declared order, and the first one
that differs decides. Every series that is not chosen gets its reason in words. When to stop waiting for slices is
decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydicom.uid import UID

from triaged.exams.ct.kernel import Sharpness
from triaged.exams.ct.profile import CT_STORAGE, Profile, calls_itself_chest, profile
from triaged.exams.exam import Choice
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.body_part import BodyPart
from triaged.study.records import InstanceHeader, Series
from triaged.study.uids import SeriesUID

__all__ = ["CT_STORAGE", "MAX_SPACING_MM", "MIN_SLICES", "MOST_VOXELS", "ScopeOptions", "aim", "choose", "is_whole"]

MIN_SLICES = 8
"""The multitask network's 3D pyramid pooling has 8 cells along the slices (Goncharov et al.): fewer cannot fill it."""
MAX_SPACING_MM = 10.0
MOST_VOXELS = 400_000_000
"""1500 slices of 512 x 512. A volume and the masks on it take 5 bytes a voxel: 2 GB."""


@dataclass(frozen=True, slots=True)
class ScopeOptions:
    """What a series must have, and where preferences change; lengths in mm."""

    min_slices: int = MIN_SLICES
    max_spacing_mm: float = MAX_SPACING_MM
    axial_tolerance_degrees: float = 30.0
    thin_mm: float = 3.0
    thin_min_slices: int = 30
    chest_extent_mm: float = 200.0


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition for being scored: `refuse` returns what was expected and found where it is not met."""

    code: ReasonCode
    refuse: Callable[[Profile, ScopeOptions], str | None]


@dataclass(frozen=True, slots=True)
class Preference:
    """One criterion: the lower `rank` is preferred; `words` say what is preferred, `value` what a series has."""

    words: str
    rank: Callable[[Profile, ScopeOptions], float]
    value: Callable[[Profile], str]


_PICTURES = frozenset(
    {"MPR", "REFORMATTED", "REFORMAT", "CURVED", "MIP", "MINIP", "MAXIMUM", "MINIMUM", "VRT", "SSD"}
    | {"SCREEN", "SAVE", "DOSE", "REPORT", "PERFUSION", "SUBTRACTION", "RCBF", "RCBV", "MTT", "TTP", "TMAX"}
    | {"STD_DEVIATION", "T_TEST", "Z_SCORE", "IODINE", "ELECTRON_DENSITY", "EFF_ATOMIC_NUM"}
)
"""Words of Image Type that mark what was computed from slices: reformats, projections, maps, reports."""
_REPORT = re.compile(r"dose (?:report|info|record|summary)|patient protocol|screen ?(?:save|shot|cap)", re.IGNORECASE)


def _not_ct(found: Profile, _: ScopeOptions) -> str | None:
    if found.ct_instances:
        return None
    kinds = sorted({_kind(instance.image) for instance in found.series.instances}) or ["no instance"]
    return f"expected CT images, found {', '.join(kinds)}"


def _kind(image: InstanceHeader) -> str:
    """Return what an image calls itself; its class as well where that contradicts its modality."""
    name = UID(image.sop_class_uid).name
    return f"{name} of modality CT" if image.modality == "CT" else image.modality or name


def _localizer(found: Profile, _: ScopeOptions) -> str | None:
    return None if found.slices else f"expected slices, found {found.ct_instances} localizer images"


def _picture(found: Profile, _: ScopeOptions) -> str | None:
    words = [
        {word for value in slice_.image.image_type for word in (value.upper(), *re.split(r"[^A-Z0-9]+", value.upper()))}
        for slice_ in found.slices
    ]
    marks = sorted(_PICTURES.intersection(*words))
    if marks:
        return f"expected slices as reconstructed, found Image Type {marks[0]}"
    named = [_REPORT.search(slice_.image.series_description or "") for slice_ in found.slices]
    return f"expected slices, found a series named '{named[0][0]}'" if named[0] is not None else None


def _not_hounsfield(found: Profile, _: ScopeOptions) -> str | None:
    headers = [slice_.image for slice_ in found.slices]
    if not any(header.has_rescale for header in headers):
        return "expected a Rescale Intercept, found none"
    types = {(header.rescale_type or "HU").strip().upper() for header in headers}
    if "HU" not in types:
        return f"expected Rescale Type HU, found {', '.join(sorted(types))}"
    if all((header.samples_per_pixel or 1) > 1 for header in headers):
        return "expected one sample per pixel, found colour images"
    return None


def _not_axial(found: Profile, options: ScopeOptions) -> str | None:
    angle = found.degrees_off_axial
    if angle is None:
        none_is_said = all(slice_.image.image_orientation_patient is None for slice_ in found.slices)
        found_instead = "none" if none_is_said else "no two perpendicular unit vectors"
        return f"expected Image Orientation (Patient), found {found_instead}"
    if angle > options.axial_tolerance_degrees:
        return f"expected axial slices, found slices {angle:.0f} degrees off"
    return None


def _not_chest(found: Profile, _: ScopeOptions) -> str | None:
    if found.body_part is not BodyPart.ELSEWHERE:
        return None
    return f"expected a chest, found Body Part Examined {found.slices[0].image.body_part_examined}"


def _too_few(found: Profile, options: ScopeOptions) -> str | None:
    if found.count >= options.min_slices:
        return None
    also = f"; {found.fault}" if found.fault else ""
    return f"expected at least {options.min_slices} slices, found {found.count}{also}"


def _too_wide(found: Profile, options: ScopeOptions) -> str | None:
    if found.gap_mm <= options.max_spacing_mm:
        return None
    return f"expected a slice every {options.max_spacing_mm:g} mm or less, found one every {found.gap_mm:.1f} mm"


def _too_large(found: Profile, _: ScopeOptions) -> str | None:
    """Judge by what the headers announce; what slices at uneven steps fill is judged when they are read."""
    headers = [slice_.image for slice_ in found.slices]
    voxels = sum((header.rows or 0) * (header.columns or 0) * header.number_of_frames for header in headers)
    return None if voxels <= MOST_VOXELS else f"expected at most {MOST_VOXELS} voxels, found {voxels}"


GATES: tuple[Gate, ...] = (
    Gate(ReasonCode.NO_CT, _not_ct),
    Gate(ReasonCode.LOCALIZER_ONLY, _localizer),
    Gate(ReasonCode.NO_AXIAL_SERIES, _picture),
    Gate(ReasonCode.NON_HU, _not_hounsfield),
    Gate(ReasonCode.NO_AXIAL_SERIES, _not_axial),
    Gate(ReasonCode.NOT_CHEST, _not_chest),
    Gate(ReasonCode.TOO_FEW_SLICES, _too_few),
    Gate(ReasonCode.SPACING_TOO_WIDE, _too_wide),
    Gate(ReasonCode.TOO_LARGE, _too_large),
)
"""In order; the study's own reason is that of the series that came through most of them."""

SOUND = Preference(
    "slices that are one volume", lambda p, _: float(p.fault is not None), lambda p: p.fault or "one volume"
)
PREFERENCES: tuple[Preference, ...] = (
    Preference("a chest", lambda p, _: p.body_part, lambda p: p.body_part.name.lower()),
    Preference("original axial images", lambda p, _: p.origin, lambda p: p.origin.name.lower().replace("_", " ")),
    Preference(
        "the length of a chest", lambda p, o: float(p.extent_mm < o.chest_extent_mm), lambda p: f"{p.extent_mm:.0f} mm"
    ),
    Preference(
        "thin slices",
        lambda p, o: float(not (0.0 < p.thickness_mm <= o.thin_mm and p.count >= o.thin_min_slices)),
        lambda p: f"{p.count} of {p.thickness_mm:g} mm",
    ),
    Preference("thin slices", lambda p, _: _thickness_step(p.thickness_mm), lambda p: f"{p.thickness_mm:g} mm"),
    Preference("a lung kernel", lambda p, _: p.kernel, lambda p: _kernel_words(p.kernel)),
    Preference("thin slices", lambda p, _: p.thickness_mm or 99.0, lambda p: f"{p.thickness_mm:g} mm"),
    Preference("most coverage", lambda p, _: -round(p.extent_mm), lambda p: f"{p.extent_mm:.0f} mm"),
    Preference("the lower series number", lambda p, _: _series_number(p), lambda p: f"{_series_number(p):.0f}"),
)
"""In order: the first one in which two series differ decides between them; at last, the Series Instance UID."""


def choose(series: Sequence[Series], options: ScopeOptions | None = None) -> Choice:
    """Return the series to score, or why there is none, with a reason for every series that is not chosen.

    Readable series come before those with gaps, duplicates or tilt; where all have such a fault, the one that would be
    best without it is chosen, so that reading it names the fault.
    """
    return _choose(series, options or ScopeOptions(), (SOUND, *PREFERENCES))


def aim(series: Sequence[Series], options: ScopeOptions | None = None) -> Profile | None:
    """Return the series that would be chosen if all were whole: the one to wait for while slices still arrive."""
    chosen = _choose(series, options or ScopeOptions(), PREFERENCES).chosen
    return None if chosen is None else profile(chosen)


def is_whole(series: Sequence[Series], scope: ScopeOptions | None = None) -> bool:
    """Tell whether the series to score has arrived as one volume.

    That is a multi-frame image; or slices at even steps without gap or duplicate, as many as Images in Acquisition
    (0020,1002) says where it is given. Slices missing at either end cannot be seen without that number.
    """
    target = aim(series, scope)
    if target is None or target.fault is not None:
        return False
    expected = max((instance.image.images_in_acquisition or 0 for instance in target.slices), default=0)
    return target.is_multi_frame or target.count >= expected


def _choose(series: Sequence[Series], options: ScopeOptions, preferences: Sequence[Preference]) -> Choice:
    passed: list[Profile] = []
    refused: list[tuple[int, SeriesUID, str]] = []
    profiles = [profile(each) for each in series]
    for found in profiles:
        gates = ((number, gate.refuse(found, options)) for number, gate in enumerate(GATES))
        failed = next(((number, detail) for number, detail in gates if detail is not None), None)
        if failed is None:
            passed.append(found)
        else:
            refused.append((failed[0], found.series.series_uid, failed[1]))
    declined = [(uid, detail) for _, uid, detail in refused]
    foreign = frozenset(uid for number, uid, _ in refused if number == 0)
    if not passed:
        is_chest = any(map(calls_itself_chest, profiles))
        return Choice(None, tuple(declined), *_study_reason(refused), foreign=foreign, calls_itself_one=is_chest)
    passed.sort(key=lambda p: (*(rule.rank(p, options) for rule in preferences), p.series.series_uid.value))
    best, *others = passed
    declined += [(other.series.series_uid, _why(best, other, options, preferences)) for other in others]
    chosen = Series(best.series.series_uid, best.slices)
    return Choice(chosen, tuple(declined), None, len(GATES), foreign=foreign)


def _study_reason(refused: Sequence[tuple[int, SeriesUID, str]]) -> tuple[Reason, int]:
    """Return the reason of the series that came furthest, and how many gates it passed."""
    if not refused:
        return Reason(ReasonCode.NO_CT, "expected a CT series, found no series"), 0
    number, _, detail = max(refused, key=lambda entry: entry[0])
    return Reason(GATES[number].code, detail), number


def _why(best: Profile, other: Profile, options: ScopeOptions, preferences: Sequence[Preference]) -> str:
    name = best.series.series_uid
    for rule in preferences:
        if rule.rank(best, options) != rule.rank(other, options):
            return f"series {name} is preferred for {rule.words}: {rule.value(best)}, here {rule.value(other)}"
    return f"series {name} is alike and comes first by its UID"


def _thickness_step(thickness_mm: float) -> float:
    """Return the class of like thicknesses that a slice belongs to."""
    return float(sum(thickness_mm > limit for limit in (1.5, 3.0, 5.0, 10.0))) if thickness_mm > 0.0 else 9.0


def _kernel_words(kernel: Sharpness) -> str:
    return {Sharpness.LUNG: "lung", Sharpness.UNKNOWN: "unknown", Sharpness.SOFT: "soft"}[kernel]


def _series_number(found: Profile) -> float:
    number = found.slices[0].image.series_number
    return float("inf") if number is None else float(number)
