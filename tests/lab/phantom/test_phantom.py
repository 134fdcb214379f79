"""The generator draws what it says it drew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from triaged.lab.phantom.cache import training_options, write_cache
from triaged.lab.phantom.frame import make_frame, voxel_index
from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import Phantom, PhantomOptions, Scanner

SMALL = PhantomOptions(seed=11, severity=(0.30, 0.12), matrix=100, pixel_mm=3.6, slice_mm=1.5, increment_mm=9.0)


@pytest.fixture(scope="module")
def viral() -> Phantom:
    return generate(SMALL)


@pytest.fixture(scope="module")
def healthy() -> Phantom:
    return generate(replace(SMALL, disease="none"))


def test_the_same_seed_gives_the_same_bytes(viral: Phantom) -> None:
    again = generate(SMALL)
    assert viral.voxels_hu.tobytes() == again.voxels_hu.tobytes()
    assert viral.lesion.tobytes() == again.lesion.tobytes()
    assert viral.truth == again.truth


def test_another_seed_gives_another_patient(viral: Phantom) -> None:
    other = generate(replace(SMALL, seed=12))
    assert other.voxels_hu.shape != viral.voxels_hu.shape or (other.voxels_hu != viral.voxels_hu).any()


def test_the_truth_is_the_voxel_count(viral: Phantom) -> None:
    ml = 9.0 * 3.6 * 3.6 / 1000
    assert viral.truth.volume_right_ml == pytest.approx(np.count_nonzero(viral.right_lung) * ml)
    assert viral.truth.volume_left_ml == pytest.approx(np.count_nonzero(viral.left_lung) * ml)
    share = np.count_nonzero(viral.lesion & viral.right_lung) / np.count_nonzero(viral.right_lung)
    assert viral.truth.severity_right == pytest.approx(share)
    assert viral.truth.severity == max(viral.truth.severity_right, viral.truth.severity_left)


@pytest.mark.parametrize("target", [(0.02, 0.0), (0.30, 0.12), (0.85, 0.60)])
def test_each_lung_gets_the_lesion_share_asked_for(target: tuple[float, float]) -> None:
    truth = generate(replace(SMALL, severity=target)).truth
    assert truth.severity_right == pytest.approx(target[0], abs=0.005)
    assert truth.severity_left == pytest.approx(target[1], abs=0.005)


def test_lesions_lie_in_the_lungs_and_lungs_do_not_overlap(viral: Phantom) -> None:
    lungs = viral.right_lung | viral.left_lung
    assert not (viral.lesion & ~lungs).any()
    assert not (viral.right_lung & viral.left_lung).any()
    assert not viral.other.any()


def test_the_right_lung_has_the_smaller_column_indices_and_the_liver_below_it(viral: Phantom) -> None:
    right, left = (np.argwhere(m).mean(axis=0) for m in (viral.right_lung, viral.left_lung))
    assert right[2] < 50 < left[2]
    assert viral.truth.volume_right_ml > viral.truth.volume_left_ml


def test_healthy_lung_has_the_density_of_lung_and_the_body_that_of_tissue() -> None:
    phantom = generate(replace(SMALL, seed=21, disease="none"))
    lungs = phantom.right_lung | phantom.left_lung
    assert -930 < np.median(phantom.voxels_hu[lungs]) < -680
    middle = phantom.voxels_hu[0, 30:70, 30:70]
    assert -130 < np.median(middle) < 150
    assert np.median(phantom.voxels_hu[:, :3]) < -950
    assert not phantom.lesion.any()


def test_vertebrae_are_bone_behind_the_middle() -> None:
    phantom = generate(replace(SMALL, seed=21, disease="none"))
    bone = phantom.voxels_hu[:, 50:75, 45:55] > 85
    per_slice = bone.sum(axis=(1, 2))
    assert np.median(per_slice) > 50


def test_a_viral_lesion_is_denser_than_the_lung_around_it(viral: Phantom) -> None:
    lungs = (viral.right_lung | viral.left_lung) & ~viral.lesion
    assert np.median(viral.voxels_hu[viral.lesion]) > np.median(viral.voxels_hu[lungs]) + 100


@pytest.mark.parametrize("disease", ["bacterial", "oedema", "nodules", "mass", "effusion", "atelectasis", "fibrosis"])
def test_other_diseases_leave_the_viral_mask_empty_and_stay_lung(disease: str, healthy: Phantom) -> None:
    phantom = generate(replace(SMALL, disease=disease))  # type: ignore[arg-type]
    assert not phantom.lesion.any()
    assert phantom.other.any()
    assert phantom.truth.severity == 0
    assert phantom.truth.volume_right_ml == healthy.truth.volume_right_ml


def test_the_disease_does_not_change_the_patient_or_the_scanner(viral: Phantom, healthy: Phantom) -> None:
    lungs = viral.right_lung | viral.left_lung
    far = ~lungs
    far[:, 1:-1, 1:-1] &= ~(lungs[:, 2:, 1:-1] | lungs[:, :-2, 1:-1] | lungs[:, 1:-1, 2:] | lungs[:, 1:-1, :-2])
    difference = np.abs(viral.voxels_hu.astype(int) - healthy.voxels_hu)[far]
    assert np.median(difference) <= 1


def test_thick_slices_average_two_cuts_and_keep_the_target() -> None:
    phantom = generate(replace(SMALL, slice_mm=9.0))
    assert phantom.truth.severity_right == pytest.approx(0.30, abs=0.005)
    assert phantom.spacing_mm == (9.0, 3.6, 3.6)


def test_slices_thicker_than_their_distance_keep_positions(healthy: Phantom) -> None:
    even = generate(replace(SMALL, disease="none", slice_mm=3.0, increment_mm=9.0))
    assert even.truth.volume_right_ml == pytest.approx(healthy.truth.volume_right_ml, rel=0.05)
    heights = [np.argwhere(p.right_lung | p.left_lung)[:, 0].mean() for p in (even, healthy)]
    assert heights[0] == pytest.approx(heights[1], abs=0.3)


def test_a_point_has_its_index_on_unevenly_spaced_slices() -> None:
    z = np.array([0.0, 1.0, 10.0, 11.0], dtype=np.float32)
    frame = make_frame(z, 11, 2.0, (0.0, 0.0), 0.0, 1.5)
    points = np.array([[0.0, 0.0, 10.0], [4.0, -2.0, 0.5]], dtype=np.float32)
    assert voxel_index(frame, points).ravel().tolist() == pytest.approx([2, 5, 5, 0.5, 4, 7], abs=1e-5)


def test_padding_fills_the_corners_only(viral: Phantom) -> None:
    padded = generate(replace(SMALL, scanner=Scanner(padding_hu=-2000)))
    assert (padded.voxels_hu[:, 0, 0] == -2000).all()
    assert (padded.voxels_hu[:, 50, 50] > -1025).all()
    assert viral.voxels_hu.min() >= -1024


def test_scanner_style_is_drawn_apart_from_disease() -> None:
    drawn = [training_options(seed) for seed in range(400)]
    sick = np.array([o.disease == "viral" for o in drawn])
    noise = np.array([o.scanner.noise_sd_hu for o in drawn])
    thickness = np.array([o.slice_mm for o in drawn])
    assert 0.35 < sick.mean() < 0.49
    assert abs(np.corrcoef(sick, noise)[0, 1]) < 0.15
    assert abs(np.corrcoef(sick, thickness)[0, 1]) < 0.15


def test_the_cache_keeps_what_it_has_and_holds_the_documented_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triaged.lab.phantom.cache.training_options", lambda seed: replace(SMALL, seed=seed))
    first = list(write_cache(tmp_path, first_seed=1, count=1, processes=1))
    second = list(write_cache(tmp_path, first_seed=1, count=2, processes=1))
    assert [len(first), len(second)] == [1, 1]
    with np.load(first[0][0]) as saved:
        assert set(saved.files) == {
            "voxels", "right", "left", "lesion", "other", "spacing", "disease", "severity", "seed",
        }  # fmt: skip
        assert saved["voxels"].dtype == np.int16
        assert saved["lesion"].shape == saved["voxels"].shape
