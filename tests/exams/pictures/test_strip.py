"""The strip beside the coronal view: as long as the share of each slice, and numbered as readers number."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.results.ct_study import ORIENTATIONS, SHAPE, SPACING_MM, CtStudy, ct_study, provenance, ranking
from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.colour import severity_colour
from triaged.exams.ct.pictures.keyslices import SliceName, numbered, slice_names, slices_affected
from triaged.exams.ct.pictures.pages import result_pages
from triaged.exams.ct.pictures.projection import cropped, lungs_rows, projections
from triaged.exams.ct.pictures.strip import STRIP_WIDTH, Label, draw_strip, range_labels, slice_shares
from triaged.exams.ct.pictures.wording import analysis_lines
from triaged.exams.ct.pictures.zones import Counts, lung_thirds, whole
from triaged.results.layout import Heading, Sheet
from triaged.results.source import source_series


@cache
def study() -> CtStudy:
    return ct_study(lesion_radius_mm=60.0)


def _true_shares() -> list[float]:
    """Return the affected share of each slice that has lung, from the head."""
    masks = study().source_masks
    lung = (masks["right"] | masks["left"]).sum(axis=(1, 2))[::-1]
    lesion = masks["lesion"].sum(axis=(1, 2))[::-1]
    return [float(part / all_of_it) for part, all_of_it in zip(lesion, lung, strict=True) if all_of_it]


def test_each_row_has_the_share_of_its_slice() -> None:
    found = slice_shares(projections(study().volume, study().reading)[0])
    np.testing.assert_allclose(found[np.isfinite(found)], _true_shares(), atol=1e-5)


def test_a_bar_is_as_long_as_the_share_in_the_colour_of_the_palette() -> None:
    view = projections(study().volume, study().reading)[0]
    sheet = Sheet(Heading("", ""))
    draw_strip(sheet, view, (20, 100), SPACING_MM[0], Palette.VIRIDIS, ())
    shares = slice_shares(view)
    row = int(np.nanargmax(shares))
    bar = sheet.pixels[100 + row, 20 : 20 + STRIP_WIDTH].astype(int)
    colour = np.round(severity_colour(shares[row : row + 1], Palette.VIRIDIS))[0]
    assert (np.abs(bar - colour).max(axis=1) < 2).sum() == pytest.approx(shares[row] * STRIP_WIDTH, abs=1.0)


def test_a_bar_is_pale_where_the_slice_has_too_little_lesion_to_count() -> None:
    view = projections(study().volume, study().reading)[0]
    view = replace(view, share=view.share * np.float32(0.3))
    area_mm2 = 0.3 * study().source_masks["lesion"].sum(axis=(1, 2))[::-1] * SPACING_MM[1] * SPACING_MM[2]
    sheet = Sheet(Heading("", ""))
    draw_strip(sheet, view, (20, 100), SPACING_MM[0], Palette.VIRIDIS, ())
    first = sheet.pixels[100 : 100 + len(area_mm2), 20].astype(int)
    full = np.round(severity_colour(np.nan_to_num(slice_shares(view)), Palette.VIRIDIS))
    is_full = np.abs(first - full).max(axis=1) < 2
    with_lesion = area_mm2 > 0
    assert np.count_nonzero(with_lesion & (area_mm2 < 200.0)) > 0, "there is a slice with little"
    np.testing.assert_array_equal(is_full[with_lesion], area_mm2[with_lesion] >= 200.0)


def _named(area: list[int]) -> tuple[Label, ...]:
    """Return the labels of slices with these areas, from the foot, at a millimetre a voxel; the view was cut by one."""
    counts = Counts(np.full(len(area), 1000), np.array(area))
    geometry = replace(study().volume.geometry, affine=np.eye(4))
    names = numbered(len(area))
    return range_labels(slices_affected(counts, geometry, names), names, 1)


def test_labels_stand_at_the_height_of_the_slices_that_they_number() -> None:
    assert _named([0, 500, 900, 300, 0, 0]) == (Label(1.5, "3"), Label(2.5, "4 most"), Label(3.5, "5"))
    assert _named([0, 0, 0]) == ()


def test_of_slices_that_were_spread_only_the_source_s_own_are_counted() -> None:
    names = [SliceName(2, 2, ""), SliceName(2, 2, "", is_own=False), SliceName(1, 2, "")]
    counts = Counts(np.full(3, 1000), np.array([300, 900, 0]))
    found = slices_affected(counts, replace(study().volume.geometry, affine=np.eye(4)), names)
    assert found is not None
    assert found.words == "slice 2 of 2"


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_the_text_names_the_slices_as_they_are_counted_from_the_head(position: str) -> None:
    made = ct_study(position)
    names = slice_names(made.sources, source_series(made.sources, made.geometry), made.reorientation)
    lines = analysis_lines(made.sources[0], made.reading, ranking(), provenance(made.sources), None, names)
    lesion = made.reading.lesion.voxels.sum(axis=(1, 2))[::-1] * SPACING_MM[1] * SPACING_MM[2]
    first, last = np.flatnonzero(lesion >= 200.0)[[0, -1]] + 1
    assert f"Affected, from the head: slices {first}-{last} of {SHAPE[0]}, most on {lesion.argmax() + 1}" in lines.body


def test_the_page_has_the_strip_at_the_height_of_the_view() -> None:
    made = study()
    views = projections(made.volume, made.reading)
    assert cropped(views)[0].path_mm.shape[0] == len(range(*lungs_rows(views).indices(SHAPE[0])))
    pages = result_pages(made.sources[0], made.volume, views, made.reading, ranking(), provenance(made.sources))
    page = next(page for page in pages if page.name == "coronal-severity")
    assert whole(lung_thirds(made.reading)).affected.any()
    strip = page.pixels[98:740, 810:]
    coloured = np.ptp(strip.astype(int), axis=-1) > 60
    assert coloured.any(), "the bars are beside the view"
