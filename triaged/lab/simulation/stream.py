"""Draws what happens at a site in one replication, before anybody orders anything.

All orders of reading replay the same stream, so that they differ by nothing but the order (common random numbers).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from triaged.lab.simulation.durations import Minutes
from triaged.lab.simulation.site import Site, Truth
from triaged.study.assessment import Assessment, Failed, Reason, ReasonCode
from triaged.study.modalities import Stratum
from triaged.study.ranking import RequestPriority

FAILED = Failed(Reason(ReasonCode.GAVE_UP, "expected a result, found none (simulated)"))


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """The studies of one replication in the order in which they came; all of one length.

    Attributes:
        arrived_min: minutes from a midnight, rising.
        scored_min: when the outcome was known, from the same midnight; never before the arrival.
        reading_min: how long a reader takes who begins when the outcome is known.
        outcomes: what the daemon made of each study.
        truths: what each study is; a STAT order is an emergency.
        strata: what was imaged; empty where all are CTs.
        expected_min: how long a study of its stratum is read on average; empty where all are CTs.
        unscored_min: how long a reader takes who begins before; empty where that makes no difference.
    """

    arrived_min: Minutes
    scored_min: Minutes
    reading_min: Minutes
    priorities: tuple[RequestPriority, ...]
    outcomes: tuple[Assessment, ...]
    truths: tuple[Truth, ...]
    strata: tuple[Stratum, ...] = ()
    expected_min: Minutes = field(default_factory=lambda: np.zeros(0))
    unscored_min: Minutes = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return len(self.arrived_min)

    def read_for(self, started_min: Minutes) -> Minutes:
        """Return how long each study is read that is begun at these minutes."""
        if not len(self.unscored_min):
            return self.reading_min
        return np.where(started_min < self.scored_min, self.unscored_min, self.reading_min)


def draw_stream(site: Site, minutes: float, rng: np.random.Generator) -> Stream:
    """Return the studies that come to a site in `minutes`."""
    arrived = site.arrivals.draw(rng, minutes)
    number = len(arrived.at_min)
    weights = np.array([case.weight for case in site.cases])
    drawn: NDArray[np.intp] = rng.choice(len(site.cases), number, p=weights / weights.sum())
    fails = rng.random(number) < site.failing
    cases = [site.cases[index] for index in drawn.tolist()]
    is_xray = np.array([case.stratum is Stratum.RADIOGRAPH for case in cases], dtype=bool)
    emergencies = [priority is RequestPriority.STAT for priority in arrived.priorities]
    scored_min = arrived.at_min + site.scoring.draw(rng, number)
    reading_min = site.reading.draw(rng, number)
    if is_xray.any():  # a site with CTs alone draws what it always drew
        reading_min = np.where(is_xray, site.reading_xray.draw(rng, number), reading_min)
    return Stream(
        arrived_min=arrived.at_min,
        scored_min=scored_min,
        reading_min=reading_min,
        priorities=arrived.priorities,
        outcomes=tuple(FAILED if fail else case.outcome for case, fail in zip(cases, fails.tolist(), strict=True)),
        truths=tuple(Truth.EMERGENCY if stat else case.truth for case, stat in zip(cases, emergencies, strict=True)),
        strata=tuple(case.stratum for case in cases),
        expected_min=np.where(is_xray, site.reading_xray.mean_min, site.reading.mean_min),
    )
