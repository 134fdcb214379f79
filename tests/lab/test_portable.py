"""Functions that are the same everywhere are also right; the truth comes from the C library, SciPy and LAPACK."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from triaged.lab import portable
from triaged.lab.phantom.tree import longest

RNG = np.random.default_rng(3)
ANY = np.concatenate([RNG.uniform(-40, 40, 3000), RNG.uniform(-1e-3, 1e-3, 500), [0.0, 1.0, -1.0, math.pi / 2]])
POSITIVE = np.concatenate([np.exp(RNG.uniform(-200, 200, 3000)), 1 + RNG.uniform(-1e-6, 1e-6, 500), [1.0, 0.5, 2.0]])


@pytest.mark.parametrize(
    ("function", "truth", "values"),
    [
        (portable.exp, math.exp, ANY),
        (portable.log, math.log, POSITIVE),
        (portable.sin, math.sin, ANY),
        (portable.cos, math.cos, ANY),
        (portable.tanh, math.tanh, ANY),
    ],
)
def test_functions_of_one_number_are_right(
    function: portable.OfOne, truth: Callable[[float], float], values: np.typing.NDArray[np.float64]
) -> None:
    wanted = np.array([truth(float(value)) for value in values])
    np.testing.assert_allclose(function(values), wanted, rtol=1e-14, atol=1e-15)


def test_functions_of_two_numbers_are_right() -> None:
    a, b = RNG.normal(size=4000), RNG.normal(size=4000)
    angles = [math.atan2(y, x) for y, x in zip(a, b, strict=True)]
    np.testing.assert_allclose(portable.arctan2(a, b), angles, rtol=1e-14, atol=1e-15)
    powers = [abs(x) ** y for x, y in zip(a, 4 * b, strict=True)]
    np.testing.assert_allclose(portable.power(np.abs(a), 4 * b), powers, rtol=1e-13)
    np.testing.assert_allclose(portable.hypot(a, b), [math.hypot(x, y) for x, y in zip(a, b, strict=True)], rtol=1e-15)


def test_the_ends_of_the_number_line_have_values() -> None:
    assert portable.power(0.0, 0.3) == 0
    assert portable.exp(-1e6) < 1e-300
    assert math.isfinite(portable.exp(1e6))
    assert portable.arctan2(np.array([0.0, 1, 0, -1, 0]), np.array([0.0, 0, -1, 0, 1])) == pytest.approx(
        [0, math.pi / 2, math.pi, -math.pi / 2, 0]
    )


def test_single_precision_stays_single_and_is_the_double_value_rounded() -> None:
    values = RNG.uniform(-5, 5, (3, 20_000)).astype(np.float32)
    result = portable.exp(values)
    assert result.dtype == np.float32
    assert result.shape == values.shape
    assert np.array_equal(result, portable.exp(values.astype(np.float64)).astype(np.float32))
    assert isinstance(portable.exp(0.5), float)


def test_smoothing_is_that_of_scipy() -> None:
    picture = RNG.random((60, 47)).astype(np.float32)
    for mode in ("reflect", "nearest", "mirror"):
        wanted = ndimage.gaussian_filter(picture, (1.3, 2.1), mode=mode)
        np.testing.assert_allclose(portable.gaussian(picture, (1.3, 2.1), mode=mode), wanted, atol=1e-6)
    wide = ndimage.gaussian_filter(picture, 9.0, truncate=8)
    np.testing.assert_allclose(portable.broad_gaussian(picture, 9.0), wide, atol=1e-6)


def test_the_longest_direction_is_the_first_principal_axis() -> None:
    points = RNG.normal(size=(200, 12, 3)) * RNG.uniform(0.3, 3, (200, 1, 3))
    scatter = np.einsum("nki,nkj->nij", points, points)
    found = longest(scatter)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    values, axes = np.linalg.eigh(scatter)
    clear = values[:, 2] > 1.1 * values[:, 1]
    assert clear.sum() > 100
    assert np.abs((found * axes[:, :, 2]).sum(axis=1))[clear] == pytest.approx(1, abs=1e-6)
