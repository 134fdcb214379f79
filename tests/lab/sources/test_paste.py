from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from tests.lab.sources.chest import LUNG_HU, NOISE_HU, PIXEL_MM, SLICE_MM, TISSUE_HU, small_chest, vessels
from triaged.exams.ct.pipelines.split import LEFT, RIGHT
from triaged.lab.sources.negatives import FREQUENCIES, other_change
from triaged.lab.sources.opacity import Change, dependent_density, joined, viral_change
from triaged.lab.sources.paste import paste, write_pasted
from triaged.lab.sources.patches import draw_shares
from triaged.lab.sources.scene import Scene, draw_scene
from triaged.lab.sources.tissue import Tissue, measure_tissue, replace_air

CHEST = small_chest()
LUNGS = CHEST.labels > 0


def _scene() -> Scene:
    voxels = CHEST.volume.voxels.astype(np.float32)
    return Scene(voxels, CHEST.labels, (SLICE_MM, PIXEL_MM, PIXEL_MM), CHEST.healthy)


@pytest.fixture(scope="module")
def tissue() -> Tissue:
    return measure_tissue(_scene(), np.random.default_rng(0))


def _on_grid(
    tissue: Tissue, values: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    mask = np.zeros(LUNGS.shape, dtype=np.bool_)
    mask[LUNGS] = values
    return mask


@pytest.mark.parametrize("shares", [(0.05, 0.0), (0.2, 0.35), (0.8, 0.6)])
def test_lesions_cover_the_wanted_share_of_each_lung(tissue: Tissue, shares: tuple[float, float]) -> None:
    change = viral_change(np.random.default_rng(3), tissue, shares)
    inside = _on_grid(tissue, change.inside)
    found = [inside[CHEST.labels == side].mean() for side in (RIGHT, LEFT)]
    assert found == pytest.approx(shares, abs=0.002)


@pytest.mark.parametrize("seed", range(4))
def test_the_severity_on_file_equals_the_count_of_voxels(seed: int) -> None:
    series = paste(CHEST, seed)
    for lung, severity in zip((series.right, series.left), series.severity, strict=True):
        assert severity == pytest.approx((series.lesion & lung).sum() / lung.sum())
    assert not (series.lesion & ~(series.right | series.left)).any()
    assert (series.disease == "viral") == bool(series.lesion.any())
    assert not (series.lesion & series.other).any()


def test_nothing_changes_farther_than_one_pixel_from_the_lungs(tissue: Tissue) -> None:
    scene = _scene()
    share = np.full(int(LUNGS.sum()), 0.9, dtype=np.float32)
    changed = replace_air(scene, tissue, share, np.random.default_rng(1)) != scene.hu
    near = ndimage.binary_dilation(LUNGS, np.ones((1, 3, 3)))
    assert changed[LUNGS].mean() > 0.99
    assert not changed[~near].any()


def test_vessels_keep_their_density_under_ground_glass(tissue: Tissue) -> None:
    scene = _scene()
    share = np.full(int(LUNGS.sum()), 0.35, dtype=np.float32)
    changed = replace_air(scene, tissue, share, np.random.default_rng(1))
    deep = ndimage.binary_erosion(LUNGS, iterations=3)
    assert changed[deep & vessels()].mean() == pytest.approx(TISSUE_HU, abs=5)
    beside = deep & ~ndimage.binary_dilation(vessels(), np.ones((1, 3, 3)))
    assert changed[beside].mean() == pytest.approx(LUNG_HU + 0.35 * (TISSUE_HU - LUNG_HU), abs=5)


def test_ground_glass_keeps_the_noise_of_the_scan(tissue: Tissue) -> None:
    scene = _scene()
    share = np.full(int(LUNGS.sum()), 0.4, dtype=np.float32)
    changed = replace_air(scene, tissue, share, np.random.default_rng(1))
    beside = ndimage.binary_erosion(LUNGS, iterations=3) & ~ndimage.binary_dilation(vessels(), np.ones((1, 3, 3)))
    assert 0.75 * NOISE_HU < changed[beside].std() < 1.25 * NOISE_HU


def test_consolidation_reaches_the_pleura(tissue: Tissue) -> None:
    scene = _scene()
    edge = ndimage.binary_dilation(LUNGS, np.ones((1, 3, 3))) & ~LUNGS
    partial = replace(scene, hu=np.where(edge, np.float32(-300), scene.hu).astype(np.float32))
    full = np.ones(int(LUNGS.sum()), dtype=np.float32)
    changed = replace_air(partial, tissue, full, np.random.default_rng(1))
    assert changed[edge].min() > 0


@pytest.mark.parametrize("disease", FREQUENCIES)
def test_other_diseases_are_no_lesion_but_are_marked(tissue: Tissue, disease: str) -> None:
    change = other_change(np.random.default_rng(2), tissue, disease)
    assert change.inside.any()
    assert change.air_share[change.inside].mean() > 0.1


def test_dependent_density_is_dense_below_and_marked_by_nobody(tissue: Tissue) -> None:
    change = dependent_density(np.random.default_rng(2), tissue)
    below = tissue.lung.down_mm > np.percentile(tissue.lung.down_mm, 90)
    assert change.air_share[below].max() > 0.05
    assert change.air_share[~below].mean() < change.air_share[below].mean()
    assert not change.inside.any()


def test_two_changes_replace_air_one_after_the_other() -> None:
    one, two = (Change(np.array([share], dtype=np.float32), np.array([True])) for share in (0.5, 0.2))
    assert joined(one, two).air_share == pytest.approx([0.6])


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    chest = small_chest("p7")
    first, again, other = (
        next(write_pasted([chest], tmp_path / name, 1, seed)).read_bytes()
        for name, seed in (("first", 4), ("again", 4), ("other", 5))
    )
    assert first == again
    assert first != other


def test_files_carry_the_patient_for_splitting(tmp_path: Path) -> None:
    paths = list(write_pasted([small_chest("p1"), small_chest("p2")], tmp_path, 2, 0))
    for path, patient in zip(paths, ("p1", "p2"), strict=True):
        with np.load(path) as archive:
            assert str(archive["patient"]) == patient
            assert str(archive["source"]) == "paste"
            assert bool(archive["lung_known"])


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    kept = tmp_path / "paste_chest_0_00000.npz"
    kept.write_bytes(b"kept")
    assert list(write_pasted([CHEST], tmp_path, 1, 0)) == [kept]
    assert kept.read_bytes() == b"kept"


def test_a_slice_with_lesions_of_its_own_teaches_none() -> None:
    healthy = np.arange(len(CHEST.labels)) < 10
    series = paste(replace(CHEST, healthy=healthy), 3)
    assert series.lesion_known.any()
    assert not series.lesion_known[-len(series.lesion_known) // 2 :].any()


@pytest.mark.parametrize("seed", range(6))
def test_the_right_lung_stays_on_the_right_side_also_in_mirror_images(seed: int) -> None:
    scene = draw_scene(CHEST, np.random.default_rng(seed))
    right, left = (np.nonzero(scene.labels == side)[2].mean() for side in (RIGHT, LEFT))
    assert right < left
    assert scene.hu[scene.labels > 0].mean() < -700 < scene.hu[ndimage.binary_dilation(scene.labels > 0)].mean() + 100


def test_severities_follow_the_wanted_mixture() -> None:
    rng = np.random.default_rng(8)
    worse = np.array([max(draw_shares(rng)) for _ in range(4000)])
    found = [(worse == 0).mean(), *np.histogram(worse[worse > 0], [0, 0.25, 0.5, 0.75, 1])[0] / worse.size]
    assert found == pytest.approx([0.25, 0.45, 0.15, 0.10, 0.05], abs=0.025)


def test_negatives_show_no_viral_disease_but_most_another(tmp_path: Path) -> None:
    paths = list(write_pasted([CHEST], tmp_path, 12, 5, negative=True))
    diseases = []
    for path in paths:
        with np.load(path) as archive:
            diseases.append(str(archive["disease"]))
            assert not archive["lesion"].any()
    assert "viral" not in diseases
    assert sum(disease != "none" for disease in diseases) > 6
    assert len(set(diseases)) > 3
