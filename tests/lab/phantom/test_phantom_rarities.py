"""Rare anatomy and the faults of scans are drawn where they belong, and the truth follows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from triaged.lab.phantom import masks, parenchyma
from triaged.lab.phantom.generate import draw, generate
from triaged.lab.phantom.options import Phantom, PhantomOptions, Scanner

QUIET = Scanner(noise_sd_hu=1.0, streak_hu=0.0)
PLAIN = PhantomOptions(
    seed=41, disease="none", severity="none", matrix=90, pixel_mm=4.0, slice_mm=1.5, increment_mm=8.0, scanner=QUIET
)
ILL = replace(PLAIN, disease="viral", severity=(0.25, 0.10))


@pytest.fixture(scope="module")
def plain() -> Phantom:
    return generate(PLAIN)


def test_a_phantom_drawn_in_slabs_equals_one_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    options = replace(ILL, companion="effusion", scanner=replace(QUIET, breathing_mm=5.0, heart_motion_mm=4.0))
    whole = generate(options)
    for module in (masks, parenchyma):
        monkeypatch.setattr(module, "SLAB_VOXELS", 4 * 90 * 90)
    parts = generate(options)
    assert np.abs(whole.voxels_hu.astype(int) - parts.voxels_hu).max() <= 1
    for name in ("right_lung", "left_lung", "lesion", "other"):
        assert np.count_nonzero(getattr(whole, name) != getattr(parts, name)) <= 2, name


def test_a_patient_with_one_lung_has_no_truth_on_the_other_side() -> None:
    truth = generate(replace(ILL, variant="single_lung")).truth
    volumes = sorted([truth.volume_right_ml, truth.volume_left_ml])
    assert volumes[0] == 0
    assert volumes[1] > 800
    assert min(truth.severity_right, truth.severity_left) == 0
    assert truth.severity > 0.05


def test_a_shifted_mediastinum_widens_one_lung_and_narrows_the_other(plain: Phantom) -> None:
    shifted = generate(replace(PLAIN, variant="shifted"))
    ratio = [p.truth.volume_right_ml / p.truth.volume_left_ml for p in (plain, shifted)]
    assert abs(np.log(ratio[1] / ratio[0])) > 0.08
    total = [p.truth.volume_right_ml + p.truth.volume_left_ml for p in (plain, shifted)]
    assert total[1] == pytest.approx(total[0], rel=0.1)


def test_free_air_lies_in_front_and_is_not_lung(plain: Phantom) -> None:
    drawing = draw(replace(PLAIN, variant="pneumothorax", seed=33))
    before = generate(replace(PLAIN, seed=33))
    lost = (before.right_lung | before.left_lung) & ~(drawing.phantom.right_lung | drawing.phantom.left_lung)
    assert lost.sum() > 100
    assert np.median(drawing.phantom.voxels_hu[lost]) < -960
    assert np.argwhere(lost)[:, 1].mean() < np.argwhere(before.right_lung | before.left_lung)[:, 1].mean() - 3


@pytest.mark.parametrize("metal", ["wires", "pacemaker", "rods"])
def test_metal_is_clipped_at_twelve_bits_and_casts_streaks(metal: str, plain: Phantom) -> None:
    drawn = generate(replace(PLAIN, metal=metal))  # type: ignore[arg-type]
    bright = drawn.voxels_hu > 2000
    assert bright.any()
    assert drawn.voxels_hu.max() <= 3071
    with_metal = bright.any(axis=(1, 2))
    change = np.abs(drawn.voxels_hu.astype(float) - plain.voxels_hu)
    assert change[with_metal].mean() > 3 * max(change[~with_metal].mean(), 0.1)
    np.testing.assert_array_equal(drawn.right_lung, plain.right_lung)


def test_fluid_beside_a_viral_disease_is_other_opacity_and_lowers_no_share() -> None:
    drawn = generate(replace(ILL, companion="effusion"))
    assert drawn.other.any()
    assert not (drawn.other & drawn.lesion).any()
    assert drawn.truth.severity_right == pytest.approx(0.25, abs=0.01)
    assert np.median(drawn.voxels_hu[drawn.other]) > -150


def test_the_truth_leans_with_the_gantry(plain: Phantom) -> None:
    tilt = 10.0
    leaning = generate(replace(PLAIN, scanner=replace(QUIET, tilt_deg=tilt)))
    lean = np.deg2rad(tilt)

    def centre(phantom: Phantom, degrees: float) -> tuple[float, float]:
        at = np.argwhere(phantom.right_lung).astype(float)
        row_mm = (at[:, 1] - 44.5) * 4.0
        height = at[:, 0] * 8.0 + row_mm * np.sin(np.deg2rad(degrees))
        return float((row_mm * np.cos(np.deg2rad(degrees))).mean()), float(height.mean())

    assert centre(leaning, tilt) == pytest.approx(centre(plain, 0.0), abs=3.0)
    assert leaning.truth.volume_right_ml * np.cos(lean) == pytest.approx(plain.truth.volume_right_ml, rel=0.04)


def test_a_lost_slice_leaves_a_gap_in_the_heights(plain: Phantom) -> None:
    gapped = generate(replace(PLAIN, missing=(4,)))
    assert gapped.voxels_hu.shape[0] == plain.voxels_hu.shape[0] - 1
    np.testing.assert_array_equal(gapped.voxels_hu[4:], plain.voxels_hu[5:])
    assert gapped.heights_mm[3:6].tolist() == [24.0, 40.0, 48.0]


def test_a_breath_in_the_middle_leaves_a_part_of_the_chest_out(plain: Phantom) -> None:
    stepped = generate(replace(PLAIN, scanner=replace(QUIET, breathing_step_mm=16.0)))
    middle = plain.voxels_hu.shape[0] // 2
    np.testing.assert_array_equal(stepped.right_lung[: middle - 2], plain.right_lung[: middle - 2])
    drawn = stepped.right_lung[middle : middle + 6]
    here, higher = (
        np.count_nonzero(drawn != plain.right_lung[middle + up : middle + up + 6]) / np.count_nonzero(drawn)
        for up in (0, 2)
    )
    assert higher < 0.05 < here


def test_rings_are_round_and_cupping_darkens_the_middle(plain: Phantom) -> None:
    faulty = generate(replace(PLAIN, scanner=replace(QUIET, ring_hu=15.0, cupping_hu=15.0)))
    error = (faulty.voxels_hu.astype(float) - plain.voxels_hu)[:, 20:70, 20:70]
    body = plain.voxels_hu[:, 20:70, 20:70] > -850
    assert -35 < error[body].mean() < -5
    assert abs(error[~body & (plain.voxels_hu[:, 20:70, 20:70] < -950)]).mean() < 3


def test_a_moving_heart_changes_the_image_around_it_only(plain: Phantom) -> None:
    beating = generate(replace(PLAIN, scanner=replace(QUIET, heart_motion_mm=6.0)))
    change = np.abs(beating.voxels_hu.astype(float) - plain.voxels_hu)
    assert change.max() > 150
    assert np.median(change[-5:]) <= 1
    np.testing.assert_array_equal(beating.right_lung, plain.right_lung)
