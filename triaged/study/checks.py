"""What a reader of a result is asked to check, in words; one source for the list and the pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from triaged.study.finding import REPAIRS, QualityFlag

_ASKS_NOTHING: Final = REPAIRS | {
    QualityFlag.ANISOTROPIC_SPLIT,
    QualityFlag.WAS_INVERSE,
    QualityFlag.LOOKUP_SET_ASIDE,
    QualityFlag.GATE_REMOVED,
    QualityFlag.FEATURES_MISSING,
    QualityFlag.RAW,
    QualityFlag.LOSSY,
    QualityFlag.SOLID_OR_FLUID,
}
"""What was repaired or worked out on the way and asks nothing of a reader, or is said as a volume; the page of the
study and the report have all of it."""
_TO_CHECK: Final = {
    QualityFlag.LUNGS_COMPLETED: "check the outline of the lungs",
    QualityFlag.LUNG_VOLUME: "unusual lung volume: check the outline",
    QualityFlag.SIDES_DISAGREE: "check which side is which",
    QualityFlag.SECOND_SERIES_DISAGREES: "another series gives another number",
    QualityFlag.LUNG_IN_PARTS: "check the outline of the lungs",
    QualityFlag.LUNG_TOUCHES_EDGE: "lungs reach the edge of the images",
}
"""What a reader can do about it."""


def to_check(quality: Iterable[QualityFlag]) -> tuple[str, ...]:
    """Return what these circumstances ask of a reader, each once."""
    told = (_TO_CHECK.get(flag, flag.words) for flag in quality if flag not in _ASKS_NOTHING)
    return tuple(dict.fromkeys(told))
