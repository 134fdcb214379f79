"""Composes the pages of a result, all of one size, so that they can be frames of one object; knows nothing of DICOM.

No patient attribute is ever drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.colour import overlaid, plain
from triaged.exams.ct.pictures.comparison import change_rows, write_change
from triaged.exams.ct.pictures.disputed import disputed_page
from triaged.exams.ct.pictures.keyslices import (
    KeySlice,
    SliceName,
    draw_slice,
    key_slices,
    locator,
    numbered,
    slices_affected,
)
from triaged.exams.ct.pictures.legend import LEGEND_WIDTH, draw_band, draw_legend
from triaged.exams.ct.pictures.projection import Direction, Projection, cropped, lungs_rows
from triaged.exams.ct.pictures.strip import STRIP_ROOM, Label, draw_strip, range_labels
from triaged.exams.ct.pictures.twice import SHAPE_HEIGHT, frame_of, set_twice
from triaged.exams.ct.pictures.wording import analysis_lines, other_engine, slice_line
from triaged.exams.ct.pictures.zones import LungThirds, lung_thirds, whole
from triaged.exams.exam import Earlier
from triaged.imaging.volume import Volume
from triaged.results.identity import sent_text
from triaged.results.instance import ResultSeries
from triaged.results.layout import AMBER, CAPTION, FOOT, MARGIN, PAGE_WIDTH, TOP, Heading, Markers, Sheet
from triaged.results.page import Page, Picture
from triaged.results.provenance import Provenance
from triaged.results.wording import Lines, reason_lines, revision_note, written_date
from triaged.study.assessment import Reason
from triaged.study.coding import percent
from triaged.study.concepts import SERVICE
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import Ranking

PICTURES_TITLE = "CT-derived projection"
_NOTICE = ResultSeries(ObjectKind.SC, PICTURES_TITLE).notice
_PROJECTED, _SLICED = "Parallel projection on the CT grid", "A slice of the CT"
_CORONAL, _SAGITTAL = Markers("R", "L", "H", "F"), Markers("A", "P", "H", "F")
_SIDE = 40  # room beside a view for the numbers of its thirds
_VIEW_WIDTH, _VIEW_HEIGHT = PAGE_WIDTH - 2 * _SIDE - STRIP_ROOM, FOOT - TOP - CAPTION
_PAIR_WIDTH = (PAGE_WIDTH - 2 * _SIDE) // 2
_COMPARED_HEIGHT = 410
_FINEST_MM = 0.45  # finer pixels would show nothing more of a CT


@dataclass(frozen=True, slots=True)
class _Style:
    """What all pages of a result have in common."""

    heading: Heading
    palette: Palette
    lines: Lines
    thirds: tuple[LungThirds, ...]
    labels: tuple[Label, ...]


def result_pages(
    header: Dataset,
    volume: Volume,
    views: Sequence[Projection],
    reading: LungAnalysis,
    ranking: Ranking,
    provenance: Provenance,
    *,
    palette: Palette = Palette.GREEN_RED,
    earlier: Earlier | None = None,
    slice_names: Sequence[SliceName] = (),
) -> tuple[Page, ...]:
    """Return the pages of a scored study: summary, each view, key slices, what is disputed, and the change since
    `earlier`.

    `views` are the uncut `projections` of the volume. `slice_names` are what a viewer calls each of its slices, so that
    a reader can jump there.
    """
    coronal, *sagittals = shown = cropped(tuple(views))
    names = slice_names or numbered(volume.geometry.shape[0])
    lines = analysis_lines(header, reading, ranking, provenance, earlier.prior if earlier else None, names)
    heading = Heading(lines.headline, _NOTICE, revision_note(provenance), purpose=lines.aim)
    thirds = lung_thirds(reading)
    affected = slices_affected(whole(thirds), volume.geometry, names)
    labels = range_labels(affected, names, lungs_rows(tuple(views)).start)
    style = _Style(heading, palette, lines, thirds, labels)
    pages = [
        _summary(shown, style),
        _coronal_plain(coronal, style),
        _coronal_severity(coronal, style),
        *(_sagittal(one, style) for one in sagittals),
        *_key_slices(volume, reading, views[0], style, names),
    ]
    if (disputed := disputed_page(volume, reading, views[0], names, heading)) is not None:
        pages.append(disputed)
    if earlier is not None:
        pages.append(_comparison(header, coronal, reading, earlier, style, other_engine(earlier.prior, provenance)))
    return tuple(pages)


def reason_pages(header: Dataset, reason: Reason, ranking: Ranking, provenance: Provenance) -> tuple[Page, ...]:
    """Return the page of a study that has no score: the reason, and no picture of the patient."""
    lines = reason_lines(header, reason, ranking, provenance, SERVICE)
    sheet = Sheet(Heading(lines.headline, _NOTICE, revision_note(provenance), AMBER, lines.aim))
    sheet.paragraph(lines.body, (MARGIN, TOP))
    return (Page("reason", "Not scored", sheet.pixels, None, None, f"{reason.code.value} {reason.detail}"),)


def _summary(views: Sequence[Projection], style: _Style) -> Page:
    """Return the page to look at first: what, where and how much."""
    coronal, *sagittals = views
    pixel_mm = _summary_pixel_mm(coronal, sagittals)
    sheet = Sheet(style.heading)
    grey = plain(coronal, pixel_mm)
    _draw_overlaid(sheet, coronal, grey, (MARGIN, TOP), pixel_mm, style.palette)
    sheet.picture(grey, (2 * MARGIN + grey.shape[1], TOP), "Coronal, plain", _CORONAL)
    draw_legend(sheet, (PAGE_WIDTH - LEGEND_WIDTH, TOP), grey.shape[0], style.palette)
    left, top = MARGIN, TOP + grey.shape[0] + CAPTION + 8
    for view in sagittals:
        grey = plain(view, pixel_mm)
        _draw_overlaid(sheet, view, grey, (left, top), pixel_mm, style.palette)
        left += grey.shape[1] + MARGIN
    sheet.paragraph(style.lines.body, (left + 4, top - CAPTION))
    return Page("summary", "Summary", sheet.pixels, None, None)


def _summary_pixel_mm(coronal: Projection, sagittals: Sequence[Projection]) -> float:
    """Return the pixel that lets two coronal views stand side by side and leaves two fifths of the width for text."""
    height_mm, width_mm = _size_mm(coronal)
    beside = 2.0 * width_mm / (PAGE_WIDTH - LEGEND_WIDTH - 4 * MARGIN)
    below = sum(_size_mm(one)[1] for one in sagittals) / (PAGE_WIDTH - 400.0 - 4 * MARGIN)
    return max(beside, below, height_mm / 310.0, 0.3)


def _coronal_mm(view: Projection) -> float:
    """Return the pixel of a coronal view by itself: as large as the numbers and the strip beside it allow."""
    height_mm, width_mm = _size_mm(view)
    return max(width_mm / _VIEW_WIDTH, height_mm / _VIEW_HEIGHT, _FINEST_MM)


def _coronal_plain(view: Projection, style: _Style) -> Page:
    """Return the coronal view alone, where the page with severity has it, so that one can be laid over the other."""
    pixel_mm, sheet, title = _coronal_mm(view), Sheet(style.heading), "Coronal, plain"
    sheet.picture(plain(view, pixel_mm), (_SIDE, TOP), title, _CORONAL)
    return Page("coronal-plain", title, sheet.pixels, pixel_mm, ("L", "F"), scale=_PROJECTED)


def _coronal_severity(view: Projection, style: _Style) -> Page:
    """Return the coronal view with severity in colour, the shares of the thirds, and the strip of the slices."""
    pixel_mm, sheet, title = _coronal_mm(view), Sheet(style.heading), "Coronal, severity"
    grey = plain(view, pixel_mm)
    edges = _SIDE, _SIDE + grey.shape[1]
    _draw_overlaid(sheet, view, grey, (_SIDE, TOP), pixel_mm, style.palette)
    _write_thirds(sheet, view, style.thirds, edges, pixel_mm)
    draw_strip(sheet, view, (edges[1] + _SIDE, TOP), pixel_mm, style.palette, style.labels)
    draw_band(sheet, style.palette)
    return Page("coronal-severity", title, sheet.pixels, pixel_mm, ("L", "F"), scale=_PROJECTED)


def _sagittal(view: Projection, style: _Style) -> Page:
    """Return a view from the side with severity in colour, and the same plain beside it."""
    height_mm, width_mm = _size_mm(view)
    pixel_mm = max(width_mm / _PAIR_WIDTH, height_mm / _VIEW_HEIGHT, _FINEST_MM)
    sheet, words = Sheet(style.heading), view.direction.value.capitalize()
    grey = plain(view, pixel_mm)
    width = grey.shape[1]
    _draw_overlaid(sheet, view, grey, (_SIDE, TOP), pixel_mm, style.palette)
    _write_thirds(sheet, view, style.thirds, (_SIDE, _SIDE + width), pixel_mm)
    sheet.picture(grey, (2 * _SIDE + width, TOP), f"{words}, plain", _SAGITTAL)
    draw_band(sheet, style.palette)
    name = f"{view.direction.value.replace(' ', '-')}-severity"
    return Page(name, f"{words}, severity", sheet.pixels, pixel_mm, ("P", "F"), scale=_PROJECTED)


def _key_slices(
    volume: Volume, reading: LungAnalysis, coronal: Projection, style: _Style, names: Sequence[SliceName]
) -> list[Page]:
    frame = frame_of(volume, reading)
    shape_mm = max(_size_mm(coronal)[0] / SHAPE_HEIGHT, 1.0)
    pages = []
    for one in key_slices(whole(style.thirds), names):
        pair = draw_slice(volume, reading, one.index, frame.field, frame.pixel_mm)
        where = locator(coronal, one.index, shape_mm)
        words = slice_line(one, volume.geometry, names[one.index])
        title, name = f"Key slice, {one.third} third", f"key-slice-{one.third}"
        pixels = _key_slice(pair, where, one, words, style.heading)
        pages.append(Page(name, title, pixels, frame.pixel_mm, ("L", "P"), "", (one.index,), _SLICED))
    return pages


def _key_slice(
    pair: tuple[Picture, Picture], where: Picture, chosen: KeySlice, words: Sequence[str], heading: Heading
) -> Picture:
    """Return a slice outlined and plain, and below it in words and as a line on the lungs where it lies."""
    sheet = Sheet(heading)
    captions = (
        f"Axial, {chosen.third} third; yellow: lesion, cyan: lungs",
        "The same, plain; window -1350 to 150 HU",
    )
    set_twice(sheet, pair, captions, where, words)
    return sheet.pixels


def _comparison(
    header: Dataset, coronal: Projection, reading: LungAnalysis, earlier: Earlier, style: _Style, caution: str
) -> Page:
    """Return the coronal views of both studies side by side, at the same scale and in the same colours."""
    (then,) = cropped((earlier.view,))
    heights_mm, widths_mm = zip(_size_mm(then), _size_mm(coronal), strict=True)
    pixel_mm = max(sum(widths_mm) / (PAGE_WIDTH - 3 * MARGIN), max(heights_mm) / _COMPARED_HEIGHT, _FINEST_MM)
    dates = written_date(earlier.prior.study_date), written_date(sent_text(header, "StudyDate"))
    sheet = Sheet(style.heading)
    left, lowest = MARGIN, TOP
    for view, caption in ((then, f"Earlier: {dates[0]}"), (coronal, f"This study: {dates[1]}")):
        grey = plain(view, pixel_mm)
        _draw_overlaid(sheet, view, grey, (left, TOP), pixel_mm, style.palette, caption)
        left += grey.shape[1] + MARGIN
        lowest = max(lowest, TOP + grey.shape[0])
    draw_band(sheet, style.palette)
    below = write_change(sheet, change_rows(reading.finding, earlier.prior), dates, lowest + MARGIN)
    sheet.paragraph(tuple(filter(None, (caution,))), (MARGIN, below))
    return Page("comparison", "Comparison", sheet.pixels, pixel_mm, ("L", "F"), scale=_PROJECTED)


def _draw_overlaid(
    sheet: Sheet,
    view: Projection,
    grey: Picture,
    at: tuple[int, int],
    pixel_mm: float,
    palette: Palette,
    caption: str = "",
) -> None:
    """Draw a view with severity in colour and the borders of the lungs' thirds."""
    words = caption or f"{view.direction.value.capitalize()}, severity"
    sheet.picture(overlaid(view, pixel_mm, grey, palette), at, words, _markers(view))
    rows_mm, columns_mm = view.spacing_mm
    for cut in view.cuts:
        start = at[0] + cut.start * columns_mm / pixel_mm, at[1] + cut.row * rows_mm / pixel_mm
        sheet.dashes(start, (cut.stop - cut.start) * columns_mm / pixel_mm)


def _write_thirds(
    sheet: Sheet, view: Projection, thirds: Sequence[LungThirds], edges: tuple[int, int], pixel_mm: float
) -> None:
    """Write the share of each third beside its lung: right lung at the image's left, any other at the right."""
    own = [one for one in thirds if view.direction is not Direction.SAGITTAL_LEFT or one.name == "L"]
    for number, one in enumerate(own[: len(view.cuts) // 2]):
        lower, upper = (TOP + cut.row * view.spacing_mm[0] / pixel_mm for cut in view.cuts[2 * number : 2 * number + 2])
        third = lower - upper
        x, anchor = (edges[0] - 4, "rm") if one.name == "R" else (edges[1] + 4, "lm")
        levels = lower + third / 2, (lower + upper) / 2, upper - third / 2
        for level, share in zip(levels, one.counts.shares, strict=True):
            sheet.beside((x, level), percent(share), anchor)


def _markers(view: Projection) -> Markers:
    return _CORONAL if view.direction is Direction.CORONAL else _SAGITTAL


def _size_mm(view: Projection) -> tuple[float, float]:
    rows_mm, columns_mm = view.spacing_mm
    return view.path_mm.shape[0] * rows_mm, view.path_mm.shape[1] * columns_mm
