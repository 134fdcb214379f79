"""Measures how long studies waited in one replication, by what they are.

Must not know orders of reading or chance.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.lab.simulation.durations import Minutes
from triaged.lab.simulation.replay import Timeline
from triaged.lab.simulation.site import TARGETS_MIN, Truth
from triaged.lab.simulation.stream import Stream
from triaged.study.modalities import Stratum
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.triage.scheme import TriageOptions, classify

SEVERE_AND_WORSE: Final = "severe and worse"
ALL: Final = "all"
GROUPS: Final[Mapping[str, frozenset[Truth]]] = MappingProxyType(
    {truth.value: frozenset({truth}) for truth in Truth}
    | {SEVERE_AND_WORSE: frozenset({Truth.CRITICAL, Truth.SEVERE}), ALL: frozenset(Truth)}
)
"""What is told apart by what it is, by name: each class, and two that pool several."""
MISSED: Final = "missed"
"""Studies with the disease that were scored and put forward by nothing: what waits longest where a list is ordered."""
DISEASED: Final = frozenset({Truth.CRITICAL, Truth.SEVERE, Truth.MODERATE, Truth.MILD})
MODALITIES: Final = {
    f"{pooled}, {stratum}s": (stratum, GROUPS[pooled]) for stratum in Stratum for pooled in (SEVERE_AND_WORSE, ALL)
}
"""What is told of each modality where a site has both."""
TOLD_APART: Final = (*GROUPS, MISSED, *MODALITIES)


@dataclass(frozen=True, slots=True, eq=False)
class Waits:
    """How each study of a replication fared; all of one length, in the order of arrival.

    Attributes:
        wait_min: time on the list without being read, interruptions included.
        turnaround_min: from arrival to the end of reading.
        overtaken: how many later arrivals were begun before.
        overtaken_span_min: how much later the last one of these came; 0 where there is none.
    """

    wait_min: Minutes
    turnaround_min: Minutes
    overtaken: NDArray[np.int64]
    overtaken_span_min: Minutes


@dataclass(frozen=True, slots=True)
class Summary:
    """Waits of one group in one replication, minutes; NaN where the group is empty.

    `weighted_min` is the mean wait in which a study counts by how long its like is read.
    """

    studies: float
    mean_min: float
    median_min: float
    p95_min: float
    max_min: float
    turnaround_min: float
    inside_target: float
    overtaken: float
    overtaken_span_min: float
    starved: float
    weighted_min: float


def waits_of(stream: Stream, timeline: Timeline) -> Waits:
    """Return how each study of a stream fared."""
    turnaround = timeline.finished_min - stream.arrived_min
    by_start = np.argsort(timeline.started_min, kind="stable")
    latest = np.maximum.accumulate(stream.arrived_min[by_start])
    span = np.empty_like(latest)
    span[by_start] = latest - stream.arrived_min[by_start]
    return Waits(turnaround - stream.read_for(timeline.started_min), turnaround, _overtaken(timeline.started_min), span)


def missed(stream: Stream, options: TriageOptions) -> NDArray[np.bool_]:
    """Return which studies a policy misses: they have the disease and end as not flagged."""
    classes = {id(each): classify(each, RequestPriority.ROUTINE, options) for each in stream.outcomes}
    pairs = zip(stream.truths, stream.outcomes, strict=True)
    found = (truth in DISEASED and classes[id(each)] is TriageClass.NOT_FLAGGED for truth, each in pairs)
    return np.fromiter(found, dtype=bool, count=len(stream))


def summaries(
    stream: Stream, waits: Waits, measured: NDArray[np.bool_], longest_min: float, options: TriageOptions
) -> dict[str, Summary]:
    """Return the waits of each group among the `measured` studies; longer ones than `longest_min` count as starved.

    What is missed is what the policy of `options` misses, whatever the order of reading.
    """
    targets = np.array([TARGETS_MIN[truth] for truth in stream.truths])
    inside = waits.wait_min <= targets
    chosen = {name: _are(stream, truths) for name, truths in GROUPS.items()} | {MISSED: missed(stream, options)}
    is_mixed = len(set(stream.strata)) > 1
    for name, (stratum, truths) in MODALITIES.items():
        belongs = np.array([each is stratum for each in stream.strata], dtype=bool) if is_mixed else False
        chosen[name] = _are(stream, truths) & belongs
    weights = stream.expected_min if len(stream.expected_min) else np.ones(len(stream))
    return {name: _summary(waits, measured & each, inside, longest_min, weights) for name, each in chosen.items()}


def _are(stream: Stream, truths: frozenset[Truth]) -> NDArray[np.bool_]:
    return np.array([truth in truths for truth in stream.truths], dtype=bool)


def _summary(
    waits: Waits, chosen: NDArray[np.bool_], inside: NDArray[np.bool_], longest_min: float, weights: Minutes
) -> Summary:
    wait = waits.wait_min[chosen]
    if not len(wait):
        return Summary(0.0, *[math.nan] * 10)
    median, p95 = np.percentile(wait, [50, 95]).tolist()
    return Summary(
        studies=float(len(wait)),
        mean_min=float(wait.mean()),
        median_min=median,
        p95_min=p95,
        max_min=float(wait.max()),
        turnaround_min=float(waits.turnaround_min[chosen].mean()),
        inside_target=float(inside[chosen].mean()),
        overtaken=float(waits.overtaken[chosen].mean()),
        overtaken_span_min=float(waits.overtaken_span_min[chosen].max()),
        starved=float((wait > longest_min).sum()),
        weighted_min=float(np.average(wait, weights=weights[chosen])),
    )


def _overtaken(started_min: Sequence[float] | Minutes) -> NDArray[np.int64]:
    """Count for each study the later arrivals that were begun earlier."""
    later: list[float] = []
    counts = np.zeros(len(started_min), dtype=np.int64)
    for study in range(len(started_min) - 1, -1, -1):
        started = float(started_min[study])
        rank = bisect_left(later, started)
        counts[study] = rank
        later.insert(rank, started)
    return counts
