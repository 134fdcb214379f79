"""What the policy makes of a share that was estimated from an X-ray, not measured on a CT; pure policy.

Must not know how an estimate comes about. An estimate has an interval: a class that lies within it is near, and within
a class the lower end decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from triaged.study.concepts import ESTIMATED_HIGH, ESTIMATED_LOW, ESTIMATED_SEVERITY, REPEAT_SD, SEVERITY, ZONE_SCORE
from triaged.study.finding import Finding

ZONES: Final = 6
SCORES: Final = range(1, ZONES + 1)
SUGGESTED: Final = (1, 3, 5, 6)
"""Scores from which an X-ray is mild, moderate, severe and critical, for a site that cuts scores."""


def demand_scores(scores: Sequence[int]) -> None:
    """Return only where these can be the scores from which an X-ray is mild, moderate, severe and critical.

    Raises:
        ValueError: there are not four, they do not rise, or one is none of 1 to 6.
    """
    if len(scores) != 4 or not all(each in SCORES for each in scores) or any(a >= b for a, b in pairwise(scores)):
        raise ValueError(f"cxr: expected four rising scores of 1 to {ZONES}, found {', '.join(map(str, scores))}")


def is_estimated(finding: Finding) -> bool:
    """Tell whether the urgency of a finding was estimated from an X-ray."""
    return finding.value(ESTIMATED_SEVERITY) is not None


def decisive(finding: Finding, cut_offs: Sequence[float], scores: Sequence[int] | None) -> float:
    """Return the share that decides the class: the urgency, or the cut-off of the class that an X-ray's score gives.

    An X-ray with an affected zone is mild at least, also where the map from area to volume says next to nothing.
    """
    score = finding.value(ZONE_SCORE)
    if score is None:
        return finding.urgency
    if scores is None:
        return max(finding.urgency, cut_offs[0]) if score >= 1 else finding.urgency
    reached = sum(score >= each for each in scores)
    return cut_offs[reached - 1] if reached else 0.0


def bounds(finding: Finding, repeat_sd_pp: float) -> tuple[float, float]:
    """Return between which shares another picture of the same lungs could give the urgency.

    Of an X-ray that is the interval of its estimate; of a CT twice its scatter, in percentage points.
    """
    low, high = finding.value(ESTIMATED_LOW), finding.value(ESTIMATED_HIGH)
    if low is not None and high is not None:
        return min(low, finding.urgency), max(high, finding.urgency)
    scatter = 2 * repeat_sd_pp / 100
    return finding.urgency - scatter, finding.urgency + scatter


def assured(finding: Finding) -> float:
    """Return the share by which a study is ranked within its class: of an estimate its lower end."""
    low = finding.value(ESTIMATED_LOW)
    return finding.urgency if low is None else min(low, finding.urgency)


def own_repeat_sd_pp(finding: Finding, repeat_sd_pp: float) -> float:
    """Return by how many percentage points shares of one chest scatter: as its engine says, else as the site does."""
    own = finding.value(REPEAT_SD)
    return repeat_sd_pp if own is None else 100 * own


def score_words(finding: Finding) -> str:
    """Return the score of an X-ray, such as "4 of 6 zones"; empty where there is none."""
    score = finding.value(ZONE_SCORE)
    return "" if score is None else f"{ZONE_SCORE.unit.text(score)} of {ZONES} zones"


def described(finding: Finding) -> str:
    """Return an earlier finding as words beside one that does not compare with it: what it was of, and how much."""
    if is_estimated(finding):
        return f"X-ray: {score_words(finding)}"
    share = SEVERITY.unit.text(finding.urgency)
    return f"CT: {share} of the worse lung"
