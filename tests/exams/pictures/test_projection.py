"""Projections of bodies whose line integrals are known from their equations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.results.ct_study import ORIENTATIONS, ct_study, standard_study
from triaged.exams.ct.finding import CtNumbers, LungAnalysis
from triaged.exams.ct.pictures.display import radiograph, resampled, smooth_share
from triaged.exams.ct.pictures.projection import (
    SHORTEST_PATH_MM,
    WATER_PER_MM,
    Direction,
    cropped,
    projections,
)
from triaged.exams.ct.pictures.zones import lung_thirds
from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Mask, Volume


def canonical_grid(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Geometry:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2] = spacing_mm
    affine[3, 3] = 1.0
    return Geometry(affine, shape, "1.2.3")


def test_a_water_cylinder_weakens_a_ray_by_its_chord() -> None:
    grid = canonical_grid((6, 161, 201), (5.0, 1.5, 1.5))
    y, x = np.ogrid[:161, :201]
    radius = 100.0
    inside = (1.5 * (y - 80)) ** 2 + (1.5 * (x - 100)) ** 2 < radius**2
    voxels = np.where(np.broadcast_to(inside, grid.shape), 0, -1000).astype(np.int16)
    coronal = projections(Volume(voxels, grid), _reading(grid, "none"))[0]
    offset = 1.5 * (np.arange(201) - 100)
    chord = 2.0 * np.sqrt(np.clip(radius**2 - offset**2, 0.0, None))
    far_from_edge = np.abs(offset) < 85.0
    expected = WATER_PER_MM * chord
    np.testing.assert_allclose(coronal.attenuation[3][far_from_edge], expected[far_from_edge], rtol=0.02)
    assert coronal.attenuation[3][np.abs(offset) > 110.0].max() == 0.0


def test_the_table_under_the_patient_is_left_out() -> None:
    grid = canonical_grid((6, 200, 200), (5.0, 2.0, 2.0))
    voxels = np.full(grid.shape, -1000, np.int16)
    voxels[:, 40:140, 40:160] = 0
    voxels[:, 160:164, 10:190] = 300
    coronal = projections(Volume(voxels, grid), _reading(grid, "none"))[0]
    assert coronal.attenuation[:, 15:30].max() == 0.0
    assert coronal.attenuation[:, 60:140].max() == pytest.approx(100 * 2.0 * WATER_PER_MM, rel=1e-3)


def test_the_share_of_a_ball_in_a_lung_is_its_chord_over_the_lungs_depth() -> None:
    lung = np.zeros((61, 80, 61), bool)
    lung[:, 10:70, :] = True  # 60 voxels of 2 mm: every ray meets 120 mm of lung
    z, y, x = np.ogrid[:61, :80, :61]
    ball = (2.0 * (z - 30)) ** 2 + (2.0 * (y - 40)) ** 2 + (2.0 * (x - 30)) ** 2 < 40.0**2
    share, path = _map(ball, lung, 1, 2.0)
    assert path.min() == path.max() == 120.0
    assert share[30, 30] == pytest.approx(80.0 / 120.0, abs=0.03)
    assert share[30, 45] == pytest.approx(2 * np.sqrt(40.0**2 - 30.0**2) / 120.0, abs=0.03)
    assert share[0, 0] == 0.0


@pytest.mark.parametrize("axis", [1, 2])
def test_the_map_holds_the_lungs_share_and_loses_nothing(axis: int) -> None:
    lung, lesion = _blobs(seed=3)
    share, path = _map(lesion, lung, axis, 1.3)
    severity = np.count_nonzero(lesion & lung) / np.count_nonzero(lung)
    assert float((share * path).sum() / path.sum()) == pytest.approx(severity, abs=0.005)


@pytest.mark.parametrize("depth_mm", [2.6, 6.5, 40.0])
def test_the_map_holds_the_lungs_share_exactly_where_rays_are_short_too(depth_mm: float) -> None:
    step_mm = 1.3
    lung = np.zeros((12, 60, 20), bool)
    lung[:, 10 : 10 + round(depth_mm / step_mm), :10] = True
    lung[:, 5:55, 10:] = True  # beside it a lung of 65 mm
    lesion = np.zeros_like(lung)
    lesion[:4, :, :10] = True
    lesion[:, 5:25, 15:] = True
    share, path = _map(lesion, lung, 1, step_mm)
    severity = np.count_nonzero(lesion & lung) / np.count_nonzero(lung)
    assert float((share * path).sum() / path.sum()) == pytest.approx(severity, abs=1e-6)
    assert share[-1, 0] == 1.0


def test_each_lungs_share_is_in_its_part_of_the_coronal_map() -> None:
    study = standard_study()
    lesion = study.reading.lesion.voxels
    for lung, severity in (
        (study.reading.right_lung, CtNumbers.of(study.reading.finding).severity_right),
        (study.reading.left_lung, CtNumbers.of(study.reading.finding).severity_left),
    ):
        share, path = _map(lesion, lung.voxels, 1, study.volume.geometry.spacing_mm[1])
        assert float((share * path).sum() / path.sum()) == pytest.approx(severity, abs=1e-6)


def test_the_views_of_a_study_hold_each_lungs_severity() -> None:
    study = standard_study()
    finding = study.reading.finding
    coronal, right, left = projections(study.volume, study.reading)
    assert (coronal.direction, right.direction, left.direction) == (
        Direction.CORONAL,
        Direction.SAGITTAL_RIGHT,
        Direction.SAGITTAL_LEFT,
    )
    for view, severity in (
        (coronal, CtNumbers.of(finding).severity_total),
        (right, CtNumbers.of(finding).severity_right),
        (left, CtNumbers.of(finding).severity_left),
    ):
        assert float((view.share * view.path_mm).sum() / view.path_mm.sum()) == pytest.approx(severity, abs=1e-5)


def test_a_ray_that_meets_little_lung_is_not_defined() -> None:
    study = standard_study()
    coronal = projections(study.volume, study.reading)[0]
    assert not coronal.defined[coronal.path_mm < SHORTEST_PATH_MM].any()
    assert np.isnan(smooth_share(coronal, 2.0)[0, 0])


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_a_lesion_low_at_the_back_of_the_right_lung_is_seen_there_in_every_position(position: str) -> None:
    study = ct_study(position)
    coronal, right, left = projections(study.volume, study.reading)
    rows, columns = coronal.share.shape
    row, column = _centre(coronal.share)
    assert column < columns / 2 - 5, "the patient's right is at the image's left"
    assert row > rows / 2 + 3, "the head is at the top"
    row, column = _centre(right.share)
    assert column > right.share.shape[1] / 2 + 5, "the front is at the image's left"
    assert row > rows / 2 + 3
    assert left.share.max() == 0.0


def test_positions_on_the_table_give_one_and_the_same_picture() -> None:
    pictures = [radiograph(projections(s.volume, s.reading)[0], 3.0) for s in map(ct_study, ORIENTATIONS)]
    for other in pictures[1:]:
        np.testing.assert_allclose(other, pictures[0], atol=0.02)


def test_lungs_that_were_not_told_apart_give_one_sagittal_view() -> None:
    study = standard_study()
    both = study.reading.right_lung.voxels | study.reading.left_lung.voxels
    grid = study.volume.geometry
    single = replace(study.reading, right_lung=Mask(both, grid), left_lung=Mask(np.zeros(grid.shape, bool), grid))
    assert [view.direction for view in projections(study.volume, single)] == [Direction.CORONAL, Direction.SAGITTAL]


def test_cutting_keeps_all_lung_and_gives_all_views_one_height() -> None:
    study = standard_study()
    views = projections(study.volume, study.reading)
    cut = cropped(views)
    assert len({view.path_mm.shape[0] for view in cut}) == 1
    for before, after in zip(views, cut, strict=True):
        assert after.path_mm.sum() == before.path_mm.sum()


def test_resampling_keeps_the_mean_and_makes_square_pixels() -> None:
    ramp = np.linspace(0.0, 1.0, 40, dtype=np.float32)[:, None] * np.ones((1, 30), np.float32)
    fine = resampled(ramp, (5.0, 2.0), 1.0)
    assert fine.shape == (200, 60)
    assert float(fine.mean()) == pytest.approx(0.5, abs=0.01)
    assert fine[0, 0] == 0.0
    assert fine[-1, -1] == 1.0


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_thirds_of_an_ellipsoid_are_cut_where_its_equation_says(position: str) -> None:
    # A third of a ball's volume lies beyond 0.2261 of its radius from the centre: h^3 - 3 h + 2/3 = 0.
    study = ct_study(position)
    coronal, right, left = projections(study.volume, study.reading)
    assert len(coronal.cuts) == 4
    for view, cuts, height_mm in (
        (coronal, coronal.cuts[:2], 105.0),
        (coronal, coronal.cuts[2:], 100.0),
        (right, right.cuts, 105.0),
        (left, left.cuts, 100.0),
    ):
        middle = view.path_mm.shape[0] / 2.0
        lower, upper = ((middle - cut.row) * view.spacing_mm[0] for cut in cuts)
        assert lower == pytest.approx(-0.2261 * height_mm, abs=2.0)
        assert upper == pytest.approx(0.2261 * height_mm, abs=2.0)


def test_the_borders_of_thirds_are_as_wide_as_the_lung_and_move_with_the_cut_view() -> None:
    study = standard_study()
    for view in cropped(projections(study.volume, study.reading)):
        for cut in view.cuts:
            inside = np.flatnonzero(view.path_mm[int(cut.row)] > 0)
            assert cut.start in inside
            assert cut.stop - 1 in inside
            assert not view.path_mm[int(cut.row), max(0, int(cut.start) - 1)]


def test_thirds_have_equal_volume_and_are_told_from_below() -> None:
    lung = np.zeros((30, 20, 20), bool)
    lung[:20, 5:15, 5:15] = True
    lung[20:, 5:15, 5:20] = True  # wider on top: a third is not ten slices
    lesion = np.zeros_like(lung)
    lesion[:5] = lung[:5]
    (thirds,) = lung_thirds(_one_lung(lesion, lung, canonical_grid((30, 20, 20), (1.0, 1.0, 1.0))))
    lower, middle, upper = thirds.counts.shares
    assert lower == pytest.approx(500 / (3500 / 3))  # a third is 1167 of 3500 voxels: nearly twelve slices of 100
    assert (middle, upper) == (0.0, 0.0)


def _map(
    lesion: NDArray[np.bool_], lung: NDArray[np.bool_], axis: int, step_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return share and path of the view along rows (1) or columns (2) of a body with one lung; the top comes first."""
    grid = canonical_grid((lung.shape[0], lung.shape[1], lung.shape[2]), (step_mm, step_mm, step_mm))
    views = projections(Volume(np.zeros(lung.shape, np.int16), grid), _one_lung(lesion, lung, grid))
    return views[axis - 1].share, views[axis - 1].path_mm


def _one_lung(lesion: NDArray[np.bool_], lung: NDArray[np.bool_], grid: Geometry) -> LungAnalysis:
    none = Mask(np.zeros(grid.shape, bool), grid)
    return replace(standard_study().reading, right_lung=Mask(lung, grid), left_lung=none, lesion=Mask(lesion, grid))


def _reading(grid: Geometry, kind: str) -> LungAnalysis:
    none = Mask(np.zeros(grid.shape, bool), grid)
    return replace(standard_study().reading, right_lung=none, left_lung=none, lesion=none)


def _blobs(seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    random = np.random.default_rng(seed)
    z, y, x = np.ogrid[:50, :90, :70]
    lung = ((z - 25) / 22.0) ** 2 + ((y - 45) / 40.0) ** 2 + ((x - 35) / 30.0) ** 2 < 1.0
    lesion = np.zeros_like(lung)
    for centre in random.uniform((5, 10, 10), (45, 80, 60), (6, 3)):
        lesion |= (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 < random.uniform(4, 12) ** 2
    return lung, lesion


def _centre(share: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.argwhere(share > 0.05).mean(axis=0))
