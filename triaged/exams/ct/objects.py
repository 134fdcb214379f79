"""Turns one assessed study into its result objects, its regions coded by SNOMED CT; knows no file and no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pydicom.dataset import Dataset

from triaged.exams.ct.affected import AFFECTED_SLICE_MM2
from triaged.exams.ct.decoding.series import DecodedSeries
from triaged.exams.ct.finding import DENSE_HU, LungAnalysis
from triaged.exams.ct.options import Palette
from triaged.exams.ct.outlined import Place, places_of
from triaged.exams.ct.pictures.coronal import encode_coronal
from triaged.exams.ct.pictures.keyslices import KeySlice, SliceName, key_slices, lesion_mm2, slice_names
from triaged.exams.ct.pictures.pages import PICTURES_TITLE, reason_pages, result_pages
from triaged.exams.ct.pictures.projection import cropped, projections
from triaged.exams.ct.pictures.sides import Draft, blank_pages, blank_views, drawn, encode_draft
from triaged.exams.ct.pictures.surface import labels_of
from triaged.exams.ct.pictures.wording import analysis_lines, selection_words
from triaged.exams.ct.pictures.zones import lung_thirds, whole
from triaged.exams.exam import Earlier, Results
from triaged.imaging.geometry import Reorientation
from triaged.results import codes
from triaged.results.instance import ResultObject, ResultSeries
from triaged.results.key_objects import key_object_selection
from triaged.results.layout import Heading
from triaged.results.measured import Outlined
from triaged.results.provenance import Provenance
from triaged.results.sc import begun_pictures, begun_turning, completed, pictures, reason_pictures
from triaged.results.seg import Region, Segment, segmentation
from triaged.results.source import SourceSeries, frames_at, single_frames, source_series
from triaged.results.sr import Examined, report
from triaged.results.text import text_report
from triaged.results.wording import Lines, reason_lines, revision_note
from triaged.study.assessment import Reason
from triaged.study.coding import Code
from triaged.study.concepts import LEFT_LUNG, LUNGS, RIGHT_LUNG, SERVICE
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import Ranking

_RIGHT_LUNG, _LEFT_LUNG, _LUNG = (codes.of(site.code) for site in (RIGHT_LUNG, LEFT_LUNG, LUNGS))
_LESION = codes.of(Code("52988006", "SCT", "Lesion"))
_CONSOLIDATION = codes.of(Code("9656002", "SCT", "Consolidation"))
_ANATOMY, _ABNORMAL = codes.ANATOMICAL_STRUCTURE, codes.ABNORMAL_STRUCTURE
_NOT_SPLIT = "Both lungs, which could not be told apart"
_LESION_IS = "Lung that the algorithm takes for affected"
_SOLID_IS = f"Part of the lung opacity above {DENSE_HU} HU, vessels left out: told by density, not by a reader"

_LUNGS = Region("Lungs", _NOT_SPLIT, _ANATOMY, _LUNG, _LUNG, (40000, 29000, 19000))
_RIGHT = Region("Right lung", "Right lung", _ANATOMY, _RIGHT_LUNG, _RIGHT_LUNG, (40000, 29000, 19000))
_LEFT = Region("Left lung", "Left lung", _ANATOMY, _LEFT_LUNG, _LEFT_LUNG, (40000, 36000, 22000))
_OPACITY = Region("Lung opacity", _LESION_IS, _ABNORMAL, _LESION, _LUNG, (38000, 50000, 45000))
_SOLID = Region("Consolidation", _SOLID_IS, _ABNORMAL, _CONSOLIDATION, _LUNG, (30000, 52000, 28000))


def segments(reading: LungAnalysis, provenance: Provenance) -> tuple[Segment, ...]:
    """Return the regions that have voxels; without two lungs told apart, one region stands for both."""
    first = _RIGHT if reading.left_lung.voxels.any() else _LUNGS
    masks = reading.right_lung, reading.left_lung, reading.lesion, reading.consolidation
    named = zip((first, _LEFT, _OPACITY, _SOLID), masks, strict=True)
    present = [(region, mask) for region, mask in named if mask.voxels.any()]
    return tuple(
        Segment(number, region, provenance.uid("tracking", region.kind.value), mask)
        for number, (region, mask) in enumerate(present, start=1)
    )


EXAMINED: Final = Examined(Code("169069000", "SCT", "CT of chest"), LUNGS, "Both lungs")
SEGMENTATION: Final = ResultSeries(ObjectKind.SEG, "lungs and opacity", body_part="CHEST", label="LUNGS_OPACITY")
PICTURES: Final = ResultSeries(ObjectKind.SC, PICTURES_TITLE, body_part="CHEST", of="a CT")
SIDES: Final = ResultSeries(ObjectKind.SIDES, body_part="CHEST", of="a CT")
TURNING: Final = ResultSeries(ObjectKind.TURNING, body_part="CHEST", of="a CT")
_FRAME_MS = 120.0
REASON_PICTURES: Final = ResultSeries(ObjectKind.SC, PICTURES_TITLE, of="a CT")

Writer = Callable[[SourceSeries, Lines, Provenance], ResultObject]
WRITERS: tuple[Writer, ...] = (text_report,)
"""What writes the words of a scored study, each an object of a kind of its own."""


def result_objects(
    read: DecodedSeries,
    reading: LungAnalysis,
    ranking: Ranking,
    provenance: Provenance,
    *,
    palette: Palette = Palette.GREEN_RED,
    earlier: Earlier | None = None,
    writers: Sequence[Writer] = WRITERS,
) -> Results:
    """Return segmentation, reports and pictures of one reading, with `earlier` beside it; see `Analysis`.

    Raises:
        ValueError: the headers do not fit the geometry.
    """
    source, volume, reorientation = source_series(read.headers, read.source_geometry), read.volume, read.reorientation
    header = source.header
    described = segments(reading, provenance)
    masks = None
    if described:
        grid = read.source_geometry
        masks = segmentation(source, grid, reorientation, described, provenance, SEGMENTATION, read.spread)
    names = slice_names(read.headers, source, reorientation, read.spread)
    lines = analysis_lines(header, reading, ranking, provenance, earlier.prior if earlier else None, names)
    shown_most = _most_affected(reading, names)
    outlined = _outlined(source, reorientation, places_of(shown_most, reading, reorientation))
    measurements = report(source, reading.finding, ranking, EXAMINED, lines, masks, described, provenance, outlined)
    words = (write(source, lines, provenance) for write in writers)
    selected = _selected(source, reorientation, names, shown_most, reading, provenance)
    views = projections(volume, reading)
    pages = result_pages(
        header, volume, views, reading, ranking, provenance, palette=palette, earlier=earlier, slice_names=names
    )
    shown = pictures(source, reorientation, pages, provenance, PICTURES)
    written = (*((masks,) if masks else ()), measurements, *words, *selected, *shown)
    draft = _draft(source, lines, reading, provenance, palette)
    return Results(written, encode_coronal(cropped(views)[0]), None if draft is None else encode_draft(draft))


def completed_objects(draft: Draft) -> tuple[ResultObject, ...]:
    """Return the lungs from four sides, and turning."""
    pages, views = drawn(draft)
    *of_pages, of_views = draft.begun
    single = (completed(begun, ObjectKind.SIDES, [page]) for begun, page in zip(of_pages, pages, strict=True))
    return (*single, completed(of_views, ObjectKind.TURNING, views))


def _draft(
    source: SourceSeries, lines: Lines, reading: LungAnalysis, provenance: Provenance, palette: Palette
) -> Draft | None:
    """Return all that it takes to draw the lungs in 3-D later; None where no lung was found."""
    if not (reading.right_lung.voxels.any() or reading.left_lung.voxels.any()):
        return None
    begun = begun_pictures(source, blank_pages(), provenance, SIDES)
    turning = begun_turning(source, blank_views(), provenance, TURNING, _FRAME_MS)
    heading = Heading(lines.headline, SIDES.notice, revision_note(provenance), purpose=lines.aim)
    return Draft(labels_of(reading), reading.lesion.geometry.spacing_mm[0], palette, heading, (*begun, turning))


def _most_affected(reading: LungAnalysis, names: Sequence[SliceName]) -> tuple[KeySlice, ...]:
    """Return the most affected slice of each third of the lungs that has an affected one."""
    geometry = reading.lesion.geometry
    thirds = key_slices(whole(lung_thirds(reading)), names)
    return tuple(one for one in thirds if lesion_mm2(one, geometry) >= AFFECTED_SLICE_MM2)


def _outlined(source: SourceSeries, reorientation: Reorientation, places: Sequence[Place]) -> tuple[Outlined, ...]:
    """Return what the report outlines on the images, so that a viewer draws it."""
    frames = frames_at(source, reorientation, [each.index for each in places])
    return tuple(
        Outlined(
            f"Lung opacity {each.number}, most affected slice of the {each.third} third",
            f"opacity {each.third} {each.number}",
            _LESION,
            LUNGS,
            each.points,
            is_part=False,
            frame=frame,
            area_mm2=each.area_mm2,
        )
        for each, frame in zip(places, frames, strict=True)
    )


def _selected(
    source: SourceSeries,
    reorientation: Reorientation,
    names: Sequence[SliceName],
    chosen: Sequence[KeySlice],
    reading: LungAnalysis,
    provenance: Provenance,
) -> tuple[ResultObject, ...]:
    """Return the document that names the most affected slice of each third that has an affected one; else none.

    None either where the source's images are not slices of the volume, as in a series of sagittal images.
    """
    frames = frames_at(source, reorientation, [one.index for one in chosen])
    if not frames:
        return ()
    words = selection_words(chosen, reading.lesion.geometry, names)
    return (key_object_selection(source, frames, words, provenance),)


def reason_objects(
    header: Dataset, reason: Reason, ranking: Ranking, provenance: Provenance
) -> tuple[ResultObject, ...]:
    """Return the objects of a study that has no score: one page that says why, without a heat map, and that as text."""
    source = single_frames([header])
    words = reason_lines(header, reason, ranking, provenance, SERVICE)
    shown = reason_pictures(source, reason_pages(header, reason, ranking, provenance), provenance, REASON_PICTURES)
    return (*shown, text_report(source, words, provenance, reason_key=f"{reason.code.value} {reason.detail}"))
