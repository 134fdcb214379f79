from __future__ import annotations

import numpy as np

from tests.exams.pipelines.bodies import BODY_MM, Chest, axes_mm, cut, draw, ellipsoid, grid
from triaged.exams.ct.pipelines.body import within_body
from triaged.imaging.geometry import Box
from triaged.imaging.volume import Volume

GRID = grid((3.0, 2.0, 2.0))
LUNGS = np.logical_or(*(ellipsoid(GRID, *lung) for lung in Chest().lungs))


def with_table() -> Volume:
    """Return a chest on a table: a shell of 4 mm around 30 mm of foam, with the patient lying on it."""
    hu = draw(Chest(), GRID, noise_hu=15)
    _, y, _ = axes_mm(GRID)
    voxels = np.array(hu.voxels, dtype=np.int16)
    below = np.broadcast_to(y - BODY_MM[1], GRID.shape)
    voxels[(below > 0) & (below <= 19)] = -890
    voxels[((below > 0) & (below <= 4)) | ((below > 15) & (below <= 19))] = 100
    return Volume(voxels, GRID)


def test_the_lungs_lie_within_the_body_and_the_table_does_not() -> None:
    hu = with_table()
    within = within_body(hu)
    assert within[LUNGS].mean() > 0.999
    foam = np.broadcast_to((axes_mm(GRID)[1] > BODY_MM[1] + 5), GRID.shape)
    assert not within[foam].any()


def test_a_lung_cut_off_by_the_field_of_view_still_lies_within() -> None:
    hu = draw(Chest(), GRID)
    narrow = Box((0, 0, 40), (GRID.shape[0], GRID.shape[1], 140))  # 200 mm wide: it cuts both lungs
    assert within_body(cut(hu, narrow))[LUNGS[narrow.slices]].mean() > 0.98


def test_without_a_body_nothing_is_within() -> None:
    assert not within_body(Volume(np.full(GRID.shape, -1000, dtype=np.int16), GRID)).any()
