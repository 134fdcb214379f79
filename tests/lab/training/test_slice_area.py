"""The area from which a slice counts as positive is the one that tells tuning slices apart best."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

from tests.lab.training.chests import series
from triaged.lab.packages.slice_area import AREAS_MM2, Slices, best_area, joined
from triaged.lab.packages.tuning import volume_of


def test_specks_in_healthy_slices_are_left_below_the_area() -> None:
    found = np.array([0.0, 30.0, 90.0, 0.0, 110.0, 500.0, 700.0])
    slices = Slices(found, np.array([False, False, False, False, True, True, True]))
    assert best_area(slices) == 100
    assert slices.detection(100) == (1.0, 1.0)
    assert slices.detection(0) == (1.0, 0.5)
    assert slices.ranking == 1.0


def test_of_equal_areas_the_smallest_is_taken() -> None:
    slices = Slices(np.array([0.0, 900.0]), np.array([False, True]))
    assert best_area(slices) == AREAS_MM2[0]


def test_nothing_found_is_negative_whatever_the_area() -> None:
    slices = Slices(np.zeros(2), np.array([False, True]))
    assert slices.detection(0) == (0.0, 1.0)


def test_series_are_joined_and_stand_in_the_daemons_axes(tmp_path: Path) -> None:
    one = Slices(np.array([1.0]), np.array([True]))
    assert len(joined([one, one]).true) == 2
    assert len(joined([]).true) == 0
    volume = volume_of(series(tmp_path, "viral"))
    assert volume.geometry.spacing_mm == (5.0, 2.0, 2.0)
    assert volume.voxels.shape == volume.geometry.shape
