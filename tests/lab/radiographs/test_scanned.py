"""A scan with pasted lesions as a chest: places, couch, belly, and what the lesions add, on a chest made of shapes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from triaged.exams.ct.pipelines.split import LEFT, RIGHT
from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Volume
from triaged.lab.radiographs.chest import Chest
from triaged.lab.radiographs.scanned import below_lungs, remove_couch, scanned_chest
from triaged.lab.sources.normals import Normal

SPACING_MM = (4.0, 2.0, 2.0)
SHAPE = (50, 120, 150)


def shapes() -> tuple[np.ndarray, np.ndarray]:
    """Return a body with two lungs of different size and a couch behind, in HU, and the lungs' labels."""
    z, y, x = np.meshgrid(
        *[(np.arange(n) - (n - 1) / 2) * s for n, s in zip(SHAPE, SPACING_MM, strict=True)], indexing="ij"
    )
    hu = np.where((x / 140) ** 2 + (y / 90) ** 2 < 1, 40.0, -1000.0)
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for side, label, width in ((-65, RIGHT, 45), (65, LEFT, 38)):
        labels[((x - side) / width) ** 2 + (y / 60) ** 2 + (z / 85) ** 2 < 1] = label
    hu[labels > 0] = -850
    hu[:, 112:116] = -100  # the couch
    return hu + np.random.default_rng(3).normal(0, 12, SHAPE), labels


def scan() -> Normal:
    """Return that body as a scan without disease."""
    hu, labels = shapes()
    geometry = Geometry(np.diag([*SPACING_MM, 1.0]), SHAPE, "1.2.3")
    healthy = np.ones(SHAPE[0], dtype=np.bool_)
    return Normal("shapes", Volume(hu.astype(np.float32), geometry), labels, healthy)


@cache
def chest_of(disease: str) -> tuple[Chest, Chest]:
    """Return the chest of the first seed that has this disease, and that of the first healthy one."""
    found: dict[str, Chest] = {}
    for seed in range(40):
        chest = scanned_chest(scan(), seed)
        found.setdefault(chest.disease, chest)
        if disease in found and "none" in found:
            return found[disease], found["none"]
    raise AssertionError(f"no seed below 40 has {disease}")


def volume_ml(chest: Chest, mask: np.ndarray) -> float:
    """Return a mask's volume."""
    return float(mask.sum() * np.prod(chest.spacing_mm) / 1000)


def test_lungs_keep_their_volumes() -> None:
    chest, _ = chest_of("viral")
    volumes = sorted(volume_ml(chest, each) for each in (chest.right, chest.left))
    true = sorted(4 / 3 * np.pi * width * 60 * 85 / 1000 for width in (45, 38))
    assert volumes == pytest.approx(true, rel=0.03)


def test_a_mirrored_scan_has_its_lungs_on_their_sides_too() -> None:
    for seed in range(3):
        chest = scanned_chest(scan(), seed)
        columns = [float(np.argwhere(each)[:, 2].mean()) for each in (chest.right, chest.left)]
        assert columns[0] < chest.hu.shape[2] / 2 < columns[1]


def test_a_lesion_adds_density_where_its_mask_is_and_hardly_elsewhere() -> None:
    sick, healthy = chest_of("viral")
    lungs = sick.right | sick.left
    assert sick.lesion.any()
    assert float(sick.hu[sick.lesion].mean()) > float(sick.hu[lungs & ~sick.lesion].mean()) + 100
    assert not healthy.lesion.any()
    assert float(np.median(healthy.hu[healthy.right | healthy.left])) == pytest.approx(-850, abs=15)


def test_the_couch_is_taken_away_and_the_patient_kept() -> None:
    hu, _ = shapes()
    remove_couch(voxels := hu.astype(np.float32))
    assert float(voxels[:, 112:116].max()) < -900
    inside = hu > -200
    inside[:, 105:] = False
    assert np.array_equal(voxels[inside], hu.astype(np.float32)[inside])


def test_the_belly_lies_under_the_lungs_and_nothing_of_it_above_their_middle() -> None:
    hu, labels = shapes()
    belly = below_lungs(labels > 0, hu.astype(np.float32))
    assert belly[1, 60, 45]
    assert not belly[25:].any()
    assert not (belly & (labels > 0)).any()
