"""The digital phantom of the Image Biomarker Standardisation Initiative: 74 voxels, and what its reference manual says.

The manual's values (release of 2019, tables of section 3) are given to three digits; those of textures are the ones
called "3D, averaged", of zones "3D".
"""

from __future__ import annotations

import numpy as np
import pytest

from triaged.exams.ct.radiomics.cooccurrence import cooccurrence
from triaged.exams.ct.radiomics.intensity import first_order
from triaged.exams.ct.radiomics.levels import Levels, levels
from triaged.exams.ct.radiomics.runs import runs
from triaged.exams.ct.radiomics.zones import zones

PHANTOM = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [0, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ],
    dtype=np.float64,
)
"""Slices, rows and columns; 0 is outside."""

INTENSITY = {
    "mean": 2.15,
    "variance": 3.05,
    "skewness": 1.08,
    "kurtosis": -0.355,
    "median": 1,
    "minimum": 1,
    "percentile_10": 1,
    "percentile_90": 4,
    "maximum": 6,
    "interquartile_range": 3,
    "range": 5,
    "mean_absolute_deviation": 1.55,
    "robust_mean_absolute_deviation": 1.11,
    "energy": 567,
    "root_mean_square": 2.77,
    "entropy": 1.27,
    "uniformity": 0.512,
}
COOCCURRENCE = {
    "joint_maximum": 0.503,
    "joint_average": 2.14,
    "joint_variance": 3.1,
    "joint_entropy": 2.4,
    "difference_average": 1.43,
    "difference_variance": 3.06,
    "difference_entropy": 1.56,
    "sum_average": 4.29,
    "sum_entropy": 1.92,
    "angular_second_moment": 0.303,
    "contrast": 5.32,
    "inverse_difference": 0.677,
    "normalised_inverse_difference": 0.851,
    "inverse_difference_moment": 0.618,
    "normalised_inverse_difference_moment": 0.898,
    "inverse_variance": 0.0604,
    "correlation": 0.157,
    "autocorrelation": 5.06,
    "cluster_tendency": 7.07,
    "cluster_shade": 16.6,
    "cluster_prominence": 145,
    "information_correlation_1": -0.157,
    "information_correlation_2": 0.52,
}
RUNS = {
    "short_runs_emphasis": 0.705,
    "long_runs_emphasis": 3.06,
    "low_grey_level_run_emphasis": 0.603,
    "high_grey_level_run_emphasis": 9.7,
    "short_run_low_grey_level_emphasis": 0.352,
    "short_run_high_grey_level_emphasis": 8.54,
    "long_run_low_grey_level_emphasis": 2.39,
    "long_run_high_grey_level_emphasis": 17.6,
    "grey_level_non_uniformity": 21.8,
    "normalised_grey_level_non_uniformity": 0.43,
    "run_length_non_uniformity": 26.9,
    "normalised_run_length_non_uniformity": 0.513,
    "run_percentage": 0.68,
    "grey_level_variance": 3.46,
    "run_length_variance": 0.574,
    "run_entropy": 2.43,
}
ZONES = {
    "small_zone_emphasis": 0.255,
    "large_zone_emphasis": 550,
    "low_grey_level_zone_emphasis": 0.253,
    "high_grey_level_zone_emphasis": 15.6,
    "small_zone_low_grey_level_emphasis": 0.0256,
    "small_zone_high_grey_level_emphasis": 2.76,
    "large_zone_low_grey_level_emphasis": 503,
    "large_zone_high_grey_level_emphasis": 1490,
    "grey_level_non_uniformity": 1.4,
    "normalised_grey_level_non_uniformity": 0.28,
    "zone_size_non_uniformity": 1,
    "normalised_zone_size_non_uniformity": 0.2,
    "zone_percentage": 0.0676,
    "grey_level_variance": 2.64,
    "zone_size_variance": 331,
    "zone_size_entropy": 2.32,
}


@pytest.fixture(scope="module")
def grey() -> Levels:
    return levels(PHANTOM, PHANTOM > 0, width=1.0)


def test_first_order_features_are_those_of_the_manual(grey: Levels) -> None:
    found = first_order(PHANTOM[PHANTOM > 0], grey, voxel_mm3=8.0)
    assert {name: found[name] for name in INTENSITY} == pytest.approx(INTENSITY, rel=0.005)
    assert found["total_energy"] == 8.0 * found["energy"]
    assert len(found) == 18


def test_cooccurrence_features_are_those_of_the_manual(grey: Levels) -> None:
    found = cooccurrence(grey)
    assert {name: found[name] for name in COOCCURRENCE} == pytest.approx(COOCCURRENCE, rel=0.005)
    assert set(found) - set(COOCCURRENCE) == {"maximal_correlation_coefficient"}  # the manual does not have it


def test_run_features_are_those_of_the_manual(grey: Levels) -> None:
    assert runs(grey) == pytest.approx(RUNS, rel=0.005)


def test_zone_features_are_those_of_the_manual(grey: Levels) -> None:
    assert zones(grey) == pytest.approx(ZONES, rel=0.005)
