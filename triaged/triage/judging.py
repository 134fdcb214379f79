"""Says by which limits the order is judged; values only.

Must not know what is counted, nor what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from triaged.study.modalities import Stratum

MINUTE: Final = timedelta(minutes=1)

References = Mapping[Stratum, float]
"""The share of scored studies that is usually put forward; where it is not known, that share is not judged."""


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """When the order is given up, and by how much all must be better before it is taken up again.

    The last `window` studies of each stratum count. A share of fewer than `fewest` studies is not judged. `factor` is
    how many times the reference the flagged share may be, or what part of it. `hysteresis` is the part of each limit
    that counts on the way back, so that the list does not change to and fro.

    Raises:
        ValueError: a number is outside the range in which it has a meaning.
    """

    window: int = 200
    fewest: int = 50
    factor: float = 2.0
    failures: float = 0.10
    lag: timedelta = 15 * MINUTE
    hysteresis: float = 0.8

    def __post_init__(self) -> None:
        fits = 0 < self.fewest <= self.window and self.factor * self.hysteresis > 1 and 0 < self.failures < 1
        if not (fits and self.lag > timedelta(0) and 0 < self.hysteresis <= 1):
            raise ValueError(f"expected limits that leave room for an ordinary day, found {self}")

    def stricter(self) -> GuardOptions:
        """Return the limits on the way back."""
        part = self.hysteresis
        return replace(
            self, factor=self.factor * part, failures=self.failures * part, lag=self.lag * part, hysteresis=1.0
        )
