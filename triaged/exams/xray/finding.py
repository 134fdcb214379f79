"""What is measured on a frontal chest X-ray, as values; each number is defined in `study.concepts`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triaged.exams.xray.zones import Thirds
from triaged.study.concepts import (
    CONSOLIDATED_EXTENT,
    ESTIMATED_HIGH,
    ESTIMATED_LOW,
    ESTIMATED_SEVERITY,
    EXTENT,
    LEFT_LUNG,
    OPACITY,
    REPEAT_SD,
    RIGHT_LUNG,
    UNGATED_EXTENT,
    ZONE_SCORE,
    ZONE_SHARE,
    ZONES,
)
from triaged.study.finding import Finding, Measurement, QualityFlag, Suspicion


@dataclass(frozen=True, slots=True)
class LungNumbers:
    """The numbers of one lung, shares in [0, 1] of its area.

    `extent` is affected after the gate, `ungated` before it; `zones` after it, from upper to lower; `consolidated` is
    None where the package does not tell consolidation.
    """

    extent: float
    ungated: float
    zones: tuple[float, float, float]
    consolidated: float | None = None

    @property
    def ordering(self) -> float:
        """What the order rests on: a gate that is wrong hides disease, so half of what it took away counts."""
        return max(self.extent, self.ungated / 2)


@dataclass(frozen=True, slots=True)
class XrayNumbers:
    """The numbers of one X-ray.

    `estimated` is the share of the worse lung's volume that a CT would show, with the `low` and `high` end of its 80 %
    interval; `score` counts affected zones, 0 to 6; `presence` is the probability of any opacity, `gate` the one below
    which no area counts; `repeat_sd` is by how much the extent of one chest scatters between pictures.
    """

    right: LungNumbers
    left: LungNumbers
    estimated: float
    low: float
    high: float
    score: int
    presence: float
    gate: float
    repeat_sd: float

    def measurements(self) -> tuple[Measurement, ...]:
        """Return the numbers that there are, coded."""
        both = ((self.right, RIGHT_LUNG), (self.left, LEFT_LUNG))
        shares = zip((*self.right.zones, *self.left.zones), ZONES, strict=True)
        return (
            Measurement(ZONE_SCORE, float(self.score)),
            Measurement(ESTIMATED_SEVERITY, self.estimated),
            Measurement(ESTIMATED_LOW, self.low),
            Measurement(ESTIMATED_HIGH, self.high),
            *(Measurement(EXTENT, lung.extent, site) for lung, site in both),
            *(Measurement(UNGATED_EXTENT, lung.ungated, site) for lung, site in both),
            *(Measurement(CONSOLIDATED_EXTENT, n.consolidated, s) for n, s in both if n.consolidated is not None),
            *(Measurement(ZONE_SHARE, value, zone) for value, zone in shares),
            Measurement(REPEAT_SD, self.repeat_sd),
        )

    def finding(self, engine: str, quality: tuple[QualityFlag, ...]) -> Finding:
        """Return them as a finding, as urgent as the share that a CT would show: the unit that the list orders by."""
        suspicion = Suspicion(OPACITY, self.presence, self.gate)
        return Finding(self.estimated, suspicion, self.measurements(), None, engine, quality)


@dataclass(frozen=True, slots=True, eq=False)
class XrayReading:
    """A finding with the masks that it was counted on, all (row, column) on the picture that the pipeline was given.

    `affected` lies within the lungs, after the gate; `ungated` before it; `consolidation` is part of `affected`, None
    where the package does not tell it. `right_cut` and `left_cut` divide each lung into zones.
    """

    finding: Finding
    right_lung: NDArray[np.bool_]
    left_lung: NDArray[np.bool_]
    affected: NDArray[np.bool_]
    ungated: NDArray[np.bool_]
    consolidation: NDArray[np.bool_] | None
    right_cut: Thirds
    left_cut: Thirds
