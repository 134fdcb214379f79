"""Puts the last scored study of the same patient beside this one; no DICOM, and never a patient attribute."""

from __future__ import annotations

from collections.abc import Sequence

from triaged.exams.ct.finding import CtNumbers
from triaged.exams.ct.pictures.wording import changed, changed_ml
from triaged.results.layout import GREY, LARGE, MARGIN, PAGE_WIDTH, Sheet
from triaged.study.coding import MILLILITRE, percent
from triaged.study.finding import Finding, Grade
from triaged.study.records import Prior

Row = tuple[str, str, str, str]

_COLUMNS = (MARGIN, 240, 400, 560)
_ROW_HEIGHT = 28


def change_rows(finding: Finding, prior: Prior) -> tuple[Row, ...]:
    """Return what was measured then, now, and the change: shares in percentage points, volume in millilitres."""
    then, now = CtNumbers.of(prior.finding), CtNumbers.of(finding)
    shares = (
        ("Right lung", then.severity_right, now.severity_right),
        ("Left lung", then.severity_left, now.severity_left),
        ("Both lungs", then.severity_total, now.severity_total),
    )
    rows = [_share_row(*each) for each in shares]
    volume = changed_ml(now.lesion_ml, then.lesion_ml)
    rows.append(("Affected volume", MILLILITRE.text(then.lesion_ml), MILLILITRE.text(now.lesion_ml), volume))
    return (*rows, _grade_row(prior.finding.grade, finding.grade))


def write_change(sheet: Sheet, rows: Sequence[Row], dates: tuple[str, str], top: int) -> int:
    """Write the rows under the two dates and return where they end."""
    for x, words in zip(_COLUMNS, ("Affected share", *dates, "Change"), strict=True):
        sheet.text((x, top), words, LARGE, GREY)
    for number, row in enumerate(rows, 1):
        level = top + number * _ROW_HEIGHT
        for x, words in zip(_COLUMNS, row, strict=True):
            sheet.text((x, level), words, LARGE)
    below = top + (len(rows) + 1) * _ROW_HEIGHT
    sheet.draw.line([(MARGIN, top + _ROW_HEIGHT - 4), (PAGE_WIDTH - MARGIN, top + _ROW_HEIGHT - 4)], fill=GREY)
    return below


def _grade_row(then: Grade | None, now: Grade | None) -> Row:
    if then is None or now is None:
        return "Computed grade", str(then or ""), str(now or ""), "not comparable"
    return "Computed grade", str(then), str(now), "same" if then == now else f"{now.level - then.level:+d}"


def _share_row(name: str, then: float | None, now: float | None) -> Row:
    if then is None or now is None:
        return name, _told(then), _told(now), "not comparable"
    return name, percent(then), percent(now), changed(now, then)


def _told(share: float | None) -> str:
    return "not told apart" if share is None else percent(share)
