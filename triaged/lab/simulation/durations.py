"""How long things take, as distributions of minutes: reading a study, scoring it.

Must not know what is simulated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Minutes = NDArray[np.float64]

NORMAL_P95: Final = 1.6448536269514722
"""The 95th percentile of the standard normal distribution."""


class Duration(Protocol):
    """A distribution of minutes."""

    @property
    def mean_min(self) -> float:
        """The expected duration."""
        ...

    def draw(self, rng: np.random.Generator, number: int) -> Minutes:
        """Return independent durations."""
        ...


@dataclass(frozen=True, slots=True)
class Lognormal:
    """A duration whose logarithm is normal: `median_min`, and the standard deviation of the natural logarithm.

    Raises:
        ValueError: the median is not positive or the spread is negative.
    """

    median_min: float
    log_sd: float

    def __post_init__(self) -> None:
        if not (self.median_min > 0 and self.log_sd >= 0):
            raise ValueError(f"expected a positive median and no negative spread, found {self}")

    @classmethod
    def with_variation(cls, median_min: float, coefficient: float) -> Lognormal:
        """Return the one with this coefficient of variation, standard deviation by mean."""
        return cls(median_min, math.sqrt(math.log1p(coefficient**2)))

    @classmethod
    def with_p95(cls, median_min: float, p95_min: float) -> Lognormal:
        """Return the one with this 95th percentile."""
        return cls(median_min, math.log(p95_min / median_min) / NORMAL_P95)

    @property
    def mean_min(self) -> float:
        """The expected duration."""
        return self.median_min * math.exp(self.log_sd**2 / 2)

    def draw(self, rng: np.random.Generator, number: int) -> Minutes:
        """Return independent durations."""
        return self.median_min * np.exp(self.log_sd * rng.standard_normal(number))
