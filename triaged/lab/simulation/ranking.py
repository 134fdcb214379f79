"""Measures how good the order of the list is at the moments at which somebody looks at it.

Must not know keys or disciplines: the order in which those who wait were read afterwards is the order of the list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from triaged.lab.simulation.arrivals import HOUR_MIN
from triaged.lab.simulation.replay import Timeline
from triaged.lab.simulation.site import Truth
from triaged.lab.simulation.stream import Stream

FIRST_ROWS: Final = 5
"""How many rows from the top somebody sees at a glance."""
SOUGHT: Final = frozenset({Truth.CRITICAL, Truth.SEVERE})


@dataclass(frozen=True, slots=True)
class RankQuality:
    """How well severe and critical studies stand among those that wait; emergencies, which lead anyway, left out.

    `recall` is the share of them that stand within the first `FIRST_ROWS` rows. `area` is that under the curve of
    severe studies read by studies read, from 0 to 1 for the ideal order; 0.5 is chance. NaN where none ever waited.
    """

    recall: float
    area: float


def ranking_of(stream: Stream, timeline: Timeline, from_min: float, until_min: float) -> RankQuality:
    """Return the ranking over lists looked at once an hour, each weighted by its severe studies or its pairs."""
    others = np.array([truth is not Truth.EMERGENCY for truth in stream.truths], dtype=bool)
    arrived, started = stream.arrived_min[others], timeline.started_min[others]
    sought = np.array([truth in SOUGHT for truth in stream.truths], dtype=bool)[others]
    severe = first = pairs = right = 0
    for now in np.arange(from_min, until_min, HOUR_MIN):
        waiting = (arrived <= now) & (started > now)
        found = _in_order(sought[waiting], started[waiting])
        severe += int(found.sum())
        first += int(found[:FIRST_ROWS].sum())
        pairs += int(found.sum()) * int((~found).sum())
        right += int(np.cumsum(found)[~found].sum())
    return RankQuality(first / severe if severe else math.nan, right / pairs if pairs else math.nan)


def _in_order(sought: NDArray[np.bool_], started_min: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of those who wait are severe, from the top of the list down."""
    return np.asarray(sought[np.argsort(started_min, kind="stable")])
