"""The pages of a chest X-ray: that they fit together, hide nothing, and can be read without colour."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.results.ct_study import provenance, ranking
from tests.results.xray_study import XrayStudy, masks, reading_of, standard_xray, xray_study
from triaged.exams.xray.decoding.turning import Turn
from triaged.exams.xray.pictures.cells import score_cells
from triaged.exams.xray.pictures.overlay import AFFECTED, MOST_OPACITY, Stroke, drawn, fitted, overlaid
from triaged.exams.xray.pictures.pages import result_pages
from triaged.exams.xray.pictures.wording import affected_zones, analysis_lines
from triaged.results.page import Page
from triaged.study.concepts import ZONES
from triaged.study.finding import QualityFlag


def pages_of(study: XrayStudy) -> tuple[Page, ...]:
    made_by = provenance((study.image,), engine="cxr-open")
    lines = analysis_lines(study.radiograph, study.reading.finding, ranking(), made_by)
    return result_pages(study.radiograph, study.reading, lines, made_by)


@cache
def standard_pages() -> tuple[Page, ...]:
    return pages_of(standard_xray())


def upright_grey(fill: float = 0.5) -> NDArray[np.uint8]:
    return np.full((240, 200, 3), round(255 * fill), np.uint8)


def test_summary_outlines_and_plain_image_are_of_one_size() -> None:
    assert [page.name for page in standard_pages()] == ["summary", "outlined", "plain"]
    assert {page.pixels.shape for page in standard_pages()} == {(800, 1024, 3)}


def test_the_plain_page_has_no_colour_but_that_of_the_notice() -> None:
    plain = standard_pages()[2].pixels[98:]
    assert (plain.max(axis=2) == plain.min(axis=2)).all()


def test_the_two_full_pages_show_the_radiograph_in_the_same_place() -> None:
    outlined, plain = (page.pixels[98:, :700].astype(int) for page in standard_pages()[1:])
    same = (np.abs(outlined - plain).max(axis=2) == 0).mean()
    assert same > 0.75


@pytest.mark.parametrize("grey", [0.1, 0.5, 0.9])
def test_nothing_but_a_line_covers_more_than_a_quarter_of_the_grey(grey: float) -> None:
    reading = reading_of(masks())
    plain = upright_grey(grey)
    shown = overlaid(plain, reading).astype(float)
    inside = np.zeros((240, 200), bool)
    inside[106:114, 46:64] = True  # of the affected square, away from every line
    distance = np.array(AFFECTED) - plain[0, 0].astype(float)
    covered = (shown[inside] - plain[0, 0]) / np.where(np.abs(distance) < 20, np.inf, distance)
    assert covered.max() <= MOST_OPACITY + 0.02
    assert covered.max() >= 0.2, "the hatching is there"


def test_what_is_affected_is_hatched_so_that_it_is_seen_without_colour() -> None:
    shown = overlaid(upright_grey(0.2), reading_of(masks())).astype(float)
    luminance = shown @ (0.2126, 0.7152, 0.0722)
    assert np.unique(np.round(luminance[106:114, 46:64])).size == 2
    assert np.ptp(luminance[106:114, 46:64]) > 8
    assert np.ptp(luminance[60:70, 50:60]) == 0, "healthy lung is plain"


def test_outside_lines_tint_and_lungs_no_grey_is_changed() -> None:
    plain = upright_grey()
    shown = overlaid(plain, reading_of(masks()))
    both = masks()["right"] | masks()["left"]
    rows, columns = np.nonzero(both)
    outside = np.ones(both.shape, bool)
    outside[rows.min() - 3 : rows.max() + 4, columns.min() - 3 : columns.max() + 4] = False
    np.testing.assert_array_equal(shown[outside], plain[outside])


def test_the_lines_stand_out_from_black_from_white_and_from_each_other_in_brightness() -> None:
    white, black = upright_grey(1.0), upright_grey(0.0)
    for grey in (white, black):
        changed = np.abs(overlaid(grey, reading_of(masks())).astype(int) - grey).max(axis=2)
        assert (changed > 80).sum() > 500


def test_an_image_that_is_stored_turned_or_mirrored_is_shown_upright() -> None:
    plain = fitted(standard_xray().radiograph, (400, 400))
    for turn in (Turn(mirrored=True), Turn(1), Turn(2)):
        np.testing.assert_array_equal(fitted(xray_study(turn).radiograph, (400, 400)), plain)


def test_a_dashed_line_has_gaps_and_a_solid_one_has_none() -> None:
    black = np.zeros((20, 100, 3), np.uint8)
    line = np.array([[2.0, 10.0], [98.0, 10.0]])
    solid, dashed = (
        drawn(black, [(line, Stroke((255, 255, 255), 2.0, *gaps))])[10, 3:97, 0] for gaps in ((), (8.0, 6.0))
    )
    assert (solid > 100).all()
    assert 0.4 < (dashed > 100).mean() < 0.75


def test_the_cells_that_the_score_counts_are_filled() -> None:
    finding = standard_xray().reading.finding
    assert affected_zones(finding) == {ZONES[1]}
    cells = score_cells(finding, (196, 190)).astype(int)
    filled = (np.abs(cells - np.array(AFFECTED)).sum(axis=2) < 30).nonzero()
    assert filled[0].size > 1500
    assert filled[0].min() > 190 * 0.38
    assert filled[0].max() < 190 * 0.70
    assert filled[1].max() < 98, "the patient's right is on the left"


def test_the_words_say_what_was_estimated_and_what_limits_trust_and_nothing_of_ct_slices() -> None:
    study = standard_xray()
    lines = analysis_lines(study.radiograph, study.reading.finding, ranking(), provenance((study.image,)))
    text = "\n".join((lines.headline, *lines.body))
    assert lines.headline == "X-ray: 1 of 6 zones affected, ~20 % (10 to 34 %) of the worse lung estimated"
    assert "Estimated from X-ray: 20 % (10 to 34 %) of the worse lung's volume, 80 % interval" in text
    assert "What limits trust: AP view" in text
    assert "Zones from upper to lower: right 0 %, 44 %, 0 %; left 0 %, 0 %, 0 %" in text
    assert "P of any opacity 0.91 (experimental), at least 0.5: area counts" in text
    assert "PA view, upright, pixel 1.5 mm" in text
    assert not {"slice", "kernel", "mL", "COVID"} & set(text.replace(",", " ").split())
    assert text.isascii()


def test_behind_a_closed_gate_the_words_say_what_was_set_aside() -> None:
    study = xray_study(presence=0.2, quality=(QualityFlag.GATE_REMOVED,))
    lines = analysis_lines(study.radiograph, study.reading.finding, ranking(), provenance((study.image,)))
    text = "\n".join(lines.body)
    assert "P of any opacity 0.20 (experimental), below 0.5: no area counts" in text
    assert "Before the gate: right lung 15 %, left lung 0 %" in text
    assert "more than 10 % of a lung set aside by the gate" in text
