"""Puts the last scored X-ray of the same patient beside this one; no DICOM, and never a patient attribute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from triaged.exams.exam import Earlier
from triaged.exams.xray.decoding.radiograph import Radiograph
from triaged.exams.xray.finding import XrayReading
from triaged.exams.xray.pictures.cells import score_cells
from triaged.exams.xray.pictures.kept import KeptXray, kept_of
from triaged.exams.xray.pictures.overlay import fitted_grey, overlaid, pixel_to_fit
from triaged.exams.xray.pictures.placed import NO_LETTERS, set_upright, write_shares
from triaged.exams.xray.pictures.wording import estimate_words, score_of
from triaged.exams.xray.zones import thirds
from triaged.results.identity import sent_text
from triaged.results.layout import FOOT, GREY, LARGE, MARGIN, PAGE_WIDTH, TOP, Heading, Sheet
from triaged.results.page import Page
from triaged.results.wording import to_ascii, written_date
from triaged.study.coding import percent
from triaged.study.concepts import EXTENT, LEFT_LUNG, REPEAT_SD, RIGHT_LUNG, ZONES
from triaged.study.finding import Finding
from triaged.study.records import Prior
from triaged.study.rounding import points

Row = tuple[str, str, str, str]

_ROOM: Final = ((PAGE_WIDTH - 3 * MARGIN) // 2, 424)
_CELLS: Final = (132, 128)
_COLUMNS: Final = (0, 180, 380, 580)
_ROW_HEIGHT: Final = 26
_SIDES: Final = (RIGHT_LUNG, LEFT_LUNG)


def comparison_page(
    radiograph: Radiograph, reading: XrayReading, earlier: Earlier, heading: Heading, algorithm: str
) -> Page:
    """Return both X-rays with their outlines, at one scale where both say theirs, and what changed.

    `earlier.view` is a `KeptXray`.
    """
    then: KeptXray = earlier.view
    both = (_read(then, earlier.prior.finding), then), (reading, kept_of(radiograph, reading))
    dates = written_date(earlier.prior.study_date), written_date(sent_text(radiograph.header, "StudyDate"))
    scale = _common_scale([kept for _, kept in both])
    sheet, lowest = Sheet(heading), TOP
    for side, ((each, kept), caption) in enumerate(zip(both, ("Earlier: ", "This study: "), strict=True)):
        plain = fitted_grey(kept.grey, kept.spacing_mm, _ROOM, scale)
        height, width = plain.shape[:2]
        at = side * PAGE_WIDTH // 2 + (PAGE_WIDTH // 2 - width) // 2, TOP
        set_upright(sheet, overlaid(plain, each), at, caption + dates[side])
        write_shares(sheet, each, at, (width, height))
        lowest = max(lowest, TOP + height)
    _write_below(sheet, reading.finding, earlier.prior, dates, lowest + MARGIN)
    sheet.paragraph(_cautions(reading.finding, earlier.prior, algorithm), (MARGIN, FOOT - 44))
    return Page("comparison", "Comparison with the earlier X-ray", sheet.pixels, None, None, is_resampled=True)


def change_rows(then: Finding, now: Finding) -> tuple[Row, ...]:
    """Return what was found then, now, and the change, shares of area in percentage points."""
    sides = (_share_row(site.noun.capitalize(), *(each.value(EXTENT, site) for each in (then, now))) for site in _SIDES)
    scores = score_of(then), score_of(now)
    zones = (
        "Affected zones",
        f"{scores[0]} of {len(ZONES)}",
        f"{scores[1]} of {len(ZONES)}",
        f"{scores[1] - scores[0]:+d}",
    )
    return *sides, zones, ("Estimated volume", estimate_words(then) or "-", estimate_words(now) or "-", "")


def _read(kept: KeptXray, finding: Finding) -> XrayReading:
    """Return an earlier X-ray as it was read, as far as it was kept."""
    cuts = thirds(kept.right_lung), thirds(kept.left_lung)
    return XrayReading(finding, kept.right_lung, kept.left_lung, kept.affected, kept.affected, None, *cuts)


def _common_scale(pictures: Sequence[KeptXray]) -> float | None:
    """Return how large a pixel of the page is in mm with which all fit; None where one does not say its size."""
    if any(each.spacing_mm is None for each in pictures):
        return None
    return max(pixel_to_fit(each.grey.shape, each.spacing_mm, _ROOM) for each in pictures)


def _write_below(sheet: Sheet, now: Finding, prior: Prior, dates: tuple[str, str], top: int) -> None:
    """Write the six zones of both at the left and right, and the numbers between them."""
    for x, finding in ((MARGIN, prior.finding), (PAGE_WIDTH - MARGIN - _CELLS[0], now)):
        sheet.picture(score_cells(finding, _CELLS), (x, top), "", NO_LETTERS)
        sheet.text((x + _CELLS[0] // 2 - 24, top + _CELLS[1] + 4), f"{score_of(finding)} of {len(ZONES)}", LARGE)
    left = MARGIN + _CELLS[0] + 36
    rows = (("Affected area", *dates, "Change"), *change_rows(prior.finding, now))
    for number, row in enumerate(rows):
        for x, words in zip(_COLUMNS, row, strict=True):
            sheet.text((left + x, top + number * _ROW_HEIGHT), words, LARGE, *(() if number else (GREY,)))
    line = top + _ROW_HEIGHT - 3
    sheet.draw.line([(left, line), (left + 680, line)], fill=GREY)


def _cautions(now: Finding, prior: Prior, algorithm: str) -> tuple[str, ...]:
    """Return what speaks against reading a change of the patient from the numbers."""
    scatter = now.value(REPEAT_SD)
    other = f"Earlier by {to_ascii(prior.algorithm)}, now by {to_ascii(algorithm)}: compare with care."
    words = (
        f"The affected area of one chest scatters by {100 * scatter:.0f} points (SD) from X-ray to X-ray."
        if scatter
        else ""
    )
    return tuple(filter(None, (words, other if prior.algorithm != algorithm else "")))


def _share_row(name: str, then: float | None, now: float | None) -> Row:
    if then is None or now is None:
        before, after = ("-" if each is None else percent(each) for each in (then, now))
        return name, before, after, "not comparable"
    return name, percent(then), percent(now), to_ascii(points(round(100 * (now - then), 6)))
