"""The orders of reading that are compared: first come first, the daemon's own, and the alternatives of section 2.3.3.

Classes come from `triaged.triage.scheme`, and `Triaged` reads by the very sort key that the daemon stores. In every
order STAT studies come first among themselves in the order of arrival, as they do at a site without triage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, Protocol

from triaged.lab.simulation.queues import AT_ONCE, AccumulatingQueue, Key, KeyQueue, Move, Queue
from triaged.lab.simulation.stream import Stream
from triaged.study.placement import OrderPriority, TriageClass
from triaged.study.uids import StudyUID
from triaged.triage.ordering import place
from triaged.triage.scheme import Outcome, TriageOptions, Waiting, classify

MIDNIGHT: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""The midnight from which simulated minutes count; any would do."""
TIERS: Final = MappingProxyType({triage_class: tier for tier, triage_class in enumerate(TriageClass)})
OVERDUE: Final = 0.5
"""Between the tier of emergencies and all others."""
RATES: Final = MappingProxyType(
    {
        TriageClass.EMERGENCY: AT_ONCE,
        TriageClass.CRITICAL: 8.0,
        TriageClass.SEVERE: 6.0,
        TriageClass.SUSPECTED_MODERATE: 4.0,
        TriageClass.SUSPECTED_MILD: 3.0,
        TriageClass.UNSCORED: 2.0,
        TriageClass.OPACITY_NOT_FLAGGED: 2.0,
        TriageClass.NOT_FLAGGED: 1.0,
    }
)
"""How fast each class gains priority (a proposal; the specification compares 4:2:1)."""


class Discipline(Protocol):
    """An order of reading."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def moves(self, stream: Stream) -> Iterator[Move]:
        """Yield every place that every study ever gets, in any order; a study's first is at its arrival."""
        ...

    def queue(self) -> Queue:
        """Return an empty list that understands the keys of the moves."""
        ...


class _ByKey:
    """Reads the least key first."""

    __slots__ = ()

    def queue(self) -> Queue:
        """Return an empty list that reads the least key first."""
        return KeyQueue()


@dataclass(frozen=True, slots=True)
class FirstCome(_ByKey):
    """First come first, whatever was computed."""

    name: str = "fifo"

    def moves(self, stream: Stream) -> Iterator[Move]:
        """Yield one place for each study."""
        for study, (arrived, priority) in enumerate(zip(stream.arrived_min.tolist(), stream.priorities, strict=True)):
            lane = 0 if priority is OrderPriority.STAT else 1
            yield Move(arrived, study, (lane, arrived), lane)


@dataclass(frozen=True, slots=True)
class Triaged(_ByKey):
    """The daemon's own order: effective arrival under a scheme, by the daemon's sort key."""

    options: TriageOptions = field(default_factory=TriageOptions)
    name: str = "triaged"

    def moves(self, stream: Stream) -> Iterator[Move]:
        """Yield the place while waiting for analysis, and the one with the outcome."""
        for at_min, study, outcome in _outcomes(stream):
            uid = f"2.25.{study + 1}"
            arrived_at = MIDNIGHT + timedelta(minutes=float(stream.arrived_min[study]))
            placement = place(StudyUID(uid, uid), arrived_at, outcome, stream.priorities[study], self.options)
            yield Move(at_min, study, placement.sort_key, int(placement.lane))


@dataclass(frozen=True, slots=True)
class Strict(_ByKey):
    """Class by class, first come first within each; the last class may starve."""

    options: TriageOptions = field(default_factory=TriageOptions)
    name: str = "strict"

    def moves(self, stream: Stream) -> Iterator[Move]:
        """Yield the place while waiting for analysis, and the one with the outcome."""
        for at_min, study, outcome in _outcomes(stream):
            tier = TIERS[classify(outcome, stream.priorities[study], self.options)]
            yield Move(at_min, study, (tier, float(stream.arrived_min[study])), tier)


@dataclass(frozen=True, slots=True)
class StrictWithCap(_ByKey):
    """Class by class, but whoever waited for `cap_min` comes next after the emergencies (Baltruschat et al. 2020)."""

    options: TriageOptions = field(default_factory=TriageOptions)
    cap_min: float = 240.0
    name: str = "strict_cap"

    def moves(self, stream: Stream) -> Iterator[Move]:
        """Yield the places of the strict order until the study is overdue, and then the last one."""
        arrived = stream.arrived_min.tolist()
        for move in Strict(self.options).moves(stream):
            if move.tier == 0 or move.at_min < arrived[move.study] + self.cap_min:
                yield move
        for study, (at_min, priority) in enumerate(zip(arrived, stream.priorities, strict=True)):
            if priority is not OrderPriority.STAT:
                yield Move(at_min + self.cap_min, study, (OVERDUE, at_min), 1)


@dataclass(frozen=True, slots=True)
class Accumulating:
    """Every study gains priority while it waits, at the rate of its class."""

    options: TriageOptions = field(default_factory=TriageOptions)
    rates: Mapping[TriageClass, float] = field(default_factory=lambda: RATES)
    name: str = "accumulating"

    def moves(self, stream: Stream) -> Iterator[Move]:
        """Yield the rate while waiting for analysis, and the one with the outcome."""
        for at_min, study, outcome in _outcomes(stream):
            triage_class = classify(outcome, stream.priorities[study], self.options)
            key: Key = (self.rates[triage_class], float(stream.arrived_min[study]))
            yield Move(at_min, study, key, 0 if triage_class is TriageClass.EMERGENCY else 1)

    def queue(self) -> Queue:
        """Return an empty list on which priorities grow."""
        return AccumulatingQueue()


def all_disciplines(options: TriageOptions) -> tuple[Discipline, ...]:
    """Return every order under one policy, the one that all are compared with first."""
    return FirstCome(), Triaged(options), Strict(options), StrictWithCap(options), Accumulating(options)


def _outcomes(stream: Stream) -> Iterator[tuple[float, int, Outcome]]:
    """Yield (minute, study, what is known of it), for each study at its arrival and when it is scored."""
    times = zip(stream.arrived_min.tolist(), stream.scored_min.tolist(), strict=True)
    for study, ((arrived, scored), outcome) in enumerate(zip(times, stream.outcomes, strict=True)):
        if scored > arrived:
            yield arrived, study, Waiting.ANALYSIS
        yield scored, study, outcome
