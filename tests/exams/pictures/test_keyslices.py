"""Which CT slices are shown, where a reader finds them, and how they are drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.results.ct_study import (
    CENTRE_MM,
    ORIENTATIONS,
    SHAPE,
    CtStudy,
    ct_study,
    enhanced_ct_study,
    standard_study,
)
from triaged.exams.ct.pictures.colour import OUTLINE
from triaged.exams.ct.pictures.keyslices import LESION, draw_slice, key_slices, locator, lungs_field, slice_names
from triaged.exams.ct.pictures.projection import projections
from triaged.exams.ct.pictures.zones import Counts, lung_thirds
from triaged.imaging.geometry import Reorientation
from triaged.results.source import source_series

BALL_Z_MM = -50.0


def profile(study: CtStudy) -> Counts:
    right, left = lung_thirds(study.reading)
    return right.counts.with_other(left.counts)


def z_mm(study: CtStudy, index: int) -> float:
    """Return how far above the chest's centre a slice of the canonical volume lies."""
    return float(study.volume.geometry.position_mm((float(index), 0.0, 0.0))[2] - CENTRE_MM[2])


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_each_third_shows_its_slice_with_the_most_lesion_and_they_descend(position: str) -> None:
    study = ct_study(position)
    upper, middle, lower = key_slices(profile(study))
    assert [one.third for one in (upper, middle, lower)] == ["upper", "middle", "lower"]
    assert z_mm(study, upper.index) > z_mm(study, middle.index) > z_mm(study, lower.index)
    assert abs(z_mm(study, lower.index) - BALL_Z_MM) <= 8.0, "the ball is widest at its centre"
    assert -24.0 < z_mm(study, middle.index) < 0.0, "as near to the ball's centre as the middle third reaches"
    assert lower.affected > middle.affected > upper.affected == 0


def test_a_third_without_lesion_shows_the_middle_of_its_volume() -> None:
    counts = Counts(np.full(30, 100), np.zeros(30, int))
    assert [one.index for one in key_slices(counts)] == [24, 14, 4]
    assert [one.affected for one in key_slices(counts)] == [0, 0, 0]


def test_very_few_slices_still_give_three_that_hold_lung() -> None:
    for chosen in key_slices(Counts(np.array([0, 5, 90, 5, 0]), np.array([0, 0, 9, 0, 0]))):
        assert chosen.index in (1, 2, 3)


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_a_slice_is_named_as_its_image_is(position: str) -> None:
    study = ct_study(position)
    names = slice_names(study.sources, source_series(study.sources, study.geometry), study.reorientation)
    for index in (0, 11, SHAPE[0] - 1):
        header = study.sources[int(names[index].name.removeprefix("instance ")) - 1]
        assert float(header.ImagePositionPatient[2]) == pytest.approx(CENTRE_MM[2] + z_mm(study, index))


def test_a_slice_of_an_enhanced_ct_is_named_by_its_frame() -> None:
    study = enhanced_ct_study()
    names = slice_names(study.sources, source_series(study.sources, study.geometry), study.reorientation)
    assert names[0].name == f"frame {SHAPE[0]}", "frames are stored from head to foot, and the volume rises"
    assert names[-1].name == "frame 1"


def test_slices_across_those_of_the_source_have_no_name_and_neither_has_one_without_a_number() -> None:
    study = standard_study()
    source = source_series(study.sources, study.geometry)
    assert slice_names(study.sources, source, Reorientation((1, 0, 2), (False, False, False))) == ()
    unnumbered = ct_study(change=lambda header: header.__delitem__("InstanceNumber"))
    assert {one.name for one in slice_names(unnumbered.sources, source, unnumbered.reorientation)} == {""}


def test_the_outlined_slice_shows_the_lesion_where_it_is_and_the_plain_one_nothing_but_the_image() -> None:
    study = standard_study()
    index = key_slices(profile(study))[2].index
    field = lungs_field(study.reading)
    outlined, plain = draw_slice(study.volume, study.reading, index, field, 2.0)
    assert outlined.shape == plain.shape
    lesion, lungs = is_colour(outlined, LESION), is_colour(outlined, OUTLINE)
    rows, columns = np.nonzero(lesion)
    extent_mm = 2.0 * (np.ptp(columns) + 1), 2.0 * (np.ptp(rows) + 1)
    assert extent_mm == pytest.approx((76.0, 76.0), abs=8.0)
    assert columns.mean() < plain.shape[1] / 2, "the patient's right is at the image's left"
    assert rows.mean() > plain.shape[0] / 2, "the back is below"
    assert lungs.any()
    assert (plain[..., 0] == plain[..., 1]).all()
    assert (plain[..., 1] == plain[..., 2]).all()
    assert (outlined == plain).all(axis=-1)[~lesion & ~lungs].all()


def test_the_window_is_the_one_that_the_page_names() -> None:
    study = standard_study()
    index = key_slices(profile(study))[0].index
    _, plain = draw_slice(study.volume, study.reading, index, lungs_field(study.reading), 2.0)
    lung, tissue = (round(255 * (hu + 1350) / 1500) for hu in (-850, 40))
    found = set(np.unique(plain).tolist())
    assert any(abs(grey - lung) <= 8 for grey in found)
    assert max(found) == pytest.approx(tissue, abs=8)


def test_the_locator_draws_its_line_at_the_slices_height() -> None:
    study = standard_study()
    coronal = projections(study.volume, study.reading)[0]
    lines = []
    for chosen in key_slices(profile(study)):
        picture = locator(coronal, chosen.index, 2.0)
        (row,) = np.flatnonzero((picture == 255).all(axis=(1, 2)))
        lines.append(int(row))
        from_middle_mm = (picture.shape[0] / 2.0 - row) * 2.0
        assert from_middle_mm == pytest.approx(z_mm(study, chosen.index), abs=12.0)
    assert lines == sorted(lines)


def test_lungs_that_were_not_told_apart_have_key_slices_too() -> None:
    study = standard_study()
    none = replace(study.reading, left_lung=replace(study.reading.left_lung, voxels=np.zeros(SHAPE, bool)))
    (both,) = lung_thirds(none)
    assert len(key_slices(both.counts)) == 3


def is_colour(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray((picture == np.array(colour)).all(axis=-1))
