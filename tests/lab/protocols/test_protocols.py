"""One anatomy under other protocols: what is averaged keeps its mean, what is decimated keeps its slices."""

from __future__ import annotations

import math

import numpy as np
import pytest

from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Volume
from triaged.lab.protocols.variation import Protocol, field_of_view, noise, own_noise_hu, resliced, scanned


def grid(shape: tuple[int, int, int], slice_mm: float = 1.0) -> Geometry:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = slice_mm, 1.0, 1.0, 1.0
    affine[:3, 3] = (-5.0, 7.0, 100.0)
    return Geometry(affine, shape, "2.25.1")


def ramp(slices: int) -> Volume:
    """HU equal to ten times the index of the slice."""
    voxels = np.broadcast_to(10 * np.arange(slices, dtype=np.int16)[:, None, None], (slices, 6, 6)).copy()
    return Volume(voxels, grid((slices, 6, 6)))


def tissue(shape: tuple[int, int, int], hu: int = 40) -> Volume:
    return Volume(np.full(shape, hu, dtype=np.int16), grid(shape))


EVERYWHERE = np.ones((96, 96), dtype=np.bool_)


def test_a_thick_slice_is_the_mean_of_what_it_covers() -> None:
    thick = resliced(ramp(20), 4.0, 4.0)
    assert thick.voxels[:, 0, 0].tolist() == [15.0, 55.0, 95.0, 135.0, 175.0]
    assert thick.geometry.spacing_mm == pytest.approx((4.0, 1.0, 1.0))
    assert thick.geometry.position_mm((0, 0, 0)) == pytest.approx((-5.0, 7.0, 101.5))


def test_a_thickness_of_one_slice_and_a_half_takes_half_of_the_next() -> None:
    thick = resliced(ramp(6), 1.5, 3.0)
    assert thick.voxels[:, 0, 0] == pytest.approx([10 / 3, 10 * (1.0 * 3 + 0.5 * 4) / 1.5])


def test_a_decimated_series_keeps_slices_as_they_are() -> None:
    kept = resliced(ramp(20), 1.0, 8.0)
    assert kept.voxels[:, 0, 0].tolist() == [0.0, 80.0, 160.0]
    assert kept.geometry.position_mm((1, 0, 0)) == pytest.approx((-5.0, 7.0, 108.0))


def test_slices_thinner_than_the_anatomys_lie_between_them() -> None:
    thin = resliced(ramp(6), 0.5, 0.5)
    between = thin.voxels[1:-1, 0, 0]
    assert np.diff(between) == pytest.approx(5.0)
    assert len(thin.voxels) == 12


def test_a_slice_thicker_than_the_anatomy_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 6 mm"):
        resliced(ramp(6), 8.0, 8.0)


def test_noise_has_the_standard_deviation_and_the_spectrum_that_were_asked_for() -> None:
    """The power f^2 exp(-2 (f/f_c)^2) is greatest at f = f_c / sqrt 2."""
    field = noise(np.random.default_rng(3), (40, 96, 96), 0.4)
    assert field.std() == pytest.approx(1.0, abs=1e-3)
    power = (np.abs(np.fft.fft2(field)) ** 2).mean(axis=0)
    frequency = np.hypot(np.fft.fftfreq(96)[:, None], np.fft.fftfreq(96)[None, :])
    rings = [power[(frequency >= low) & (frequency < low + 0.04)].mean() for low in np.arange(0, 0.48, 0.04)]
    loudest = 0.04 * (int(np.argmax(rings)) + 0.5)
    assert loudest == pytest.approx(0.4 / math.sqrt(2), abs=0.03)


def test_a_thin_slice_of_a_sharp_kernel_is_as_noisy_as_its_protocol_says() -> None:
    """20 HU at 2 mm; at 0.5 mm twice as much, and a sharp kernel doubles it again."""
    protocol = Protocol("thin and sharp", 0.5, 1.0, "sharp")
    assert protocol.noise_hu == pytest.approx(80.0)
    image = scanned(tissue((24, 96, 96)), protocol, EVERYWHERE, np.random.default_rng(2))
    assert image.voxels.std() == pytest.approx(80.0, rel=0.03)


def test_noise_that_is_there_is_not_added_again() -> None:
    rng = np.random.default_rng(5)
    noisy = 40 + 30 * noise(rng, (24, 96, 96), 0.4)
    anatomy = Volume(noisy.astype(np.int16), grid((24, 96, 96)))
    assert own_noise_hu(noisy) == pytest.approx(30, rel=0.1)
    image = scanned(anatomy, Protocol("as it is", 1.0, 1.0, noise_sd_hu=10.0), EVERYWHERE, rng)
    np.testing.assert_array_equal(image.voxels, anatomy.voxels)


def test_a_sharp_kernel_overshoots_at_an_edge_and_a_soft_one_rounds_it() -> None:
    voxels = np.full((4, 96, 96), -800, dtype=np.int16)
    voxels[:, :, 48:] = 0
    anatomy = Volume(voxels, grid(voxels.shape))
    sharp, soft = (
        scanned(anatomy, Protocol(k, 1.0, 1.0, k, noise_sd_hu=0.0), EVERYWHERE, np.random.default_rng(1)).voxels
        for k in ("sharp", "soft")
    )
    assert sharp[:, :, 40:56].max() > 50
    assert sharp[:, :, 40:56].min() < -850
    assert -800 < soft[0, 10, 47] < soft[0, 10, 48] < 0


def test_a_cut_field_is_round_and_keeps_its_place() -> None:
    footprint = np.zeros((96, 96), dtype=np.bool_)
    footprint[40:61, 30:71] = True
    image = scanned(
        tissue((4, 96, 96)),
        Protocol("cut", 1.0, 1.0, noise_sd_hu=0.0, margin_mm=5.0),
        footprint,
        np.random.default_rng(1),
    )
    radius = math.hypot(10, 20) + 5
    assert np.count_nonzero(image.voxels[0] == 40) == pytest.approx(math.pi * radius**2, rel=0.02)
    assert image.voxels[0, 0, 0] == -1024
    whole = grid((4, 96, 96))
    first_row = 50 - math.floor(radius)
    assert image.geometry.position_mm((0, 0, 0)) == pytest.approx(whole.position_mm((0, first_row, first_row)))


def test_an_endless_field_cuts_nothing() -> None:
    assert field_of_view(EVERYWHERE, math.inf, grid((4, 96, 96))).all()
