"""Draws what happens in a department in one run, before anybody orders anything and before any machine has scored.

Every order of reading, and every number of machines, meets the same studies (common random numbers).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from triaged.lab.simulation.department.lengths import Length
from triaged.lab.simulation.department.machines import Work, ranks
from triaged.lab.simulation.department.model import Department, Kind, Place, State, kind_of
from triaged.lab.simulation.durations import Minutes
from triaged.lab.simulation.site import Truth
from triaged.lab.simulation.stream import FAILED, Stream
from triaged.study.modalities import Stratum
from triaged.study.ranking import RequestPriority
from triaged.triage.scheme import TriageOptions

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """The studies of one run in the order in which they came; all of one length.

    `stream` has no score times yet. `place` and `group` are numbers of sites and reading groups.
    """

    stream: Stream
    work: Work
    place: NDArray[np.intp]
    group: NDArray[np.intp]
    is_xray: Flags
    has_disease: Flags
    is_stat: Flags
    is_flagged: Flags
    is_missed: Flags

    def scored(self, scored_min: Minutes) -> Stream:
        """Return the stream with the minutes at which scores are there."""
        return replace(self.stream, scored_min=scored_min)


def part_of(stream: Stream, chosen: NDArray[np.intp]) -> Stream:
    """Return the studies with these numbers, which rise."""
    numbers = chosen.tolist()
    return Stream(
        arrived_min=stream.arrived_min[chosen],
        scored_min=stream.scored_min[chosen],
        reading_min=stream.reading_min[chosen],
        priorities=tuple(stream.priorities[number] for number in numbers),
        outcomes=tuple(stream.outcomes[number] for number in numbers),
        truths=tuple(stream.truths[number] for number in numbers),
        unscored_min=stream.unscored_min[chosen],
    )


def draw(department: Department, options: TriageOptions, minutes: float, rng: np.random.Generator) -> Drawn:
    """Return the studies that come to a department in `minutes`."""
    arrived = [place.arrivals.draw(rng, minutes) for place in department.places]
    at_min = np.concatenate([each.at_min for each in arrived])
    order = np.argsort(at_min, kind="stable")
    place = np.repeat(np.arange(len(arrived)), [len(each.at_min) for each in arrived])[order]
    unsorted = tuple(chain.from_iterable(each.priorities for each in arrived))
    priorities = tuple(unsorted[number] for number in order.tolist())
    kinds = _kinds(department.places, place, options, rng)
    fails = rng.random(len(at_min)) < department.machines.failing
    is_stat = np.array([each is RequestPriority.STAT for each in priorities], dtype=bool)
    is_xray = np.array([each.case.stratum is Stratum.RADIOGRAPH for each in kinds], dtype=bool)
    is_flagged = np.array([each.state is State.FLAGGED for each in kinds], dtype=bool) & ~fails
    is_unscored = np.array([each.state is State.UNSCORED for each in kinds], dtype=bool) | fails
    seen = {State.STAT: is_stat, State.UNSCORED: is_unscored, State.FLAGGED: is_flagged}
    has_disease = np.array([each.has_disease for each in kinds], dtype=bool)
    reading, unscored = _reading(department, rng.random(len(at_min)), is_xray, seen)
    arrived_min = at_min[order]
    groups = [each.name for each in department.groups]
    stream = Stream(
        arrived_min=arrived_min,
        scored_min=arrived_min,
        reading_min=reading,
        priorities=priorities,
        outcomes=tuple(FAILED if fail else each.case.outcome for each, fail in zip(kinds, fails.tolist(), strict=True)),
        truths=tuple(
            Truth.EMERGENCY if stat else each.case.truth for each, stat in zip(kinds, is_stat.tolist(), strict=True)
        ),
        unscored_min=unscored,
    )
    return Drawn(
        stream=stream,
        work=_work(department, stream, is_xray, options, rng),
        place=place,
        group=np.array([groups.index(each.group) for each in department.places])[place],
        is_xray=is_xray,
        has_disease=has_disease,
        is_stat=is_stat,
        is_flagged=is_flagged,
        is_missed=has_disease & ~is_flagged & ~is_unscored,
    )


def _kinds(
    places: Sequence[Place], place: NDArray[np.intp], options: TriageOptions, rng: np.random.Generator
) -> tuple[Kind, ...]:
    """Return what each study is; each site draws from its own cases."""
    offsets = np.cumsum([0, *(len(each.cases) for each in places)])
    drawn = np.zeros(len(place), dtype=np.intp)
    for number, each in enumerate(places):
        weights = np.array([case.weight for case in each.cases])
        own = place == number
        drawn[own] = offsets[number] + rng.choice(len(weights), int(own.sum()), p=weights / weights.sum())
    kinds = tuple(kind_of(case, options) for each in places for case in each.cases)
    return tuple(kinds[number] for number in drawn.tolist())


def _reading(
    department: Department, chances: Minutes, is_xray: Flags, seen: Mapping[State, Flags]
) -> tuple[Minutes, Minutes]:
    """Return how long each study is read when its score is there, and before; who is not `seen` is not flagged."""
    minutes = {
        state: _at({each: department.reading[each, state] for each in Stratum}, chances, is_xray) for state in State
    }
    states = (State.STAT, State.UNSCORED, State.FLAGGED)
    scored = np.select([seen[each] for each in states], [minutes[each] for each in states], minutes[State.NOT_FLAGGED])
    return scored, np.where(seen[State.STAT], minutes[State.STAT], minutes[State.UNSCORED])


def _work(
    department: Department, stream: Stream, is_xray: Flags, options: TriageOptions, rng: np.random.Generator
) -> Work:
    machines, number = department.machines, len(stream)
    ready = stream.arrived_min + machines.settle_min
    return Work(
        ready_min=ready,
        rank=ranks(ready, stream.priorities, options),
        scoring_min=_at(machines.scoring, rng.random(number), is_xray),
        finishing_min=machines.finishing.at(rng.random(number)),
    )


def _at(lengths: Mapping[Stratum, Length], chances: Minutes, is_xray: Flags) -> Minutes:
    return np.where(is_xray, lengths[Stratum.RADIOGRAPH].at(chances), lengths[Stratum.VOLUME].at(chances))
