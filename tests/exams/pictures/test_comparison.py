"""An earlier study beside this one: one scale, one palette, and the change in numbers."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.exams.pictures.test_wording import prior
from tests.results.ct_study import CtStudy, ct_study, provenance, ranking, standard_study
from triaged.exams.ct.finding import CtNumbers
from triaged.exams.ct.pictures.colour import OUTLINE
from triaged.exams.ct.pictures.comparison import change_rows
from triaged.exams.ct.pictures.coronal import decode_coronal, encode_coronal
from triaged.exams.ct.pictures.pages import result_pages
from triaged.exams.ct.pictures.projection import projections
from triaged.exams.exam import Earlier
from triaged.results.page import Page


@cache
def small_lesion() -> CtStudy:
    return ct_study(lesion_radius_mm=20.0)


@cache
def pages() -> tuple[Page, ...]:
    """Return the pages of the standard study after one whose lesion was smaller."""
    study = standard_study()
    coronal = projections(small_lesion().volume, small_lesion().reading)[0]
    earlier = Earlier(prior(), decode_coronal(encode_coronal(coronal)))
    return result_pages(
        study.sources[0],
        study.volume,
        projections(study.volume, study.reading),
        study.reading,
        ranking(),
        provenance(study.sources),
        earlier=earlier,
    )


def test_the_comparison_is_the_last_page_and_of_the_same_size() -> None:
    assert [page.name for page in pages()][-1] == "comparison"
    assert {page.pixels.shape for page in pages()} == {pages()[0].pixels.shape}
    assert not pages()[-1].slices


def test_both_lungs_are_drawn_at_the_same_millimetres_per_pixel() -> None:
    page = pages()[-1]
    assert page.pixel_mm is not None
    outline = (page.pixels == np.array(OUTLINE)).all(axis=-1)[98:740]
    columns = np.flatnonzero(outline.any(axis=0))
    gap = int(np.diff(columns).argmax())
    before, after = columns[: gap + 1], columns[gap + 1 :]
    for lungs in (before, after):
        width_mm = (np.ptp(lungs) + 1) * page.pixel_mm
        assert width_mm == pytest.approx((75 + 52) + (75 + 58), abs=6.0)


def test_the_larger_lesion_is_the_one_of_this_study() -> None:
    coloured = np.ptp(pages()[-1].pixels[98:440].astype(int), axis=-1) > 40
    outline = (pages()[-1].pixels[98:440] == np.array(OUTLINE)).all(axis=-1)
    columns = np.flatnonzero((coloured & ~outline).any(axis=0))
    gap = int(np.diff(columns).argmax())
    assert np.ptp(columns[: gap + 1]) < 0.7 * np.ptp(columns[gap + 1 :])


def test_the_rows_hold_both_measurements_and_the_change() -> None:
    finding = standard_study().reading.finding
    rows = {row[0]: row[1:] for row in change_rows(finding, prior())}
    right = round(100 * finding.urgency)
    assert rows["Right lung"] == ("2 %", f"{right} %", f"+{round(100 * (finding.urgency - 0.02))} points")
    assert rows["Left lung"] == ("4 %", "0 %", "-4 points")
    assert rows["Affected volume"][0] == "100 mL"
    assert rows["Affected volume"][2] == f"{CtNumbers.of(finding).lesion_ml - 100:+.0f} mL"
    assert rows["Computed grade"] == ("CT-1", "CT-1", "same")


def test_a_lung_that_was_not_told_apart_then_is_not_compared() -> None:
    rows = {
        row[0]: row[1:] for row in change_rows(standard_study().reading.finding, prior(severity_right=None, grade=3))
    }
    assert rows["Right lung"][0] == "not told apart"
    assert rows["Right lung"][2] == "not comparable"
    assert rows["Computed grade"] == ("CT-3", "CT-1", "-2")
