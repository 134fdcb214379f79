"""The pages of a result: which there are, where things are drawn on them, and that nothing runs over their edges."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.findings import changed
from tests.results.ct_study import ORIENTATIONS, CtStudy, ct_study, provenance, ranking, standard_study
from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.colour import OUTLINE
from triaged.exams.ct.pictures.keyslices import LESION
from triaged.exams.ct.pictures.pages import reason_pages, result_pages
from triaged.exams.ct.pictures.projection import projections
from triaged.imaging.volume import Mask
from triaged.results.layout import (
    AMBER,
    CORNER_HEIGHT,
    CORNER_WIDTH,
    FOOT,
    MARGIN,
    PAGE_HEIGHT,
    PAGE_WIDTH,
    TOP,
    Heading,
    Sheet,
)
from triaged.results.page import Page
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.finding import QualityFlag

NAMES = [
    "summary",
    "coronal-plain",
    "coronal-severity",
    "sagittal-right-severity",
    "sagittal-left-severity",
    "key-slice-upper",
    "key-slice-middle",
    "key-slice-lower",
]
BESIDE_STRIP = 860  # columns left of it hold views alone


def drawn(study: CtStudy, reading: LungAnalysis | None = None, palette: Palette = Palette.GREEN_RED) -> dict[str, Page]:
    read = reading or study.reading
    views = projections(study.volume, read)
    made_by = provenance(study.sources)
    pages = result_pages(study.sources[0], study.volume, views, read, ranking(), made_by, palette=palette)
    return {page.name: page for page in pages}


@cache
def standard() -> dict[str, Page]:
    return drawn(standard_study())


def single_lung() -> LungAnalysis:
    reading, grid = standard_study().reading, standard_study().volume.geometry
    both = reading.right_lung.voxels | reading.left_lung.voxels
    finding = changed(reading.finding, severity_right=None, severity_left=None, right_lung_ml=None, left_lung_ml=None)
    return replace(
        reading, finding=finding, right_lung=Mask(both, grid), left_lung=Mask(np.zeros(grid.shape, bool), grid)
    )


def test_the_pages_come_in_their_order_and_are_all_of_one_size() -> None:
    assert list(standard()) == NAMES
    for page in standard().values():
        assert page.pixels.shape == (PAGE_HEIGHT, PAGE_WIDTH, 3)
        assert page.pixels.dtype == np.uint8
    assert PAGE_WIDTH == 1024


def test_the_notice_is_on_every_page_of_a_result_and_of_a_study_without_one() -> None:
    study = standard_study()
    reason = Reason(ReasonCode.GAVE_UP, "expected an end, found none")
    failed = reason_pages(study.sources[0], reason, ranking(), provenance(study.sources))
    for page in (*standard().values(), *failed):
        notice = is_colour(page.pixels[3:22], AMBER)
        assert notice.sum() > 200
        assert np.ptp(np.flatnonzero(notice.any(axis=0))) > 300


def test_the_corners_of_every_page_are_left_to_the_viewer() -> None:
    study = standard_study()
    revised = replace(provenance(study.sources), revision=2, follows="1.2.3")
    long = replace(ranking(), reason="affected 55 % of the right lung, flagged: head start 45 min, " * 6)
    quality = (*QualityFlag,)
    reading = replace(study.reading, finding=replace(study.reading.finding, quality=quality))
    views = projections(study.volume, reading)
    failed = reason_pages(study.sources[0], Reason(ReasonCode.GAVE_UP, "found none, " * 400), long, revised)
    for page in (*result_pages(study.sources[0], study.volume, views, reading, long, revised), *failed):
        for rows in (np.s_[:CORNER_HEIGHT], np.s_[-CORNER_HEIGHT:]):
            for columns in (np.s_[:CORNER_WIDTH], np.s_[-CORNER_WIDTH:]):
                assert not page.pixels[rows, columns].any(), page.name


def test_a_headline_of_any_length_stays_between_the_corners() -> None:
    for headline in ("Right 33 %   Left 10 % affected of what was seen   CT-1   " * 5, "x" * 300):
        pixels = Sheet(Heading(headline, "notice")).pixels
        assert not pixels[:CORNER_HEIGHT, :CORNER_WIDTH].any()
        assert not pixels[:CORNER_HEIGHT, -CORNER_WIDTH:].any()
        assert not pixels[CORNER_HEIGHT:].any(), "it does not reach into what was looked for"


def test_views_fill_the_page() -> None:
    """A view reaches across the page, or from its top to its foot."""
    for name in ("coronal-plain", "coronal-severity", "sagittal-right-severity", "key-slice-middle"):
        seen = inked(standard()[name].pixels[TOP:FOOT])
        assert np.ptp(np.flatnonzero(seen.mean(axis=0) > 0.3)) > 0.7 * PAGE_WIDTH or seen[-30:].mean() > 0.2, name


def test_a_revision_is_told_on_every_page() -> None:
    study = standard_study()
    revised = replace(provenance(study.sources), revision=2, follows="1.2.3")
    views = projections(study.volume, study.reading)
    beside = np.s_[3:22, PAGE_WIDTH * 5 // 8 :]
    for page in result_pages(study.sources[0], study.volume, views, study.reading, ranking(), revised):
        assert is_colour(page.pixels[beside], AMBER).sum() > 100
        assert not standard()[page.name].pixels[beside].any()


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_a_lesion_low_at_the_back_of_the_right_lung_is_drawn_there_in_every_position(position: str) -> None:
    pages = standard() if position == "HFS" else drawn(ct_study(position))
    below, beside = from_lungs_middle(pages["coronal-severity"], coloured(pages["coronal-severity"]))
    assert below > 0.1, "the head is at the top"
    assert beside < -0.1, "the patient's right is at the image's left"
    below, beside = from_lungs_middle(pages["sagittal-right-severity"], coloured(pages["sagittal-right-severity"]))
    assert below > 0.1
    assert beside > 0.1, "the front is at the image's left"
    assert not coloured(pages["sagittal-left-severity"]).any()
    lower = pages["key-slice-lower"]
    below, beside = from_lungs_middle(lower, is_colour(lower.pixels[TOP:FOOT, : PAGE_WIDTH // 2], LESION))
    assert below > 0.1, "the back is below"
    assert beside < -0.1


def test_the_plain_view_has_no_colour_at_all() -> None:
    assert not (np.ptp(standard()["coronal-plain"].pixels[TOP:].astype(int), axis=-1) > 0).any()


def test_a_view_is_calibrated_by_the_lungs_width_in_the_patient() -> None:
    page = standard()["coronal-severity"]
    assert page.pixel_mm is not None
    columns = np.flatnonzero(is_colour(views_of(page), OUTLINE).any(axis=0))
    assert (np.ptp(columns) + 1) * page.pixel_mm == pytest.approx((75 + 52) + (75 + 58), abs=5.0)
    assert page.orientation == ("L", "F")
    assert standard()["sagittal-right-severity"].orientation == ("P", "F")
    assert standard()["key-slice-upper"].orientation == ("L", "P")
    assert standard()["summary"].pixel_mm is None


def test_only_key_slices_show_slices_and_they_descend() -> None:
    shown = {name: page.slices for name, page in standard().items()}
    (upper,), (middle,), (lower,) = (shown[f"key-slice-{third}"] for third in ("upper", "middle", "lower"))
    assert upper > middle > lower, "canonical slices rise to the head"
    assert all(not slices for name, slices in shown.items() if "key" not in name)


def test_lungs_that_were_not_told_apart_have_one_sagittal_page() -> None:
    pages = drawn(standard_study(), single_lung())
    assert [name for name in pages if "sagittal" in name] == ["sagittal-severity"]
    assert len(pages) == len(NAMES) - 1


def test_the_other_palette_draws_the_same_in_other_colours() -> None:
    others = drawn(standard_study(), None, Palette.VIRIDIS)
    green_red, viridis = standard()["coronal-severity"], others["coronal-severity"]
    np.testing.assert_array_equal(is_colour(views_of(green_red), OUTLINE), is_colour(views_of(viridis), OUTLINE))
    low = coloured(green_red) & coloured(viridis)
    assert (views_of(green_red)[low] != views_of(viridis)[low]).any(axis=-1).mean() > 0.9
    np.testing.assert_array_equal(standard()["coronal-plain"].pixels, others["coronal-plain"].pixels)


def test_the_longest_text_that_can_be_stays_on_the_page() -> None:
    reading = standard_study().reading
    reading = replace(reading, finding=replace(reading.finding, quality=tuple(QualityFlag)))
    study = standard_study()
    long = replace(ranking(), reason="affected 55 % of the right lung, flagged: head start 45 min, " * 6)
    views = projections(study.volume, reading)
    summary = result_pages(study.sources[0], study.volume, views, reading, long, provenance(study.sources))[0].pixels
    assert not summary[:, -4:].any()
    assert not summary[-4:].any()


@pytest.mark.parametrize("words", ["expected one, found another. " * 200, "x" * 3000])
def test_a_reason_of_any_length_stays_on_the_page(words: str) -> None:
    study = standard_study()
    made_by = provenance(study.sources)
    (page,) = reason_pages(study.sources[0], Reason(ReasonCode.CORRUPT, words), ranking(), made_by)
    assert page.pixels.shape == (PAGE_HEIGHT, PAGE_WIDTH, 3)
    assert not page.pixels[:, -4:].any()
    assert not page.pixels[-4:].any()


def test_the_page_of_a_reason_has_no_picture() -> None:
    study = standard_study()
    reason = Reason(ReasonCode.GAVE_UP, "expected an end, found none")
    (page,) = reason_pages(study.sources[0], reason, ranking(), provenance(study.sources))
    assert page.name == "reason"
    assert page.key == "gave-up expected an end, found none"
    assert inked(page.pixels[TOP:]).mean() < 0.05, "text alone covers little"


def test_text_is_cut_with_dots_only_where_even_small_letters_do_not_fit() -> None:
    sheet, roomy = Sheet(Heading("", "")), Sheet(Heading("", ""))
    sheet.paragraph(["word " * 400, "the end"], (MARGIN, TOP), (300, 100))
    roomy.paragraph(["word " * 4, "the end"], (MARGIN, TOP), (300, 100))
    for page in (sheet, roomy):
        written = inked(page.pixels[TOP:])
        assert written[:100, :320].any()
        assert not written[101:].any()
        assert not written[:, MARGIN + 301 :].any()


def inked(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(picture.max(axis=-1) > 0)


def views_of(page: Page) -> NDArray[np.uint8]:
    return page.pixels[TOP:FOOT, :BESIDE_STRIP]


def coloured(page: Page) -> NDArray[np.bool_]:
    """Return the pixels in a colour of severity: neither grey nor the outline of the lungs."""
    view = views_of(page)
    return np.asarray((np.ptp(view.astype(int), axis=-1) > 12) & ~is_colour(view, OUTLINE))


def from_lungs_middle(page: Page, region: NDArray[np.bool_]) -> tuple[float, float]:
    """Return how far below and to the right of the lungs' middle a region lies, in parts of their height and width."""
    lungs = np.nonzero(is_colour(page.pixels[TOP:FOOT, : region.shape[1]], OUTLINE))
    place = [float(axis.mean()) for axis in np.nonzero(region)]
    below, beside = (
        (at - (axis.min() + axis.max()) / 2.0) / np.ptp(axis) for at, axis in zip(place, lungs, strict=True)
    )
    return float(below), float(beside)


def is_colour(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray((picture == np.array(colour)).all(axis=-1))


def test_of_an_ensemble_the_slice_with_most_disagreement_is_shown_and_of_one_engine_none() -> None:
    study = standard_study()
    disputed = np.zeros(study.volume.geometry.shape, dtype=np.bool_)
    lung = study.reading.right_lung.voxels
    fullest = int(np.count_nonzero(lung, axis=(1, 2)).argmax())
    disputed[fullest] = lung[fullest]
    finding = changed(study.reading.finding, ensemble_spread=0.031)
    reading = replace(study.reading, finding=finding, disputed=Mask(disputed, study.volume.geometry))
    page = drawn(study, reading)["disputed"]
    assert page.slices == (fullest,)
    assert page.pixels.shape == (PAGE_HEIGHT, PAGE_WIDTH, 3)
    red, green, blue = (page.pixels[..., channel].astype(int) for channel in range(3))
    magenta = (red > green + 40) & (blue > green + 40)
    assert magenta[:, PAGE_WIDTH // 2 :].sum() > 1000
    assert not magenta[TOP : TOP + 200, : PAGE_WIDTH // 3].any()
    assert "disputed" not in standard()
    nothing = Mask(np.zeros_like(disputed), study.volume.geometry)
    assert "disputed" not in drawn(study, replace(reading, disputed=nothing))
