"""How a probability, the shares of lungs and the score of an X-ray read: that as six cells in the shape of the lungs.

Knows values only: no server, no store, no markup.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from triaged.study.coding import percent, percent_range
from triaged.study.concepts import (
    ESTIMATED_HIGH,
    ESTIMATED_LOW,
    ESTIMATED_SEVERITY,
    ZONE_SCORE,
    ZONE_SHARE,
    ZONES,
)
from triaged.study.finding import Finding

_CELL_SHAPES: Final = (
    "M45 15V39H12C16 27 24 8 36 4C42 3 45 8 45 15Z",
    "M12 41H45V64H6C7 56 9 48 12 41Z",
    "M6 66H45V90C34 82 18 84 4 92C4 82 5 74 6 66Z",
    "M55 15V39H88C84 27 76 8 64 4C58 3 55 8 55 15Z",
    "M88 41H55V52C58 55 61 59 63 64H94C93 56 91 48 88 41Z",
    "M94 66H64C65 72 66 78 67 86C76 82 86 86 96 92C96 82 95 74 94 66Z",
)
"""The zones of both lungs, in the order of `ZONES`, in a box of 100 by 96; the heart takes a part of the left."""

NOTHING: Final = "–"
ESTIMATE: Final = frozenset({ESTIMATED_SEVERITY, ESTIMATED_LOW, ESTIMATED_HIGH})
"""What `estimate_of` says as one."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One zone of an X-ray: its name, its affected share in words, whether the score counts it, and its SVG path."""

    noun: str
    share: str
    is_counted: bool
    shape: str


def suspected(finding: Finding | None, threshold: float | None) -> tuple[str, str]:
    """Return a probability, and on which side of the threshold it is: of the site's, else of the model's own."""
    suspicion = None if finding is None else finding.suspicion
    if suspicion is None:
        return NOTHING, ""
    bound = suspicion.threshold if threshold is None else threshold
    if bound is None:
        return suspicion.text, ""
    return suspicion.text_beside(bound), f"{'≥' if suspicion.probability >= bound else '<'} {bound:.4g}"


def score_of(finding: Finding | None) -> str:
    """Return how many zones of an X-ray are affected; empty for anything else."""
    score = None if finding is None else finding.value(ZONE_SCORE)
    return "" if score is None else f"{ZONE_SCORE.unit.text(score)} of {len(ZONES)}"


def cells_of(finding: Finding | None) -> tuple[Cell, ...]:
    """Return the zones of an X-ray, the patient's right lung first, each from upper to lower; none of anything else.

    The score counts the zones that are affected most.
    """
    shares = {} if finding is None else finding.by_site(ZONE_SHARE)
    if finding is None or shares.keys() != set(ZONES):
        return ()
    ranked = sorted(ZONES, key=lambda zone: -shares[zone])
    counted = ranked[: round(finding.value(ZONE_SCORE) or 0)]
    return tuple(
        Cell(zone.noun, as_share(shares[zone]), zone in counted, shape)
        for zone, shape in zip(ZONES, _CELL_SHAPES, strict=True)
    )


def estimate_of(finding: Finding) -> tuple[tuple[str, str], ...]:
    """Return name and words of what a CT would show, with its interval; nothing where nothing is estimated."""
    share, low, high = (finding.value(each) for each in (ESTIMATED_SEVERITY, ESTIMATED_LOW, ESTIMATED_HIGH))
    if share is None:
        return ()
    interval = "" if low is None or high is None else f" ({percent_range(low, high)}, 80 % interval)"
    return ((ESTIMATED_SEVERITY.words, f"{as_share(share, '≈')}{interval}"),)


def as_share(share: float, about: str = "") -> str:
    """Return a share of a lung in percent, with a sign where it is uncertain: "less than" is uncertain enough."""
    words = percent(share)
    return words if words.startswith(("<", ">")) else f"{about}{words}"


def read_by(algorithm: str, configuration: str) -> str:
    """Return what read a study, and under which configuration (the first characters of its SHA-256), where known."""
    return f"{algorithm}, configuration {configuration[:12]}" if configuration else algorithm
