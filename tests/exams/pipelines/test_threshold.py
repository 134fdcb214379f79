from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.exams.pipelines.bodies import ADULT, BODY_MM, LUNG_ML, LUNG_MM, Ball, Chest, draw, ellipsoid, grid
from triaged.errors import UnreadableStudy
from triaged.exams.ct.finding import CtNumbers, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.threshold import ThresholdPipeline
from triaged.imaging.volume import Volume
from triaged.study.finding import Grade, QualityFlag

GRID = grid((8.0, 1.8, 1.8))


def read(chest: Chest, noise_hu: float = 20.0) -> LungAnalysis:
    return ThresholdPipeline(CtOptions()).read(draw(chest, GRID, noise_hu), ADULT)


def test_clear_lungs_have_no_lesion_and_no_probability() -> None:
    found = read(Chest()).finding
    assert found.urgency == 0
    assert found.grade == Grade(0, "CT")
    assert CtNumbers.of(found).lungs_ml == pytest.approx(2 * LUNG_ML, rel=0.02)
    assert found.suspicion is None
    assert found.engine == "threshold"
    assert found.quality == ()


@pytest.mark.parametrize("hu", [-500, 30])
def test_a_ball_of_disease_is_measured_in_its_own_lung(hu: int) -> None:
    ball = Ball((72, 0, 10), 40, hu)
    found = CtNumbers.of(read(Chest(balls=[ball])).finding)
    # The middle level of a blurred ball lies sigma^2 / radius further in.
    blurred = Ball(ball.centre_mm, 40 - 8**2 / 40)
    assert found.severity_left == pytest.approx(blurred.ml / LUNG_ML, rel=0.05)
    assert found.severity_right == 0
    assert found.severity == found.severity_left
    assert found.dense_share == pytest.approx(1.0 if hu > -300 else 0.0, abs=0.1)


def test_the_lesion_lies_where_the_disease_is() -> None:
    reading = read(Chest(balls=[Ball((-72, 20, -40), 35)]))
    truth = ellipsoid(GRID, (-72, 20, -40), (35, 35, 35))
    assert np.count_nonzero(reading.lesion.voxels & truth) > 0.97 * np.count_nonzero(reading.lesion.voxels)
    assert not (reading.lesion.voxels & ~reading.right_lung.voxels).any()


def test_vessels_are_no_lesion() -> None:
    vessels = [Ball((x, y, z), 5, hu=40) for x in (-90, -50, 50, 90) for y in (-30, 30) for z in (-60, 0, 60)]
    assert read(Chest(balls=vessels)).finding.urgency == 0


def test_disease_in_both_lungs_is_scored_by_the_worse() -> None:
    found = CtNumbers.of(read(Chest(balls=[Ball((-72, 0, 0), 50), Ball((72, 0, 0), 30)])).finding)
    assert found.severity_right is not None
    assert found.severity_left is not None
    assert found.severity == found.severity_right > 2 * found.severity_left > 0


def test_a_body_without_lungs_is_unreadable() -> None:
    with pytest.raises(UnreadableStudy) as refused:
        read(Chest(lungs=(), trachea=()))
    assert refused.value.code == "no-lungs"


def test_an_image_of_air_is_unreadable() -> None:
    with pytest.raises(UnreadableStudy) as refused:
        ThresholdPipeline(CtOptions()).read(Volume(np.full(GRID.shape, -1000, dtype=np.int16), GRID), ADULT)
    assert refused.value.code == "no-lungs"


def test_white_lungs_are_not_scored_as_clear() -> None:
    """Two lungs full of consolidation but for their upper tenth."""
    white = [Ball((x, y, z), 60, hu=40) for x in (-72, 72) for y in (-40, 40) for z in (-100, -50, 0, 50)]
    with pytest.raises(UnreadableStudy) as refused:
        read(Chest(balls=white))
    assert refused.value.code == "lung-not-segmented"


def test_one_white_lung_leaves_a_flag() -> None:
    white = [Ball((-72, y, z), 62, hu=40) for y in (-40, 0, 40) for z in (-100, -50, 0, 50, 100)]
    found = read(Chest(balls=white)).finding
    assert QualityFlag.SINGLE_LUNG in found.quality
    assert CtNumbers.of(found).severity_left is None


def test_the_order_of_columns_does_not_swap_the_lungs() -> None:
    """The volume is canonical by contract; the sides must come from the patient all the same."""
    left_only = Chest(lungs=[((-72, 0, 0), LUNG_MM), ((72, 0, 0), (45, 70, 110))], balls=[Ball((72, 0, 0), 30)])
    found = CtNumbers.of(read(left_only).finding)
    assert found.right_lung_ml == pytest.approx(LUNG_ML, rel=0.03)
    assert found.severity == found.severity_left


def test_a_child_is_read_and_flagged() -> None:
    child = Chest(lungs=[((-45, 0, 0), (28, 50, 70)), ((45, 0, 0), (28, 50, 70))], trachea=(20.0, 20.0, 150.0))
    found = ThresholdPipeline(CtOptions()).read(draw(child, GRID), replace(ADULT, age_years=5)).finding
    assert CtNumbers.of(found).lungs_ml < 1000
    assert {QualityFlag.PAEDIATRIC, QualityFlag.LUNG_VOLUME} <= set(found.quality)


def test_the_body_is_wider_than_its_lungs() -> None:
    """Guards the drawing: the lungs lie within the body, or the tests above would mean nothing."""
    assert 72 + LUNG_MM[0] < BODY_MM[0]
