"""The orders of reading that are compared: those that a site can choose, by the very sort keys that the daemon stores.

Must not make keys of its own. In every order STAT studies come first among themselves in the order of arrival, as they
do at a site without triage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from triaged.lab.simulation.queues import Growing, GrowingQueue, Key, KeyQueue, Move, Queue
from triaged.lab.simulation.stream import Stream
from triaged.study.ranking import Lane, RequestPriority, TriageClass
from triaged.study.uids import StudyUID
from triaged.triage.disciplines import RATES, Precedence, due_again, key, tier
from triaged.triage.ordering import precedence_of
from triaged.triage.scheme import Discipline, Outcome, TriageOptions, Waiting

MIDNIGHT: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""The midnight from which simulated minutes count; any would do."""
MINUTE: Final = timedelta(minutes=1)
CLASS_BY_CLASS: Final = frozenset({Discipline.STRICT, Discipline.STRICT_CAP})
ENDLESS: Final = float("inf")


class ReadingOrder(Protocol):
    """An order of reading."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def options(self) -> TriageOptions:
        """The policy under which classes come about."""
        ...

    def moves(self, stream: Stream) -> Iterator[Move]:
        """Yield every place that every study ever gets, in any order; a study's first is at its arrival."""
        ...

    def queue(self) -> Queue:
        """Return an empty list that understands the keys of the moves."""
        ...


@dataclass(frozen=True, slots=True)
class DaemonOrder:
    """The order in which a daemon with these options has its list read; `rates` are those of ACCUMULATING."""

    options: TriageOptions
    rates: Mapping[TriageClass, float] = field(default_factory=lambda: RATES)

    @property
    def name(self) -> str:
        """What tables call it: the discipline."""
        return self.options.discipline.value

    def moves(self, stream: Stream) -> Iterator[Move]:
        """Yield the place while waiting for analysis, the one with the outcome, and those that the clock brings."""
        known: dict[tuple[int, RequestPriority], Precedence] = {}
        arrived = stream.arrived_min.tolist()
        for at_min, until_min, study, outcome in self._outcomes(stream):
            told = id(outcome), stream.priorities[study]
            precedence = known.get(told)
            if precedence is None:
                precedence = known[told] = precedence_of(outcome, stream.priorities[study], self.options)
            uid = f"2.25.{study + 1}"
            since = _Waiting(precedence, _time(arrived[study]), StudyUID(uid, uid), self.options, self.rates)
            yield self._move(at_min, study, since)
            if self.options.discipline is Discipline.STRICT_CAP:
                yield from self._overdue(at_min, until_min, study, since)

    def queue(self) -> Queue:
        """Return an empty list that reads the least key first."""
        return GrowingQueue() if self.options.discipline is Discipline.ACCUMULATING else KeyQueue()

    def _outcomes(self, stream: Stream) -> Iterator[tuple[float, float, int, Outcome]]:
        """Yield (from minute, until minute, study, what is known of it); first come first asks for no outcome."""
        times = zip(stream.arrived_min.tolist(), stream.scored_min.tolist(), strict=True)
        for study, ((arrived, scored), outcome) in enumerate(zip(times, stream.outcomes, strict=True)):
            if self.options.discipline is Discipline.FIFO:
                yield arrived, ENDLESS, study, Waiting.ANALYSIS
                continue
            if scored > arrived:
                yield arrived, scored, study, Waiting.ANALYSIS
            yield scored, ENDLESS, study, outcome

    def _move(self, at_min: float, study: int, waiting: _Waiting) -> Move:
        precedence = waiting.precedence
        text: Key = waiting.key_at(at_min)
        if self.options.discipline is Discipline.ACCUMULATING:
            text = Growing((precedence.lane, tier(precedence)), waiting.arrival, waiting.key_at)
        rank = tier(precedence) if self.options.discipline in CLASS_BY_CLASS else min(1, tier(precedence))
        return Move(at_min, study, text, rank)

    def _overdue(self, at_min: float, until_min: float, study: int, waiting: _Waiting) -> Iterator[Move]:
        due = due_again(waiting.precedence, waiting.ready_at, self.options, now=_time(at_min))
        if due is not None and (due_min := (due - MIDNIGHT) / MINUTE) < until_min:
            yield self._move(due_min, study, waiting)._replace(tier=int(Lane.ORDERED))


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One study that waits, with all that its key depends on but for the clock."""

    precedence: Precedence
    ready_at: datetime
    study_uid: StudyUID
    options: TriageOptions
    rates: Mapping[TriageClass, float]

    @property
    def arrival(self) -> tuple[datetime, str]:
        return self.ready_at, self.study_uid.value

    def key_at(self, now_min: float) -> str:
        return key(self.precedence, self.ready_at, self.study_uid, self.options, now=_time(now_min), rates=self.rates)


def ordered(discipline: Discipline, options: TriageOptions, rates: Mapping[TriageClass, float] = RATES) -> DaemonOrder:
    """Return the order of a discipline under a policy, whichever discipline the policy names."""
    return DaemonOrder(replace(options, discipline=discipline), rates)


def all_disciplines(options: TriageOptions) -> tuple[DaemonOrder, ...]:
    """Return every order under one policy, the one that all are compared with first."""
    others = [each for each in Discipline if each is not Discipline.FIFO]
    return tuple(ordered(each, options) for each in (Discipline.FIFO, *others))


def _time(minute: float) -> datetime:
    return MIDNIGHT + timedelta(minutes=minute)
