"""A study's place in the reading order, as a value; the policy that makes it lives in `triaged.triage`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class Lane(IntEnum):
    """The emergency lane is always read first; everything else shares the other lane."""

    EMERGENCY = 0
    ORDERED = 1


class TriageClass(StrEnum):
    """Classes of the triage scheme, most urgent first; the value is what users see."""

    EMERGENCY = "E0"
    CRITICAL = "A"
    SEVERE = "B"
    SUSPECTED_MODERATE = "C"
    SUSPECTED_MILD = "D"
    UNSCORED = "U"
    OPACITY_NOT_FLAGGED = "C'"
    NOT_FLAGGED = "N"


class OrderPriority(StrEnum):
    """Urgency that the order itself carries (0040,1003), before anything was computed."""

    STAT = "STAT"
    HIGH = "HIGH"
    ROUTINE = "ROUTINE"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a study stands and why.

    `sort_key` is a fixed-width ASCII text: plain ascending byte order of it is the worklist. `effective_at` is the
    arrival minus the class's head start. `reason` is one line for a radiologist, without patient attributes.
    """

    lane: Lane
    triage_class: TriageClass
    effective_at: datetime
    sort_key: str
    reason: str
