"""The orders of reading that a department can be forecast under: the daemon's own, and by a flag alone.

By a flag alone is what a device does that only notifies: flagged studies first, each class by arrival, and a study
without a score waits with those that are not flagged. It is nothing that the daemon does, so its keys are made here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from triaged.errors import ConfigError
from triaged.lab.simulation.department.model import FLAGGED
from triaged.lab.simulation.disciplines import ReadingOrder, all_disciplines
from triaged.lab.simulation.queues import KeyQueue, Move, Queue
from triaged.lab.simulation.stream import Stream
from triaged.study.assessment import Assessment
from triaged.study.ranking import RequestPriority
from triaged.triage.scheme import Discipline, TriageOptions, classify

FLAG: Final = "flag"
FLAG_CAP: Final = "flag_cap"
FIRST_COME: Final = Discipline.FIFO.value
STAT, OVERDUE, UP, REST = range(4)
"""Tiers, most urgent first."""
ENDLESS: Final = float("inf")


@dataclass(frozen=True, slots=True)
class FlagOrder:
    """STAT requests first, then flagged studies, each by arrival.

    `cap_min`: who has waited for so long comes next after STAT requests; None lets those that are not flagged wait for
    ever.
    """

    options: TriageOptions
    cap_min: float | None = None

    @property
    def name(self) -> str:
        """What tables call it."""
        return FLAG if self.cap_min is None else FLAG_CAP

    def moves(self, stream: Stream) -> Iterator[Move]:
        """Yield the place at the arrival, the one with a flag, and the one of who has waited for the cap."""
        known: dict[int, bool] = {}
        times = zip(stream.arrived_min.tolist(), stream.scored_min.tolist(), strict=True)
        for study, ((arrived, scored), outcome) in enumerate(zip(times, stream.outcomes, strict=True)):
            if stream.priorities[study] is RequestPriority.STAT:
                yield Move(arrived, study, (STAT, arrived, study), STAT)
                continue
            is_up = known.get(id(outcome))
            if is_up is None:
                is_up = known[id(outcome)] = is_flagged(outcome, self.options)
            due = ENDLESS if self.cap_min is None else arrived + self.cap_min
            at_once = is_up and scored <= arrived
            yield _place(arrived, study, arrived, UP if at_once else REST)
            if is_up and not at_once and scored < due:
                yield _place(scored, study, arrived, UP)
            if due < ENDLESS:
                yield _place(due, study, arrived, OVERDUE)

    def queue(self) -> Queue:
        """Return an empty list that reads the least key first."""
        return KeyQueue()


def is_flagged(outcome: Assessment, options: TriageOptions) -> bool:
    """Tell whether a policy puts a study forward by its score."""
    return classify(outcome, RequestPriority.ROUTINE, options) in FLAGGED


def chosen_orders(names: Sequence[str], options: TriageOptions) -> tuple[ReadingOrder, ...]:
    """Return first come first and the orders of these names; the cap is that of `strict_cap`.

    Without names: by a flag without and with a cap, and the daemon's own.

    Raises:
        ConfigError: there is no such order.
    """
    known: dict[str, ReadingOrder] = {each.name: each for each in all_disciplines(options)}
    known |= {each.name: each for each in (FlagOrder(options), FlagOrder(options, options.strict_cap_min))}
    wanted = [name.strip() for text in names for name in text.split(",")]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ConfigError(f"--order: expected {', '.join(known)}, found {', '.join(unknown)}")
    wanted = wanted or [FLAG, FLAG_CAP, options.discipline.value]
    return tuple(known[name] for name in dict.fromkeys((FIRST_COME, *wanted)))


def _place(at_min: float, study: int, arrived_min: float, tier: int) -> Move:
    return Move(at_min, study, (tier, arrived_min, study), tier)
