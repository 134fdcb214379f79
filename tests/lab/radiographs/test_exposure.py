"""Attenuation against the law of Beer and Lambert, scatter against the share asked for, noise against its count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from triaged.lab.radiographs.exposure import Exposure, coarse_blur, detected, primary

PLAIN = Exposure((60.0,), (1.0,), 0.0, 40.0, (0.0, 0.0), 1e12, 0.0, 0.05)


def flat(value: float, size: int = 160) -> np.ndarray:
    """Return an even picture."""
    return np.full((size, size), value, dtype=np.float32)


def test_ten_centimetres_of_water_let_through_what_the_table_of_nist_says() -> None:
    through = primary(flat(100), flat(0), flat(0), PLAIN)
    assert float(through[0, 0]) == pytest.approx(np.exp(-0.2059 * 10), rel=0.01)


def test_bone_of_1_92_g_per_cm3_takes_away_three_times_as_much_as_water_at_60_kev() -> None:
    water, bone = primary(flat(10), flat(0), flat(0), PLAIN), primary(flat(0), flat(10), flat(0), PLAIN)
    assert np.log(bone[0, 0]) / np.log(water[0, 0]) == pytest.approx(0.3148 * 1.92 / 0.2059, rel=0.01)


def test_a_beam_of_several_energies_hardens() -> None:
    exposure = replace(PLAIN, energies_kev=(45.0, 60.0, 85.0), weights=(0.3, 0.4, 0.3))
    thin, thick = (float(-np.log(primary(flat(mm), flat(0), flat(0), exposure))[0, 0]) for mm in (50, 250))
    assert thick < 5 * thin * 0.99


def test_scatter_is_the_share_that_was_asked_for() -> None:
    rng = np.random.default_rng(1)
    water = flat(200)
    straight = primary(water, flat(0), flat(0), PLAIN)
    exposure = replace(PLAIN, scatter=0.4)
    signal, without = (detected(rng, straight, water, each, 2.0) for each in (exposure, PLAIN))
    assert 1 - without[80, 80] / signal[80, 80] == pytest.approx(0.4, abs=0.03)


def test_noise_is_the_root_of_the_quanta() -> None:
    exposure = replace(PLAIN, quanta=400.0)
    signal = detected(np.random.default_rng(2), flat(0.05), flat(200), exposure, 1.0)
    middle = signal[40:-40, 40:-40]
    assert float(middle.std() / middle.mean()) == pytest.approx(1 / 20, rel=0.1)


def test_a_wide_blur_keeps_the_sum() -> None:
    spot = flat(0)
    spot[72:88, 72:88] = 1
    assert float(coarse_blur(spot, 12).sum()) == pytest.approx(256, rel=0.02)
