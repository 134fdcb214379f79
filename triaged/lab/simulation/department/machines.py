"""Machines score studies, one at a time each, in the order in which a daemon's workers claim them.

Must not know readers: nobody waits for a reader to score a study. A worker takes the first of the list among those
without a score: STAT requests first, then by arrival less the head start of what is unscored.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace

import numpy as np

from triaged.lab.simulation.durations import Minutes
from triaged.study.ranking import Lane, RequestPriority
from triaged.triage.ordering import precedence_of
from triaged.triage.scheme import Discipline, TriageOptions, Waiting

LANE_MIN = 1e9
"""More minutes than are ever simulated: a lane before another one."""


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What machines have to do; all of one length, by the minute from which a study can be taken, rising.

    `rank` decides between those that wait, the least first. `scoring_min` ends with the score, `finishing_min` follows.
    """

    ready_min: Minutes
    rank: Minutes
    scoring_min: Minutes
    finishing_min: Minutes


def ranks(ready_min: Minutes, priorities: tuple[RequestPriority, ...], options: TriageOptions) -> Minutes:
    """Return the order in which unscored studies are claimed under a policy."""
    ahead = {each: _ahead(each, options) for each in set(priorities)}
    return ready_min - np.fromiter((ahead[each] for each in priorities), dtype=np.float64, count=len(priorities))


def scored_at(work: Work, machines: int) -> Minutes:
    """Return when each study has its score, with this number of machines."""
    ready, rank = work.ready_min.tolist(), work.rank.tolist()
    scoring, finishing = work.scoring_min.tolist(), work.finishing_min.tolist()
    scored = [0.0] * len(ready)
    free = [0.0] * machines
    waiting: list[tuple[float, int]] = []
    following, number = 0, len(ready)
    while following < number or waiting:
        now = free[0]
        if not waiting and ready[following] > now:
            now = ready[following]
        while following < number and ready[following] <= now:
            heappush(waiting, (rank[following], following))
            following += 1
        study = heappop(waiting)[1]
        scored[study] = now + scoring[study]
        heapreplace(free, scored[study] + finishing[study])
    return np.array(scored)


def late_share(arrived_min: Minutes, scored_min: Minutes, late_min: float, span: tuple[float, float]) -> float:
    """Return the share of a span of minutes in which some study has waited for its score for more than `late_min`."""
    begins, ends = arrived_min + late_min, scored_min
    is_late = ends > begins
    begins, ends = np.clip(begins[is_late], *span), np.clip(ends[is_late], *span)
    order = np.argsort(begins)
    begins, ends = begins[order], np.maximum.accumulate(ends[order])
    covered_before = np.concatenate([[span[0]], ends[:-1]]) if len(ends) else ends
    return float(np.maximum(0.0, ends - np.maximum(begins, covered_before)).sum() / (span[1] - span[0]))


def _ahead(priority: RequestPriority, options: TriageOptions) -> float:
    precedence = precedence_of(Waiting.ANALYSIS, priority, options)
    lane = LANE_MIN if precedence.lane is Lane.EMERGENCY else 0.0
    return lane + (precedence.head_start_min if options.discipline is Discipline.HEAD_START else 0)
