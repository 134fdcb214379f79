from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.exams.pipelines.bodies import ADULT, LUNG_ML, Ball, Chest, draw, ellipsoid, grid
from tests.exams.pipelines.networks import THRESHOLDS, AnswersAtOnce, manifest
from triaged.errors import ModelRefused, UnreadableStudy
from triaged.exams.ct.finding import CtNumbers, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.networks import CtPipeline
from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Volume
from triaged.study.concepts import COVID_19
from triaged.study.finding import QualityFlag, Suspicion

GRID = grid((8.0, 1.8, 1.8))


def read(chest: Chest, networks: AnswersAtOnce | None = None) -> LungAnalysis:
    return CtPipeline(networks or AnswersAtOnce(), CtOptions()).read(draw(chest, GRID), ADULT)


def assert_same_grid(found: Geometry, expected: Geometry) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.affine, expected.affine, atol=1e-3)


def test_severity_is_counted_on_the_native_grid_in_each_lung() -> None:
    right, left = Ball((-72, 0, 0), 45), Ball((72, 10, -30), 25)
    reading = read(Chest(balls=[right, left]))
    found = CtNumbers.of(reading.finding)
    assert found.severity_right == pytest.approx(right.ml / LUNG_ML, rel=0.05)
    assert found.severity_left == pytest.approx(left.ml / LUNG_ML, rel=0.08)
    assert found.severity == found.severity_right
    assert found.lungs_ml == pytest.approx(2 * LUNG_ML, rel=0.02)
    assert_same_grid(reading.lesion.geometry, GRID)
    assert_same_grid(reading.right_lung.geometry, GRID)


def test_the_probability_and_its_threshold_come_from_the_package() -> None:
    found = read(Chest()).finding
    assert found.suspicion == Suspicion(COVID_19, 0.91, 0.62)
    assert found.engine == "ct-stand-in 1.2.0"


def test_networks_see_windowed_slices_whole_for_lungs_and_cropped_for_lesions() -> None:
    networks = AnswersAtOnce()
    read(Chest(), networks)
    (lungs, whole, low, high), (lesions, cropped, _, _), (last, cells, _, _) = networks.seen
    assert (lungs, lesions, last) == ("lungs", "lesions", "identification")
    assert whole == (38, 135, 180)  # 270 x 360 mm in pixels of 2 mm, every slice
    assert low == 0.0
    assert high == pytest.approx(1040 / 1300)  # tissue of 40 HU in -1000..300
    assert cropped == pytest.approx((256 / 8, 170 / 2, (2 * 72 + 2 * 58) / 2), abs=3)
    assert cells[0] == cropped[0]


def test_the_thresholds_are_those_of_the_manifest() -> None:
    strict = AnswersAtOnce(manifest(thresholds=replace(THRESHOLDS, lesion=0.95)))
    assert read(Chest(balls=[Ball((72, 0, 0), 40)]), strict).finding.urgency == 0
    sure = AnswersAtOnce(manifest(thresholds=replace(THRESHOLDS, lung=0.97)))
    assert CtNumbers.of(read(Chest(), sure).finding).lungs_ml == pytest.approx(2 * LUNG_ML, rel=0.05)


def test_consolidation_that_the_lung_network_leaves_out_inside_a_lung_counts() -> None:
    ball = Ball((72, 0, 0), 35, hu=200)
    found = CtNumbers.of(read(Chest(balls=[ball])).finding)
    assert found.severity_left == pytest.approx(ball.ml / LUNG_ML, rel=0.08)
    assert found.dense_share > 0.85  # the rim of the ball is mixed with air


def test_a_lung_that_the_network_misses_is_completed_and_flagged() -> None:
    class MissesTheLeftLung(AnswersAtOnce):
        def lung_probability(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
            probability = super().lung_probability(slices)
            probability[:, :, probability.shape[2] // 2 :] = 0.0
            return probability

    found = read(Chest(balls=[Ball((72, 0, 0), 40)]), MissesTheLeftLung()).finding
    assert found.quality == (QualityFlag.LUNGS_COMPLETED,)
    assert CtNumbers.of(found).left_lung_ml == pytest.approx(LUNG_ML, rel=0.02)
    assert CtNumbers.of(found).severity_left == pytest.approx(Ball((72, 0, 0), 40).ml / LUNG_ML, rel=0.08)


def test_no_lungs_in_view_is_no_score() -> None:
    with pytest.raises(UnreadableStudy) as refused:
        read(Chest(lungs=(), trachea=()))
    assert refused.value.code == "no-lungs"


def test_too_little_lung_is_no_score_either() -> None:
    small = [((-72.0, 0.0, 0.0), (30.0, 40.0, 60.0)), ((72.0, 0.0, 0.0), (30.0, 40.0, 60.0))]
    with pytest.raises(UnreadableStudy) as refused:
        read(Chest(lungs=small))
    assert refused.value.code == "lung-not-segmented"


def test_one_lung_alone_is_scored_whole() -> None:
    ball = Ball((-60, 0, 0), 40)
    reading = read(Chest(lungs=[((-60, 0, 0), (66, 88, 130))], balls=[ball]))
    lung_ml = LUNG_ML * (66 * 88 * 130) / (58 * 85 * 128)
    assert reading.finding.urgency == pytest.approx(ball.ml / lung_ml, rel=0.05)
    assert CtNumbers.of(reading.finding).severity_right is None
    assert reading.right_lung.volume_ml == pytest.approx(lung_ml, rel=0.02)
    assert not reading.left_lung.voxels.any()


def test_the_lungs_are_where_they_were_drawn() -> None:
    reading = read(Chest(balls=[Ball((72, 0, 0), 40)]))
    right = ellipsoid(GRID, (-72, 0, 0), (58, 85, 128))
    assert np.count_nonzero(reading.right_lung.voxels & right) > 0.97 * np.count_nonzero(right)
    assert not reading.left_lung.voxels[right].any()
    ball = ellipsoid(GRID, (72, 0, 0), (41, 41, 41))
    assert np.count_nonzero(reading.lesion.voxels & ~ball) < 0.01 * np.count_nonzero(ball)


def test_thick_slices_are_read_and_flagged() -> None:
    geometry = grid((10.0, 1.4, 1.4))
    volume = draw(Chest(balls=[Ball((72, 0, 0), 40)]), geometry)
    found = CtPipeline(AnswersAtOnce(), CtOptions()).read(volume, replace(ADULT, slice_thickness_mm=10.0)).finding
    assert CtNumbers.of(found).severity_left == pytest.approx(Ball((72, 0, 0), 40).ml / LUNG_ML, rel=0.1)
    assert found.quality == (QualityFlag.THICK_SLICES,)


def test_thin_slices_reach_the_networks_as_slabs_and_the_masks_keep_every_slice() -> None:
    geometry = grid((1.0, 3.4, 3.4), (261.0, 200.0, 300.0))
    ball, networks = Ball((72, 0, 0), 40), AnswersAtOnce()
    reading = CtPipeline(networks, CtOptions()).read(draw(Chest(balls=[ball]), geometry), ADULT)
    assert networks.seen[0][1][0] == 131
    assert_same_grid(reading.lesion.geometry, geometry)
    assert CtNumbers.of(reading.finding).severity_left == pytest.approx(ball.ml / LUNG_ML, rel=0.08)
    assert CtNumbers.of(reading.finding).lungs_ml == pytest.approx(2 * LUNG_ML, rel=0.02)
    _, row, column = np.rint(geometry.index_of((72.0, 0.0, 0.0))).astype(int)
    reached = np.flatnonzero(reading.lesion.voxels[60:200, row, column]) + 60  # along the ball's axis
    ends_mm = [geometry.position_mm((index, 0, 0))[2] for index in (reached[0], reached[-1])]
    assert ends_mm == pytest.approx([-40, 40], abs=2.0)


def test_a_volume_of_float_is_read_like_one_of_integers() -> None:
    volume = draw(Chest(balls=[Ball((72, 0, 0), 40)]), GRID)
    pipeline = CtPipeline(AnswersAtOnce(), CtOptions())
    assert pipeline.read(Volume(volume.voxels.astype(np.float32), GRID), ADULT).finding == (
        pipeline.read(volume, ADULT).finding
    )


def test_a_package_for_pixels_that_are_not_square_is_refused() -> None:
    with pytest.raises(ModelRefused, match="square"):
        CtPipeline(AnswersAtOnce(manifest(spacing_mm=(2.0, 1.5))), CtOptions())
