"""Values that are not Hounsfield units come back as such where the window can be told from the image."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.errors import UnreadableStudy
from triaged.lab.evaluation.grey import to_hounsfield, window_of

RNG = np.random.default_rng(6)
SHAPE = (12, 60, 60)


def chest() -> NDArray[np.float64]:
    """Return voxels as they are in the middle of a chest: lung, fat, muscle, each with noise."""
    tissue = RNG.choice([-860.0, -860.0, -860.0, -100.0, 45.0, 45.0], size=SHAPE)
    return tissue + RNG.normal(0, 25, SHAPE)


@pytest.mark.parametrize("window", [(-1250.0, 250.0), (-1000.0, 400.0), (-1350.0, 150.0)])
@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_known_windows_are_recognised(window: tuple[float, float], scale: float) -> None:
    low, high = window
    grey = np.rint((np.clip(chest(), low, high) - low) / (high - low) * 255) / 255 * scale
    assert window_of(grey, scale) == window


def test_an_unknown_window_is_found_within_a_few_percent_of_the_span_from_lung_to_tissue() -> None:
    hu = chest()
    grey = np.rint((np.clip(hu, -1500, 600) + 1500) / 2100 * 255)
    low, high = window_of(grey, 255.0)
    restored = low + (high - low) * grey / 255
    assert float(np.abs(restored - np.clip(hu, -1500, 600)).mean()) < 45


def test_padding_below_air_is_air_and_fractions_stay() -> None:
    hu, notes = to_hounsfield(np.where(RNG.random(SHAPE) < 0.1, -3024.0, chest()))
    assert hu.dtype == np.float32
    assert hu.min() == -1024
    assert notes == ()


def test_whole_numbers_in_any_type_become_int16() -> None:
    stored = (np.rint(chest()) + 1024).astype(np.uint16)
    hu, notes = to_hounsfield(stored)
    assert hu.dtype == np.int16
    assert np.array_equal(hu, stored.astype(np.int32) - 1024)
    assert "1024" in notes[0]


def test_numbers_that_are_none_are_air() -> None:
    voxels = np.rint(chest())
    voxels[0, 0, :3] = np.nan, np.inf, -np.inf
    hu, notes = to_hounsfield(voxels)
    assert hu[0, 0, 0] == hu[0, 0, 2] == -1024
    assert "no numbers" in notes[0]


def test_what_cannot_be_hounsfield_units_is_refused() -> None:
    with pytest.raises(UnreadableStudy, match="non-hu"):
        to_hounsfield(np.full(SHAPE, -20.0))
