from __future__ import annotations

import numpy as np

from tests.exams.pipelines.bodies import AIR, Chest, axes_mm, draw, grid
from triaged.exams.ct.pipelines.airway import central_airway
from triaged.imaging.volume import Volume

GRID = grid((2.5, 2.0, 2.0))


def test_the_trachea_is_found_and_the_lungs_are_not() -> None:
    hu = draw(Chest(), GRID, noise_hu=10)
    z, y, x = axes_mm(GRID)
    from_axis_mm = np.hypot(x, y - 20) + 0 * z
    found = central_airway(hu)
    assert found[(from_axis_mm < 8) & (z > 30)].all()
    assert not found[from_axis_mm > 8 + 6].any()


def test_both_main_bronchi_are_followed() -> None:
    hu = draw(Chest(), GRID)
    z, y, x = axes_mm(GRID)
    voxels = hu.voxels.copy()
    bronchi = (np.abs(np.abs(x) - (20 - z) * 0.8 - 4) < 5) & (np.abs(y - 20) < 5) & (z <= 20) & (z > 0)
    voxels[bronchi] = AIR
    found = central_airway(Volume(voxels, GRID))
    assert found[bronchi].mean() > 0.95


def test_emphysema_beside_the_trachea_is_not_followed() -> None:
    hu = draw(Chest(), GRID)
    voxels = hu.voxels.copy()
    voxels[voxels == -860] = -980
    found = central_airway(Volume(voxels, GRID))
    lung = voxels == -980
    assert np.count_nonzero(found & lung) < 0.005 * np.count_nonzero(lung)


def test_without_a_trachea_nothing_is_found() -> None:
    assert not central_airway(draw(Chest(trachea=()), GRID)).any()
    air = Volume(np.full(GRID.shape, -1000, dtype=np.int16), GRID)
    assert not central_airway(air).any()
