"""Mathematical functions whose results are the same on every processor, bit for bit.

numpy, OpenCV and BLAS choose their instructions by the processor, so that the last bit of an exponential, a power or a
product of matrices differs between two machines. A generator that asks whether a value lies above a threshold then
draws another patient. Everything here is made of operations that IEEE 754 rounds in one way only (+, -, *, /, square
root, rounding), without products of matrices. Relative errors are a few 1e-16, far below what drawing needs.

float32 in gives float32 out, computed in float64. Must not know: what is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Literal, Protocol, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

F64 = NDArray[np.float64]
Reals = NDArray[np.float32] | NDArray[np.float64]
Real = TypeVar("Real", np.float32, np.float64)

BLOCK = 8192
"""Values computed at once, so that what lies between two steps stays in the processor's cache."""
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
HALF_PI_HIGH, HALF_PI_LOW = 1.57079632673412561417, 6.07710050650619224932e-11
SQRT_HALF = 0.7071067811865476
LEAST = 1e-300
EXP_TERMS = tuple(1 / float(n) for n in (
    479001600, 39916800, 3628800, 362880, 40320, 5040, 720, 120, 24, 6, 2, 1, 1,
))  # fmt: skip
SIN_TERMS = tuple(sign / float(n) for sign, n in (
    (-1, 1307674368000), (1, 6227020800), (-1, 39916800), (1, 362880), (-1, 5040), (1, 120), (-1, 6), (1, 1),
))  # fmt: skip
COS_TERMS = tuple(sign / float(n) for sign, n in (
    (1, 20922789888000), (-1, 87178291200), (1, 479001600), (-1, 3628800), (1, 40320), (-1, 720), (1, 24), (-1, 2),
    (1, 1),
))  # fmt: skip
LOG_TERMS = tuple(1 / float(n) for n in range(21, 0, -2))
ARCTAN_TERMS = tuple((-1) ** (n // 2) / float(n) for n in range(25, 0, -2))


class OfOne(Protocol):
    """A function of one number, or of every element of an array."""

    @overload
    def __call__(self, x: float, /) -> float: ...
    @overload
    def __call__(self, x: NDArray[Real], /) -> NDArray[Real]: ...


class OfTwo(Protocol):
    """A function of two numbers, or of the elements of two arrays, broadcast."""

    @overload
    def __call__(self, x: float, y: float, /) -> float: ...
    @overload
    def __call__(self, x: Reals, y: Reals | float, /) -> NDArray[Any]: ...
    @overload
    def __call__(self, x: float, y: Reals, /) -> NDArray[Any]: ...


def in_blocks(function: Callable[..., F64], *given: Reals | float) -> Any:
    """Return a function of float64 blocks at every element, in the precision of what was given."""
    arrays = np.broadcast_arrays(*(np.asarray(each) for each in given))
    kind = np.result_type(*given)
    out = np.empty(arrays[0].shape, dtype=kind if kind == np.float32 else np.float64)
    flat = [each.ravel() for each in arrays]
    filled = out.reshape(-1)
    for start in range(0, filled.size, BLOCK):
        part = slice(start, start + BLOCK)
        filled[part] = function(*(each[part].astype(np.float64) for each in flat))
    return out if any(isinstance(each, np.ndarray) for each in given) else float(out)


def of_one(function: Callable[[F64], F64]) -> OfOne:
    """Return the function for numbers and arrays of any size."""

    def call(x: Any) -> Any:
        return in_blocks(function, x)

    return cast(OfOne, update_wrapper(call, function))


def of_two(function: Callable[[F64, F64], F64]) -> OfTwo:
    """Return the function for numbers and arrays of any size."""

    def call(x: Any, y: Any) -> Any:
        return in_blocks(function, x, y)

    return cast(OfTwo, update_wrapper(call, function))


def polynomial(terms: tuple[float, ...], x: F64) -> F64:
    """Return the polynomial of these coefficients, the highest power first."""
    total = np.full_like(x, terms[0])
    for term in terms[1:]:
        total *= x
        total += term
    return total


@of_one
def exp(x: F64) -> F64:
    """Return e to the power x; beyond -708 and 709 as there."""
    x = np.clip(x, -708, 709)
    k = np.rint(x * (1 / (LN2_HIGH + LN2_LOW)))
    x -= k * LN2_HIGH
    x -= k * LN2_LOW
    power_of_two: F64 = ((k.astype(np.int64) + 1023) << 52).view(np.float64)
    return polynomial(EXP_TERMS, x) * power_of_two


@of_one
def log(x: F64) -> F64:
    """Return the natural logarithm of x; of what is not positive, that of 1e-300."""
    part, exponent = np.frexp(np.maximum(x, LEAST))
    is_low = part < SQRT_HALF
    part = np.where(is_low, 2 * part, part)
    exponent = (exponent - is_low).astype(np.float64)
    ratio = (part - 1) / (part + 1)
    small: F64 = 2 * ratio * polynomial(LOG_TERMS, ratio * ratio) + exponent * LN2_LOW
    return small + exponent * LN2_HIGH


@of_two
def power(x: F64, y: F64) -> F64:
    """Return x to the power y for x >= 0; of zero (and below) it is zero, whatever the power."""
    return np.where(x > 0, exp(y * log(x)), 0.0)


def quarter_turns(x: F64) -> tuple[NDArray[np.int64], F64, F64]:
    """Return the number of quarter turns nearest to an angle, and sine and cosine of what is left of it."""
    count = np.rint(x * (2 / np.pi))
    rest = x - count * HALF_PI_HIGH
    rest -= count * HALF_PI_LOW
    square = rest * rest
    return count.astype(np.int64), rest * polynomial(SIN_TERMS, square), polynomial(COS_TERMS, square)


@of_one
def sin(x: F64) -> F64:
    """Return the sine of an angle in radians, of less than a million turns."""
    turns, sine, cosine = quarter_turns(x)
    value = np.where(turns & 1, cosine, sine)
    return np.where(turns & 2, -value, value)


@of_one
def cos(x: F64) -> F64:
    """Return the cosine of an angle in radians, of less than a million turns."""
    turns, sine, cosine = quarter_turns(x)
    value = np.where(turns & 1, sine, cosine)
    return np.where((turns + 1) & 2, -value, value)


@of_one
def tanh(x: F64) -> F64:
    """Return the hyperbolic tangent; its absolute error is about 1e-16."""
    rest = exp(-2 * np.abs(x))
    result: F64 = np.copysign((1 - rest) / (1 + rest), x)
    return result


@of_two
def arctan2(y: F64, x: F64) -> F64:
    """Return the angle of the direction (x, y) in radians, (-pi, pi]; 0 for no direction."""
    wide, tall = np.abs(x), np.abs(y)
    longer = np.maximum(wide, tall)
    t = np.minimum(wide, tall) / np.where(longer > 0, longer, 1)
    for _ in range(2):  # half the angle, twice
        t = t / (1 + np.sqrt(1 + t * t))
    angle = 4 * t * polynomial(ARCTAN_TERMS, t * t)
    angle = np.where(tall > wide, np.pi / 2 - angle, angle)
    angle = np.where(x < 0, np.pi - angle, angle)
    return np.where(y < 0, -angle, angle)


def hypot(x: Reals | float, y: Reals | float) -> NDArray[Any]:
    """Return the length of (x, y); squares must not overflow."""
    result: NDArray[Any] = np.sqrt(np.square(x) + np.square(y))
    return result


def steady(value: float) -> float:
    """Return a drawn number rounded to a multiple of 2**-30.

    The random numbers of some distributions come out of the C library, whose last bit differs as well.
    """
    return round(value * 2**30) / 2**30


def gaussian(
    image: NDArray[Real],
    sigma_px: tuple[float, ...],
    truncate: float = 4.0,
    mode: Literal["reflect", "nearest", "mirror"] = "reflect",
) -> NDArray[Real]:
    """Return the image smoothed along every axis by a Gaussian cut off at `truncate` sigma, as SciPy's filter does."""
    for axis, sigma in enumerate(sigma_px):
        if sigma > 1e-15:
            reach = int(truncate * sigma + 0.5)
            weights = exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
            image = ndimage.correlate1d(image, weights / weights.sum(), axis=axis, mode=mode)
    return image


def broad_gaussian(picture: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Return a picture (row, column) smoothed by a Gaussian of any width at the same cost, mirrored at its edges.

    The cosine transform's waves are those of a mirrored picture, and smoothing scales each.
    """
    waves = fft.dctn(picture.astype(np.float64), type=2)
    for axis, size in enumerate(picture.shape):
        kept = exp(-0.5 * np.square(np.arange(size) * (np.pi / size * sigma_px)))
        waves *= kept.reshape([-1 if each == axis else 1 for each in range(2)])
    result: NDArray[np.float32] = fft.idctn(waves, type=2).astype(np.float32)
    return result
