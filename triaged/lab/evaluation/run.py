"""Runs the daemon's own pipeline over the cases of a list and compares what it finds with their references.

Must not know how figures are summed up or shown. Nothing that one case does ends the run: it becomes a row that says
why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from triaged.errors import TryLater, UnreadableStudy
from triaged.exams.ct.engines import Pipeline
from triaged.exams.ct.finding import LungAnalysis
from triaged.imaging.geometry import Geometry
from triaged.lab.evaluation.cases import BadCase, Case
from triaged.lab.evaluation.images import Images, read_images
from triaged.lab.evaluation.memory import forget_peak, peak_mib
from triaged.lab.evaluation.overlap import dice, lesion_count, surface_dice
from triaged.lab.evaluation.reference import (
    ReferenceLesions,
    ReferenceLungs,
    Region,
    read_lesions,
    read_lungs,
    worse_share,
)
from triaged.lab.evaluation.row import Outcome, Row, not_read
from triaged.study.coding import Output
from triaged.study.finding import Finding, QualityFlag

GradeCutOffs = tuple[float, float, float, float]
Reference = TypeVar("Reference", ReferenceLungs, ReferenceLesions)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """One case with everything that a picture of it needs; `reading` is None where the pipeline found no lungs."""

    row: Row
    images: Images
    reading: LungAnalysis | None
    lungs: ReferenceLungs | None
    lesions: ReferenceLesions | None


Look = Callable[[Compared], None]


def rows(
    cases: Iterable[Case | BadCase], pipeline: Pipeline, cut_offs: GradeCutOffs, look: Look = lambda _: None
) -> Iterator[Row]:
    """Yield a row for every case, in order; `look` sees each case that was measured before its images go."""
    for case in cases:
        if isinstance(case, BadCase):
            yield not_read(case, case.reason)
            continue
        try:
            yield _row(case, pipeline, cut_offs, look)
        except Exception as error:  # noqa: BLE001 a bug must cost one case, not the hours before it
            yield _broken(case, f"{type(error).__name__}: {error}")


def _row(case: Case, pipeline: Pipeline, cut_offs: GradeCutOffs, look: Look) -> Row:
    forget_peak()
    started = time.perf_counter()
    try:
        images = read_images(case.images)
    except (UnreadableStudy, TryLater) as error:
        return not_read(case, str(error))
    read = time.perf_counter()
    reading, reason = _read(pipeline, images)
    done, peak = time.perf_counter(), peak_mib()
    geometry = images.volume.geometry
    slices, row_count, columns = geometry.shape
    lungs, lung_notes = _reference(case.lungs, images, read_lungs)
    lesions, lesion_notes = _reference(case.lesions, images, read_lesions)
    row = Row(
        case.case,
        case.patient,
        case.group,
        Outcome.FAILED if reading is None else Outcome.MEASURED,
        reason,
        notes=(*images.notes, *lung_notes, *lesion_notes),
        slices=slices,
        matrix=f"{row_count}x{columns}",
        spacing_mm=geometry.spacing_mm,
        seconds_reading=read - started,
        seconds_pipeline=done - read,
        peak_mib=peak,
        follows=case.follows,
        **_severity_reference(case, lungs, lesions, reading, cut_offs),
    )
    if reading is None:
        row = replace(row, **_lost(lungs, lesions))
    else:
        row = replace(
            row,
            **_found(reading.finding),
            **(_lung_figures(reading, lungs, geometry) if lungs else {}),
            **(_lesion_figures(reading, lesions, geometry) if lesions else {}),
        )
    look(Compared(row, images, reading, lungs, lesions))
    return row


def _read(pipeline: Pipeline, images: Images) -> tuple[LungAnalysis | None, str]:
    try:
        return pipeline.read(images.volume, images.acquisition), ""
    except UnreadableStudy as error:
        return None, str(error)


def _reference(
    path: Any, images: Images, read: Callable[[Any, Images], Reference]
) -> tuple[Reference | None, tuple[str, ...]]:
    """Return a reference, or None with the reason why a mask that was named cannot be used."""
    if path is None:
        return None, ()
    try:
        found = read(path, images)
    except UnreadableStudy as error:
        return None, (f"mask not used: {error}",)
    return found, found.notes


def _broken(case: Case, reason: str) -> Row:
    lung_dice, lesion_dice = (None if path is None else 0.0 for path in (case.lungs, case.lesions))
    return Row(
        case.case, case.patient, case.group, Outcome.FAILED, reason, lung_dice=lung_dice, lesion_dice=lesion_dice
    )


def _lost(lungs: ReferenceLungs | None, lesions: ReferenceLesions | None) -> dict[str, Any]:
    """Return the figures of a case in which the pipeline found no lungs: nothing overlaps."""
    lost: dict[str, Any] = {}
    if lungs is not None:
        lost["lung_dice"] = float(not lungs.lung.any())
    if lesions is not None and lesions.lesion.any():
        lost |= {"lesion_dice": 0.0, "lesion_both_empty": False}
    return lost


def _found(finding: Finding) -> dict[str, Any]:
    numbers = finding.fields(Output.EVALUATION)
    named = {name: value for name, value in numbers.items() if name in Row.__dataclass_fields__}
    return {
        **named,
        "grade": None if finding.grade is None else finding.grade.level,
        "quality": tuple(flag.value for flag in finding.quality),
        "others": {name: value for name, value in numbers.items() if name not in named},
    }


def _lung_figures(reading: LungAnalysis, lungs: ReferenceLungs, geometry: Geometry) -> dict[str, Any]:
    right, left = reading.right_lung.voxels, reading.left_lung.voxels
    found = right | left
    reference_ml = float(lungs.lung.sum()) * geometry.voxel_ml
    figures: dict[str, Any] = {
        "lung_dice": dice(found, lungs.lung),
        "lung_error_ml": float(found.sum()) * geometry.voxel_ml - reference_ml,
        "lung_reference_ml": reference_ml,
    }
    if lungs.by_label and lungs.right is not None and lungs.left is not None:
        own = dice(right, lungs.right), dice(left, lungs.left)
        crossed = dice(right, lungs.left), dice(left, lungs.right)
        single = QualityFlag.SINGLE_LUNG in reading.finding.quality
        figures |= {
            "lung_dice_right": own[0],
            "lung_dice_left": own[1],
            "lungs_swapped": not single and sum(crossed) > sum(own),
        }
    return figures


def _lesion_figures(reading: LungAnalysis, lesions: ReferenceLesions, geometry: Geometry) -> dict[str, Any]:
    found, reference = reading.lesion.voxels, lesions.lesion
    count = lesion_count(found, reference, geometry.voxel_ml)
    reference_ml = float(reference.sum()) * geometry.voxel_ml
    return {
        "lesion_dice": dice(found, reference),
        "lesion_both_empty": not found.any() and not reference.any(),
        "lesion_surface_dice": surface_dice(found, reference, geometry),
        "lesion_recall": count.recall,
        "lesions_reference": count.reference,
        "lesions_false": count.false,
        "lesion_error_ml": float(found.sum()) * geometry.voxel_ml - reference_ml,
        "lesion_reference_ml": reference_ml,
    }


def _severity_reference(
    case: Case,
    lungs: ReferenceLungs | None,
    lesions: ReferenceLesions | None,
    reading: LungAnalysis | None,
    cut_offs: Sequence[float],
) -> dict[str, Any]:
    """Return the reference severity, where it comes from, its grade, and that within the lungs found."""
    in_found: float | None = None
    if lesions is not None and reading is not None:
        in_found = _in_found_lungs(lesions.lesion, reading)
    by_masks: float | None = None
    if lesions is not None and lungs is not None:
        by_masks = worse_share(lesions.lesion, lungs.lung, lungs.right, lungs.left)
    sources = (("list", case.severity), ("reference masks", by_masks), ("reference lesions in found lungs", in_found))
    source, severity = next(((name, value) for name, value in sources if value is not None), (None, None))
    sides: dict[str, float | None] = {}
    if lesions is not None and lungs is not None:
        for name, side in (("right", lungs.right), ("left", lungs.left)):
            sides[f"reference_{name}"] = None if side is None else worse_share(lesions.lesion, side, None, None)
    return {
        **sides,
        "severity_reference": severity,
        "severity_source": source,
        "severity_in_found_lungs": in_found,
        "grade_reference": None if severity is None else sum(severity >= cut_off for cut_off in cut_offs),
    }


def _in_found_lungs(lesion: Region, reading: LungAnalysis) -> float | None:
    right, left = reading.right_lung.voxels, reading.left_lung.voxels
    single = QualityFlag.SINGLE_LUNG in reading.finding.quality
    return worse_share(lesion, right | left, None if single else right, None if single else left)
