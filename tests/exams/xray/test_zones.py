"""Thirds of equal area and the score of six zones, by areas counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.exams.xray.zones import Thirds, score, share, thirds


def rectangle(rows: slice, columns: slice = slice(10, 20)) -> np.ndarray:
    mask = np.zeros((100, 40), bool)
    mask[rows, columns] = True
    return mask


def test_a_rectangle_is_cut_at_thirds_of_its_height() -> None:
    assert thirds(rectangle(slice(10, 70))) == Thirds(30, 50)


def test_a_lung_that_widens_downwards_is_cut_lower() -> None:
    rows, columns = np.mgrid[:90, :200]
    triangle = columns < rows + 1  # row r has r + 1 pixels, 4095 in all
    cut = thirds(triangle)
    assert cut == Thirds(52, 73)  # 52 rows have 1378, 73 have 2701: nearest to 1365 and 2730


@given(st.integers(0, 2**32 - 1))
def test_zones_share_a_lung_without_rest_or_overlap(seed: int) -> None:
    lung = np.random.default_rng(seed).random((40, 30)) > 0.6
    zones = thirds(lung).zones(lung)
    assert np.array_equal(np.sum(zones, axis=0), lung.astype(int))
    sizes = [int(zone.sum()) for zone in zones]
    assert max(sizes) - min(sizes) <= 60, "a row of 30 pixels on either side of a cut decides"


def test_each_zone_is_measured_by_itself() -> None:
    lung = rectangle(slice(10, 70))
    affected = rectangle(slice(35, 70), slice(10, 15))  # half of three quarters of the middle, half of the lower zone
    assert thirds(lung).shares(lung, affected) == pytest.approx((0.0, 0.375, 0.5))


def test_what_is_affected_outside_a_lung_does_not_count() -> None:
    assert share(rectangle(slice(0, 100), slice(0, 40)), rectangle(slice(0, 10))) == 1.0
    assert share(rectangle(slice(50, 60)), rectangle(slice(0, 10))) == 0.0


def test_of_no_lung_nothing_is_affected() -> None:
    nothing = np.zeros((10, 10), bool)
    assert thirds(nothing).shares(nothing, ~nothing) == (0.0, 0.0, 0.0)


def test_a_zone_counts_from_the_threshold_on() -> None:
    assert score((0.31, 0.3099, 0.0, 1.0, 0.5, 0.31), 0.31) == 4
