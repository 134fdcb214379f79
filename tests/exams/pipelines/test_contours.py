from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.exams.pipelines.bodies import ADULT, Ball, Chest, draw, ellipsoid, grid
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.airway import central_airway
from triaged.exams.ct.pipelines.body import within_body
from triaged.exams.ct.pipelines.contours import contoured_lungs
from triaged.exams.ct.pipelines.split import LEFT, RIGHT
from triaged.exams.ct.pipelines.threshold import BUILT_IN, ThresholdPipeline
from triaged.imaging.volume import Volume

GRID = grid((6.0, 2.0, 2.0))
RIGHT_LUNG, LEFT_LUNG = (ellipsoid(GRID, centre, semi_axes) for centre, semi_axes in Chest().lungs)


def labels_of(hu: Volume) -> NDArray[np.uint8]:
    return contoured_lungs(hu, central_airway(hu), within_body(hu)).labels


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))


def test_both_lungs_of_a_chest_are_found_a_little_eroded() -> None:
    labels = labels_of(draw(Chest(), GRID, noise_hu=30))
    for side, truth in ((RIGHT, RIGHT_LUNG), (LEFT, LEFT_LUNG)):
        assert dice(labels == side, truth) > 0.93
        assert not (labels == side)[~truth].sum() > 0.03 * truth.sum()


def test_dense_disease_within_a_lung_counts_as_lung() -> None:
    ball = Ball((-72, 0, 0), 25, hu=30)
    inside = ellipsoid(GRID, ball.centre_mm, (24, 24, 24)) & RIGHT_LUNG
    assert (labels_of(draw(Chest(balls=[ball]), GRID)) == RIGHT)[inside].mean() > 0.97


def test_the_airway_is_no_lung_and_a_block_of_tissue_has_none() -> None:
    hu = draw(Chest(), GRID)
    assert not labels_of(hu)[central_airway(hu)].any()
    assert not (labels_of(draw(Chest(lungs=(), trachea=()), GRID)) > 0).sum() * GRID.voxel_ml > 50


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_engine_reads_a_chest_and_names_itself(name: str) -> None:
    finding = ThresholdPipeline(CtOptions(), name).read(draw(Chest(), GRID, noise_hu=30), ADULT).finding
    assert finding.engine == name
    assert finding.urgency < 0.02
