"""What a simulated site is: how studies come, what they show, who reads them, and how the daemon scores them.

Must not know any order of reading. Defaults are proposals (evaluation specification, section 5.4).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count
from typing import Final

from triaged.errors import ConfigError
from triaged.lab.simulation.arrivals import DAY_MIN, HOUR_MIN, Arrivals, OrderShares, poisson_day
from triaged.lab.simulation.durations import Duration, Lognormal
from triaged.study.assessment import Assessment
from triaged.study.modalities import Stratum


class Truth(StrEnum):
    """What a study really is, most urgent first; `emergency` is a STAT order, whatever is on the images."""

    EMERGENCY = "emergency"
    CRITICAL = "critical"
    SEVERE = "severe"
    MODERATE = "moderate"
    MILD = "mild"
    OTHER_URGENT = "other-urgent"
    NORMAL = "normal"


TARGETS_MIN: Final = {
    Truth.EMERGENCY: 15.0,
    Truth.CRITICAL: 15.0,
    Truth.SEVERE: 60.0,
    Truth.MODERATE: 240.0,
    Truth.MILD: 240.0,
    Truth.OTHER_URGENT: 60.0,
    Truth.NORMAL: 240.0,
}
"""Minutes within which a study should be begun."""


@dataclass(frozen=True, slots=True)
class Case:
    """One evaluated study to draw from: what it is, what the daemon made of it, and how often its like comes.

    `weight` is relative to the other cases. Whole cases are drawn, so that the scores keep their errors and their
    correlation. `stratum` says how long reading takes, whether or not there is a score.
    """

    truth: Truth
    outcome: Assessment
    weight: float = 1.0
    stratum: Stratum = Stratum.VOLUME


@dataclass(frozen=True, slots=True)
class Readers:
    """How many studies are read side by side, for each hour of the day; who has begun a study finishes it.

    Raises:
        ValueError: there are not 24 numbers, one is negative, or nobody ever reads.
    """

    by_hour: tuple[int, ...] = (1,) * 24

    def __post_init__(self) -> None:
        if len(self.by_hour) != 24 or min(self.by_hour) < 0 or not any(self.by_hour):
            raise ValueError(f"by_hour: expected 24 numbers of readers, not all 0, found {self.by_hour}")

    @classmethod
    def parse(cls, text: str) -> Readers:
        """Return the readers of a text: one number for all hours, or 24 from midnight on, with commas between them.

        Raises:
            ConfigError: the text is neither.
        """
        try:
            numbers = tuple(int(part) for part in text.split(","))
            return cls(numbers * 24 if len(numbers) == 1 else numbers)
        except ValueError as error:
            expected = "one number of readers or 24 with commas between them"
            raise ConfigError(f"readers: expected {expected}, found {text!r} ({error})") from None

    def changes(self) -> Iterator[tuple[float, int]]:
        """Yield every minute at which the number changes, with the new number: 0 first, and on without end."""
        if len(set(self.by_hour)) == 1:
            yield 0.0, self.by_hour[0]
            return
        before = -1
        for hour in count():
            if (number := self.by_hour[hour % 24]) != before:
                yield float(hour * HOUR_MIN), number
                before = number

    @property
    def minutes_per_day(self) -> float:
        """Minutes of reading that a day offers."""
        return float(sum(self.by_hour) * HOUR_MIN)


DAY_AND_NIGHT: Final = Readers((1,) * 8 + (2,) * 10 + (1,) * 6)
"""One reader, two from 8 to 18 hours."""
READING: Final = Lognormal.with_variation(median_min=10.0, coefficient=0.6)
READING_XRAY: Final = Lognormal.with_variation(median_min=3.0, coefficient=0.6)
"""A proposal, as that of CTs: nobody measured it here."""
SCORING: Final = Lognormal.with_p95(median_min=20 / 60, p95_min=120 / 60)
MOSTLY_ROUTINE: Final = OrderShares(stat=0.05, high=0.10)


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that happens at a site whatever the order of reading.

    `reading` is that of CTs, `reading_xray` that of X-rays. `scoring` counts from the arrival of the whole study to its
    result; `failing` is the share of studies that end without one.

    Raises:
        ValueError: there are no cases, no weight is positive, or `failing` is no share.
    """

    arrivals: Arrivals
    cases: tuple[Case, ...]
    reading: Duration = READING
    readers: Readers = DAY_AND_NIGHT
    scoring: Duration = SCORING
    failing: float = 0.03
    reading_xray: Duration = READING_XRAY

    def __post_init__(self) -> None:
        weights = [case.weight for case in self.cases]
        if not weights or min(weights) < 0 or not sum(weights) > 0:
            raise ValueError(f"cases: expected some with weights of at least 0, not all 0, found {len(weights)} cases")
        if not 0 <= self.failing <= 1:
            raise ValueError(f"failing: expected a share between 0 and 1, found {self.failing}")

    @property
    def xrays(self) -> float:
        """The share of studies that are X-rays."""
        weights = [case.weight for case in self.cases]
        return math.fsum(case.weight for case in self.cases if case.stratum is Stratum.RADIOGRAPH) / math.fsum(weights)

    @property
    def mean_reading_min(self) -> float:
        """How long a study is read on average."""
        return (1 - self.xrays) * self.reading.mean_min + self.xrays * self.reading_xray.mean_min

    @property
    def load(self) -> float:
        """Reading that comes in a day by reading that the readers offer; at 1 the list grows for ever."""
        return self.arrivals.per_day * self.mean_reading_min / self.readers.minutes_per_day


def busy_site(
    cases: tuple[Case, ...],
    load: float = 0.8,
    readers: Readers = DAY_AND_NIGHT,
    reading_xray: Duration = READING_XRAY,
) -> Site:
    """Return a general hospital with chance arrivals that keep its readers busy for the share `load` of their time."""
    idle = Site(poisson_day(1.0, MOSTLY_ROUTINE), cases, readers=readers, reading_xray=reading_xray)
    return replace(idle, arrivals=poisson_day(load / idle.load, MOSTLY_ROUTINE))


def days(number: float) -> float:
    """Return days as minutes."""
    return number * DAY_MIN
