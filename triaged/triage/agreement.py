"""Compares what a second engine found in a study with what the first one did; pure policy, and no part of the order.

Must not know which engines there are, nor how outlines are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from triaged.study.agreement import Agreement, Disagreement
from triaged.study.finding import Finding
from triaged.triage.follow_up import changes
from triaged.triage.scheme import TriageOptions

LEAST_OVERLAP: Final = 0.5
"""Dice coefficient below which two outlines are of different things."""
OUTLINE_COUNTS_ABOVE: Final = 0.01
"""Share from which outlines are compared: of next to nothing, two outlines seldom overlap."""


def agreement(first: Finding, second: Finding, overlap: float | None, options: TriageOptions) -> Agreement:
    """Return how a second engine's finding compares with the first one's."""
    part, points = max(changes(second, first), key=lambda change: (abs(change[1]), change[1]))
    found = tuple(_disagreements(first, second, points, overlap, options))
    return Agreement(points, part, overlap, found)


def _disagreements(
    first: Finding, second: Finding, points: float, overlap: float | None, options: TriageOptions
) -> Iterator[Disagreement]:
    if first.grade != second.grade:
        yield Disagreement.GRADE
    if abs(points) > 2 * options.repeat_sd_pp:
        yield Disagreement.SHARE
    is_outlined = max(first.urgency, second.urgency) > OUTLINE_COUNTS_ABOVE
    if is_outlined and overlap is not None and overlap < LEAST_OVERLAP:
        yield Disagreement.OUTLINE
