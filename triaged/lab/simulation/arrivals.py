"""When studies come: by chance with an hourly profile, or as they came at a site.

Minutes count from a midnight; the hour of the day is what remains after days of 1440 minutes. Must not know what the
studies show.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from triaged.errors import ConfigError
from triaged.lab.simulation.durations import Minutes
from triaged.study.ranking import RequestPriority

HOUR_MIN: Final = 60
DAY_MIN: Final = 24 * HOUR_MIN
CHEST_CT_BY_HOUR: Final = (2, 1, 1, 1, 1, 2, 3, 5, 9, 11, 11, 11, 10, 10, 10, 9, 8, 7, 6, 5, 4, 4, 3, 2)
"""A day of a general hospital in parts, only its shape: quiet nights, most studies in the working day (a proposal)."""


@dataclass(frozen=True, slots=True)
class OrderShares:
    """Shares of studies whose order says STAT and HIGH.

    Raises:
        ValueError: they are no shares.
    """

    stat: float = 0.0
    high: float = 0.0

    def __post_init__(self) -> None:
        if not (self.stat >= 0 and self.high >= 0 and self.stat + self.high <= 1):
            raise ValueError(f"expected shares of orders between 0 and 1, found STAT {self.stat}, HIGH {self.high}")


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """Studies in the order in which they came: minutes from a midnight, rising, and the urgency of each order."""

    at_min: Minutes
    priorities: tuple[RequestPriority, ...]


class Arrivals(Protocol):
    """A source of studies."""

    @property
    def per_day(self) -> float:
        """The expected number of studies in a day."""
        ...

    def draw(self, rng: np.random.Generator, minutes: float) -> Arrived:
        """Return the studies of one replication that come before `minutes`."""
        ...


@dataclass(frozen=True, slots=True)
class HourlyPoisson:
    """Independent arrivals whose rate changes from hour to hour: studies per hour, one value each hour of the day.

    Raises:
        ValueError: there are not 24 rates, or one is negative.
    """

    per_hour: tuple[float, ...]
    orders: OrderShares = OrderShares()

    def __post_init__(self) -> None:
        if len(self.per_hour) != 24 or min(self.per_hour) < 0:
            raise ValueError(f"per_hour: expected 24 rates from midnight on, none negative, found {self.per_hour}")

    @property
    def per_day(self) -> float:
        """The expected number of studies in a day."""
        return math.fsum(self.per_hour)

    def draw(self, rng: np.random.Generator, minutes: float) -> Arrived:
        """Return the studies of one replication; the last hour is a whole one."""
        hours = math.ceil(minutes / HOUR_MIN)
        numbers = rng.poisson(np.resize(np.asarray(self.per_hour), hours))
        starts = np.repeat(np.arange(hours) * float(HOUR_MIN), numbers)
        at_min = np.sort(starts + rng.random(len(starts)) * HOUR_MIN)
        return Arrived(at_min, _orders(rng.random(len(at_min)), self.orders))


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The arrivals of a real site, repeated as they were."""

    arrived: Arrived

    @property
    def minutes(self) -> float:
        """The last arrival."""
        return float(self.arrived.at_min[-1])

    @property
    def per_day(self) -> float:
        """The number of studies by days from the first arrival to the last."""
        times = self.arrived.at_min
        return (len(times) - 1) / float(times[-1] - times[0]) * DAY_MIN

    def draw(self, rng: np.random.Generator, minutes: float) -> Arrived:
        """Return the arrivals before `minutes`, the same ones every time."""
        del rng
        end = int(np.searchsorted(self.arrived.at_min, minutes, side="right"))
        return Arrived(self.arrived.at_min[:end], self.arrived.priorities[:end])


def poisson_day(per_day: float, orders: OrderShares = OrderShares()) -> HourlyPoisson:
    """Return chance arrivals over a hospital's day."""
    parts = sum(CHEST_CT_BY_HOUR)
    return HourlyPoisson(tuple(per_day * part / parts for part in CHEST_CT_BY_HOUR), orders)


def read_trace(path: Path) -> Trace:
    """Return the arrivals of a CSV file: `arrived` (ISO 8601, all with a zone or all without), `priority` if known.

    `priority` holds the values of Requested Procedure Priority (0040,1003) and may be empty. Rows may stand in any
    order.

    Raises:
        ConfigError: a column is missing, a value cannot be read, or fewer than two different times are there.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if "arrived" not in (rows.fieldnames or ()):
                raise ConfigError(f"{path}:1: expected a column arrived, found {', '.join(rows.fieldnames or ())}")
            read = [(_time(row["arrived"], f"{path}:{rows.line_num}"), _priority(row, path, rows)) for row in rows]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a readable CSV file, found {error}") from error
    if len({time.tzinfo is None for time, _ in read}) > 1:
        raise ConfigError(f"{path}: expected all times with a zone or all without, found both")
    read.sort(key=lambda row: row[0])
    if not any(later > earlier for (earlier, _), (later, _) in pairwise(read)):
        raise ConfigError(f"{path}: expected at least two arrivals at different times, found {len(read)} rows")
    midnight = read[0][0].replace(hour=0, minute=0, second=0, microsecond=0)
    minutes = [(time - midnight).total_seconds() / 60 for time, _ in read]
    return Trace(Arrived(np.array(minutes), tuple(priority for _, priority in read)))


def _orders(chances: Minutes, shares: OrderShares) -> tuple[RequestPriority, ...]:
    stat, high, routine = RequestPriority.STAT, RequestPriority.HIGH, RequestPriority.ROUTINE
    edge = shares.stat + shares.high
    return tuple(stat if chance < shares.stat else high if chance < edge else routine for chance in chances.tolist())


def _time(text: str | None, where: str) -> datetime:
    try:
        return datetime.fromisoformat((text or "").strip())
    except ValueError:
        raise ConfigError(f"{where}: arrived: expected a time such as 2025-03-14T12:00, found {text!r}") from None


def _priority(row: dict[str, str], path: Path, rows: csv.DictReader[str]) -> RequestPriority:
    text = (row.get("priority") or "").strip().upper()
    try:
        return RequestPriority(text) if text else RequestPriority.UNKNOWN
    except ValueError:
        known: Sequence[str] = [*RequestPriority]
        raise ConfigError(
            f"{path}:{rows.line_num}: priority: expected one of {', '.join(known)}, found {text!r}"
        ) from None
