"""The bar, its palettes, the contours and the runs of grey, against values from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.colour import contours, covered, opacity, severity_colour
from triaged.results.greys import in_runs, runs

VIRIDIS = ("#440154", "#3B528B", "#21908C", "#5DC863", "#FDE725")
"""What R's viridisLite documents as viridis(5)."""


def luminance(colours: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the relative luminance of sRGB colours (IEC 61966-2-1)."""
    value = colours.astype(np.float64) / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array((0.2126, 0.7152, 0.0722)))


def disc(radius: int) -> NDArray[np.bool_]:
    y, x = np.ogrid[:100, :100]
    return np.asarray((y - 50) ** 2 + (x - 50) ** 2 < radius**2)


def lines(level: float, radius: int = 30) -> int:
    return int(np.count_nonzero(contours(np.where(disc(radius), level, 0.0).astype(np.float32))))


def test_the_bar_runs_from_green_over_yellow_to_red() -> None:
    shares = np.array([0.0, 0.35, 0.75, 1.0], np.float32)
    expected = [(0, 150, 60), (240, 220, 0), (200, 0, 0), (200, 0, 0)]
    np.testing.assert_allclose(severity_colour(shares, Palette.GREEN_RED), expected, atol=0.01)


def test_viridis_is_the_one_that_others_document() -> None:
    found = severity_colour(np.linspace(0.0, 1.0, 5, dtype=np.float32), Palette.VIRIDIS)
    expected = [[int(code[at : at + 2], 16) for at in (1, 3, 5)] for code in VIRIDIS]
    np.testing.assert_allclose(found, expected, atol=2.0)


def test_viridis_gets_brighter_all_the_way_alone_and_over_any_lung() -> None:
    shares = np.linspace(0.03, 1.0, 98, dtype=np.float32)
    assert (np.diff(luminance(severity_colour(shares, Palette.VIRIDIS))) > 0).all()
    dark = np.full((98, 3), 40, np.uint8)
    assert (np.diff(luminance(covered(dark, shares, Palette.VIRIDIS).astype(np.float32))) > -1e-3).all()


def test_below_two_percent_nothing_is_covered() -> None:
    found = opacity(np.array([0.0, 0.0199, 0.02, 0.5, 1.0], np.float32))
    np.testing.assert_allclose(found, [0.0, 0.0, 0.16, 0.4, 0.65], atol=1e-6)


def test_contours_can_be_told_apart_without_colour() -> None:
    assert lines(0.2) == 0
    assert lines(0.3) < 0.7 * lines(0.6) < 0.7 * lines(0.8)


def test_a_speck_gets_no_contour() -> None:
    assert lines(0.8, radius=3) == 0
    assert lines(0.8, radius=6) > 0


@pytest.mark.parametrize("tolerance", [2.0, 6.0])
def test_runs_are_as_near_to_the_image_as_they_promise_and_much_fewer_than_its_values(tolerance: float) -> None:
    noise = np.random.default_rng(5).normal(0.0, tolerance / 3.0, (40, 300))
    image = (np.linspace(20.0, 200.0, 300)[None] + noise).astype(np.float32)
    found = runs(image, tolerance)
    assert float(np.abs(found - image).max()) <= tolerance + 1e-3
    assert np.count_nonzero(np.diff(found, axis=1)) < 0.4 * image.size


def test_grey_keeps_an_edge_where_it_is() -> None:
    image = np.zeros((4, 20), np.float32)
    image[:, 7:] = 1.0
    np.testing.assert_array_equal(in_runs(image)[..., 0], np.where(image > 0.5, 255, 0))
