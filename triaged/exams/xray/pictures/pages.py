"""Composes the pages of a chest X-ray, all of one size, so that they can be frames of one object; knows no DICOM.

No patient attribute is ever drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from pydicom.dataset import Dataset

from triaged.exams.exam import Earlier
from triaged.exams.xray.decoding.radiograph import Radiograph
from triaged.exams.xray.finding import XrayReading
from triaged.exams.xray.pictures.cells import score_cells
from triaged.exams.xray.pictures.comparison import comparison_page
from triaged.exams.xray.pictures.overlay import (
    AFFECTED_STROKE,
    GATE_STROKE,
    LUNGS_STROKE,
    SOLID_STROKE,
    ZONES_STROKE,
    Stroke,
    drawn,
    fitted,
    overlaid,
)
from triaged.exams.xray.pictures.placed import NO_LETTERS, set_upright, write_shares
from triaged.exams.xray.pictures.wording import score_of, xray_reason_lines
from triaged.results.instance import ResultSeries
from triaged.results.layout import (
    AMBER,
    BAND_WIDTH,
    CAPTION,
    FOOT,
    GREY,
    LARGE,
    MARGIN,
    PAGE_HEIGHT,
    PAGE_WIDTH,
    SMALL,
    TOP,
    Heading,
    Sheet,
    fit_width,
)
from triaged.results.page import Page, Picture
from triaged.results.provenance import Provenance
from triaged.results.wording import Lines, revision_note
from triaged.study.assessment import Reason
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import Ranking

PICTURES_TITLE: Final = "X-ray with outlines"
_NOTICE: Final = ResultSeries(ObjectKind.SC, PICTURES_TITLE).notice
_OUTLINED: Final = "Outlines, and affected share of each zone"
_SUMMARY_HEIGHT: Final = 390
_LEGEND_WIDTH: Final = 190
_CELLS: Final = (186, 180)


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """What all pages of one reading are made of."""

    radiograph: Radiograph
    reading: XrayReading
    heading: Heading
    lines: Lines


def result_pages(
    radiograph: Radiograph,
    reading: XrayReading,
    lines: Lines,
    provenance: Provenance,
    earlier: Earlier | None = None,
) -> tuple[Page, ...]:
    """Return the pages of a scored X-ray: a summary, the outlines in full size, the plain radiograph, and an earlier
    X-ray of the patient beside this one, where there is one to draw.
    """
    heading = Heading(lines.headline, _NOTICE, revision_note(provenance), purpose=lines.aim)
    shown = _Shown(radiograph, reading, heading, lines)
    pages = _summary(shown), _outlined(shown), _plain(shown)
    if earlier is None:
        return pages
    return *pages, comparison_page(radiograph, reading, earlier, heading, provenance.algorithm)


def reason_pages(header: Dataset, reason: Reason, ranking: Ranking, provenance: Provenance) -> tuple[Page, ...]:
    """Return the page of an X-ray that has no score: the reason, and no picture of the patient."""
    lines = xray_reason_lines(header, reason, ranking, provenance)
    sheet = Sheet(Heading(lines.headline, _NOTICE, revision_note(provenance), AMBER, lines.aim))
    sheet.paragraph(lines.body, (MARGIN, TOP))
    key = f"{reason.code.value} {reason.detail}"
    return (Page("reason", "Not scored", sheet.pixels, None, None, key, is_resampled=True),)


def _summary(shown: _Shown) -> Page:
    """Return the page to look at first: what, where and how much, and the plain image beside it."""
    room = (PAGE_WIDTH - 3 * MARGIN) // 2, _SUMMARY_HEIGHT
    plain = fitted(shown.radiograph, room)
    height, width = plain.shape[:2]
    sheet = Sheet(shown.heading)
    left = (PAGE_WIDTH // 2 - width) // 2, PAGE_WIDTH // 2 + (PAGE_WIDTH // 2 - width) // 2
    set_upright(sheet, overlaid(plain, shown.reading), (left[0], TOP), _OUTLINED)
    write_shares(sheet, shown.reading, (left[0], TOP), (width, height))
    set_upright(sheet, plain, (left[1], TOP), "The same, plain")
    below = TOP + height + MARGIN
    cells = score_cells(shown.reading.finding, _CELLS)
    sheet.picture(cells, (MARGIN, below + CAPTION), "Affected zones", NO_LETTERS)
    score = f"{score_of(shown.reading.finding)} of 6"
    sheet.text((MARGIN + _CELLS[0] // 2 - 26, below + CAPTION + _CELLS[1] + 8), score, LARGE)
    column = 2 * MARGIN + _CELLS[0] + 8
    sheet.paragraph(shown.lines.body, (column, below), (PAGE_WIDTH - MARGIN - column, FOOT - 34 - below))
    _legend_line(sheet, shown.reading, (column, FOOT - 24))
    return Page("summary", "Summary", sheet.pixels, None, None, is_resampled=True)


def _outlined(shown: _Shown) -> Page:
    """Return the radiograph with all outlines, as large as the page allows, and what each line means beside it."""
    plain, at = _largest(shown.radiograph)
    height, width = plain.shape[:2]
    sheet = Sheet(shown.heading)
    set_upright(sheet, overlaid(plain, shown.reading), at, _OUTLINED)
    write_shares(sheet, shown.reading, at, (width, height))
    _legend(sheet, shown.reading, (at[0] + width + MARGIN, TOP))
    return Page("outlined", "X-ray with outlines", sheet.pixels, None, None, is_resampled=True)


def _plain(shown: _Shown) -> Page:
    """Return the radiograph alone, in the same place and size."""
    plain, at = _largest(shown.radiograph)
    sheet = Sheet(shown.heading)
    set_upright(sheet, plain, at, "Radiograph, plain")
    return Page("plain", "X-ray, plain", sheet.pixels, None, None, is_resampled=True)


def _largest(radiograph: Radiograph) -> tuple[Picture, tuple[int, int]]:
    """Return the radiograph as large as it can be beside the legend, and where: above the corners, or between them."""
    between = fitted(radiograph, (BAND_WIDTH, PAGE_HEIGHT - TOP - MARGIN))
    above = fitted(radiograph, (PAGE_WIDTH - _LEGEND_WIDTH - 2 * MARGIN, FOOT - TOP))
    if between.size > above.size:
        return between, ((PAGE_WIDTH - between.shape[1]) // 2, TOP)
    return above, (MARGIN, TOP)


def _strokes(reading: XrayReading) -> tuple[tuple[str, Stroke], ...]:
    """Return what each line on the picture means."""
    solid = reading.consolidation is not None and reading.consolidation.any()
    gated = reading.ungated.any() and not reading.affected.any()
    return (
        ("lungs", LUNGS_STROKE),
        *((("affected, hatched", AFFECTED_STROKE),) if reading.affected.any() else ()),
        *((("consolidated", SOLID_STROKE),) if solid else ()),
        *((("set aside by the gate", GATE_STROKE),) if gated else ()),
        ("thirds of equal area", ZONES_STROKE),
    )


def _legend(sheet: Sheet, reading: XrayReading, at: tuple[int, int]) -> None:
    x, y = at
    for words, stroke in _strokes(reading):
        sheet.paste(_sample(stroke, 36), (x, y))
        sheet.text((x + 44, y), words, SMALL, GREY)
        y += 24
    sheet.paste(score_cells(reading.finding, (168, 163)), (x, y + 24))
    sheet.text((x + 56, y + 24 + 170), f"{score_of(reading.finding)} of 6", LARGE)


def _legend_line(sheet: Sheet, reading: XrayReading, at: tuple[int, int]) -> None:
    x, y = at
    for words, stroke in _strokes(reading):
        sheet.paste(_sample(stroke, 30), (x, y))
        sheet.text((x + 36, y), words, SMALL, GREY)
        x += 36 + 16 + round(fit_width(words, SMALL))


def _sample(stroke: Stroke, width: int) -> Picture:
    """Return a piece of a line."""
    line = np.array([[1.0, 10.0], [width - 1.0, 10.0]])
    return drawn(np.zeros((20, width, 3), np.uint8), [(line, stroke)])
