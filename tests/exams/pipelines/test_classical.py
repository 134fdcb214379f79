from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.exams.pipelines.bodies import Ball, Chest, cut, draw, ellipsoid, grid
from triaged.exams.ct.pipelines.airway import central_airway
from triaged.exams.ct.pipelines.body import within_body
from triaged.exams.ct.pipelines.classical import classical_lungs
from triaged.exams.ct.pipelines.split import LEFT, RIGHT
from triaged.imaging.geometry import Box
from triaged.imaging.volume import Volume

GRID = grid((6.0, 2.0, 2.0))
RIGHT_LUNG, LEFT_LUNG = (ellipsoid(GRID, centre, semi_axes) for centre, semi_axes in Chest().lungs)


def labels_of(hu: Volume) -> NDArray[np.uint8]:
    return classical_lungs(hu, central_airway(hu), within_body(hu)).labels


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))


def test_both_lungs_of_a_chest_are_found() -> None:
    labels = labels_of(draw(Chest(), GRID, noise_hu=30))
    assert dice(labels == RIGHT, RIGHT_LUNG) > 0.98
    assert dice(labels == LEFT, LEFT_LUNG) > 0.98


def test_dense_disease_within_and_at_the_rim_of_a_lung_counts_as_lung() -> None:
    balls = [Ball((-72, 0, 0), 25, hu=30), Ball((-72, 82, 0), 12, hu=30), Ball((72, 0, 60), 30, hu=-500)]
    labels = labels_of(draw(Chest(balls=balls), GRID))
    assert dice(labels == RIGHT, RIGHT_LUNG) > 0.97
    assert dice(labels == LEFT, LEFT_LUNG) > 0.98


def test_a_lung_cut_off_by_the_field_of_view_is_found() -> None:
    narrow = Box((0, 0, 36), (GRID.shape[0], GRID.shape[1], 180))
    labels = labels_of(cut(draw(Chest(), GRID), narrow))
    assert dice(labels == RIGHT, RIGHT_LUNG[narrow.slices]) > 0.97
    assert dice(labels == LEFT, LEFT_LUNG[narrow.slices]) > 0.97


def test_the_airway_and_the_mediastinum_are_no_lung() -> None:
    hu = draw(Chest(), GRID)
    labels = labels_of(hu)
    assert not labels[central_airway(hu)].any()
    outside = ~ellipsoid(GRID, (-72, 0, 0), (66, 93, 136)) & ~ellipsoid(GRID, (72, 0, 0), (66, 93, 136))
    assert not labels[outside].any()


def test_there_are_no_lungs_in_a_block_of_tissue_nor_in_air() -> None:
    for chest in (Chest(lungs=(), trachea=()), Chest(lungs=())):
        assert not (labels_of(draw(chest, GRID)) > 0).sum() * GRID.voxel_ml > 50
    assert not labels_of(Volume(np.full(GRID.shape, -1000, dtype=np.int16), GRID)).any()
