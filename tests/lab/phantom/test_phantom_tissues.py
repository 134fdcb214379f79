"""Tissues have the densities that the literature gives them (phantom specification 4.3), and so have lesions."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean

import numpy as np
import pytest
from scipy import ndimage

from triaged.lab.phantom.cache import training_options
from triaged.lab.phantom.generate import Drawing, draw
from triaged.lab.phantom.label_maps import label_maps
from triaged.lab.phantom.options import PhantomOptions, Scanner

QUIET = Scanner(noise_sd_hu=2.0, streak_hu=0.0)
OPTIONS = PhantomOptions(
    seed=0, severity=(0.3, 0.3), matrix=80, pixel_mm=4.5, slice_mm=1.5, increment_mm=10.0, scanner=QUIET
)
SEEDS = range(70, 76)


@pytest.fixture(scope="module")
def drawings() -> list[Drawing]:
    return [draw(replace(OPTIONS, seed=seed)) for seed in SEEDS]


def test_healthy_lung_air_and_heart_have_the_densities_of_the_table(drawings: list[Drawing]) -> None:
    lung, heart, windpipe = [], [], []
    for drawing in drawings:
        phantom, maps = drawing.phantom, label_maps(drawing)
        inner = ndimage.binary_erosion((phantom.right_lung | phantom.left_lung) & ~phantom.lesion & ~maps.vessels)
        lung.append(float(np.median(phantom.voxels_hu[inner])))
        if drawing.scene.patient.anatomy.tissue.blood < 100:
            heart.append(float(np.mean(phantom.voxels_hu[ndimage.binary_erosion(maps.heart, iterations=2)])))
        trachea = drawing.phantom.voxels_hu[-8:][ndimage.binary_erosion(maps.airway[-8:], np.ones((1, 3, 3)))]
        windpipe.append(float(np.median(trachea)))
    assert all(-930 < each < -630 for each in lung)
    assert -900 < mean(lung) < -790
    assert all(20 < each < 65 for each in heart)
    assert len(heart) >= 3
    assert all(-1005 < each < -930 for each in windpipe)


def test_fat_and_muscle_are_the_two_peaks_of_the_wall(drawings: list[Drawing]) -> None:
    for drawing in drawings:
        voxels = drawing.phantom.voxels_hu
        middle = voxels[voxels.shape[0] // 2 - 3 : voxels.shape[0] // 2 + 3]
        fat = middle[(middle > -140) & (middle < -70)]
        muscle = middle[(middle > 20) & (middle < 85)]
        assert fat.size > 100
        assert muscle.size > 1000
        assert np.median(fat) == pytest.approx(-105, abs=20)
        assert np.median(muscle) == pytest.approx(50, abs=20)


def test_ground_glass_lies_between_healthy_and_solid_and_solid_lesions_near_water(drawings: list[Drawing]) -> None:
    glass, solid = [], []
    for drawing in drawings:
        maps, voxels = label_maps(drawing), drawing.phantom.voxels_hu
        for number, kind in enumerate(maps.types, start=1):
            inside = ndimage.binary_erosion(maps.lesions == number, np.ones((1, 3, 3))) & ~maps.vessels
            if inside.sum() > 30 and kind == "glass":
                glass.append(float(np.median(voxels[inside])))
            if inside.sum() > 30 and kind == "solid":
                solid.append(float(np.percentile(voxels[inside], 80)))
    assert len(glass) >= 4
    assert -750 < np.median(glass) < -300
    assert len(solid) >= 4
    assert -150 < np.median(solid) < 60


def test_severities_of_training_are_spread_as_among_patients() -> None:
    drawn = [training_options(seed) for seed in range(1500)]
    worse = np.array([max(o.severity) for o in drawn if isinstance(o.severity, tuple)])
    both = np.array([min(o.severity) > 0 for o in drawn if isinstance(o.severity, tuple)])
    counts = [
        np.mean((worse > low) & (worse <= high)) for low, high in ((0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1))
    ]
    assert counts == pytest.approx([0.62, 0.20, 0.12, 0.06], abs=0.06)
    assert worse.max() > 0.85
    assert 0.72 < both.mean() < 0.95  # bilateral disease
