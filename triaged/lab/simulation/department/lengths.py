"""How long something takes, as a distribution that is written in a few characters, such as `lognormal:12:7`.

Must not know what takes that long. A length is drawn by its chance between 0 and 1, so that one study that could be
read in two ways is a long one in both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

import numpy as np
from scipy.special import ndtri

from triaged.errors import ConfigError
from triaged.lab.simulation.durations import Minutes

EXPECTED: Final = "exponential:MEAN, lognormal:MEAN:SD or fixed:VALUE"


class Shape(StrEnum):
    """Which distribution; the value is how it is written."""

    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Length:
    """A distribution of minutes by its mean and standard deviation.

    Raises:
        ValueError: the mean is negative, or 0 where the length is not fixed, or the deviation is not that of the shape.
    """

    shape: Shape
    mean_min: float
    sd_min: float

    def __post_init__(self) -> None:
        finite = math.isfinite(self.mean_min) and math.isfinite(self.sd_min)
        positive = self.mean_min > 0 or (self.mean_min == 0 and self.shape is Shape.FIXED)
        spread = {Shape.FIXED: self.sd_min == 0, Shape.EXPONENTIAL: self.sd_min == self.mean_min}
        if not (finite and positive and spread.get(self.shape, self.sd_min >= 0)):
            raise ValueError(f"expected a length above 0 with the deviation of its shape, found {self}")

    @classmethod
    def parse(cls, text: str, unit_min: float = 1.0) -> Length:
        """Return the length that a text says in units of `unit_min` minutes.

        Raises:
            ConfigError: the text is none.
        """
        try:
            name, *numbers = text.strip().split(":")
            shape, values = Shape(name), [float(number) * unit_min for number in numbers]
            match shape:
                case Shape.LOGNORMAL:
                    mean, sd = values
                case Shape.EXPONENTIAL:
                    (mean,) = (sd,) = values
                case Shape.FIXED:
                    (mean,), sd = values, 0.0
                case _:
                    assert_never(shape)
            return cls(shape, mean, sd)
        except ValueError:
            raise ConfigError(f"expected {EXPECTED}, found {text!r}") from None

    @property
    def mean_square(self) -> float:
        """The mean of the square, in square minutes."""
        return self.mean_min**2 + self.sd_min**2

    def at(self, chances: Minutes) -> Minutes:
        """Return the lengths below which these shares of all lie."""
        match self.shape:
            case Shape.FIXED:
                return np.full(len(chances), self.mean_min)
            case Shape.EXPONENTIAL:
                return np.asarray(-self.mean_min * np.log1p(-chances))
            case Shape.LOGNORMAL:
                log_variance = math.log1p((self.sd_min / self.mean_min) ** 2)
                log_mean = math.log(self.mean_min) - log_variance / 2
                return np.asarray(np.exp(log_mean + math.sqrt(log_variance) * ndtri(chances)))
            case _:
                assert_never(self.shape)
