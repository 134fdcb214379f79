"""The second scan of a patient: lesions grown or shrunk, another breath, and the exact change of severity.

Must not know: files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from triaged.lab.phantom.body import stream
from triaged.lab.phantom.options import FollowUp, Phantom

Trend = Literal["worse", "stable", "better"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two scans of one patient; `change` is the difference of the severities of (right, left, worse lung)."""

    before: Phantom
    after: Phantom

    @property
    def change(self) -> tuple[float, float, float]:
        """Return the severities after minus before."""
        old, new = self.before.truth, self.after.truth
        return (
            new.severity_right - old.severity_right,
            new.severity_left - old.severity_left,
            new.severity - old.severity,
        )


def draw_follow_up(seed: int, trend: Trend) -> FollowUp:
    """Return a random course: lesions' borders move by up to 10 mm, the breath by up to 20 mm."""
    rng = stream(seed, f"course {trend}")
    rise = float(rng.uniform(-8, 20))
    if trend == "stable":
        return FollowUp(visit=1, rise_mm=rise)
    if trend == "worse":
        return FollowUp(1, float(rng.uniform(1, 10)), float(rng.uniform(0, 80)), int(rng.integers(0, 4)), rise)
    return FollowUp(1, -float(rng.uniform(1, 10)), -float(rng.uniform(0, 150)), 0, rise)
