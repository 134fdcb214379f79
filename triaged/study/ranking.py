"""A study's place in the reading order, as a value; the policy that makes it lives in `triaged.triage`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class Lane(IntEnum):
    """The emergency lane is always read first, and everything else shares the ordered one.

    BELOW is the block below the list, still on it: what says that it is of another part of the body, and what a rule of
    the site leaves unscored there. Nothing with findings is ever in it.
    """

    EMERGENCY = 0
    ORDERED = 1
    BELOW = 2


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


class RequestPriority(StrEnum):
    """Urgency that the order itself carries (0040,1003), before anything was computed."""

    STAT = "STAT"
    HIGH = "HIGH"
    ROUTINE = "ROUTINE"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    UNKNOWN = "UNKNOWN"


URGENCY = (
    RequestPriority.STAT,
    RequestPriority.HIGH,
    RequestPriority.MEDIUM,
    RequestPriority.ROUTINE,
    RequestPriority.LOW,
    RequestPriority.UNKNOWN,
)
"""From the most urgent; where several things are said of one order, the most urgent counts."""


def more_urgent(one: RequestPriority, other: RequestPriority) -> RequestPriority:
    """Return the more urgent one of two that are said of one study."""
    return min(one, other, key=URGENCY.index)


class Override(StrEnum):
    """What a reader decided about a study's place; who and when is in the history of actions, never here.

    PIN puts it into the emergency lane, RAISE and LOWER move it by one class.
    """

    NONE = "none"
    PIN = "pin"
    RAISE = "raise"
    LOWER = "lower"


class Trend(StrEnum):
    """How the affected share of lung changed since an earlier study; the value is what users see.

    NOT_COMPARED: there is an earlier study, and the two cannot be compared with each other.
    """

    PROGRESSION = "progression"
    NO_PRIOR = "no prior"
    NOT_COMPARED = "not compared"
    STABLE = "stable"
    REGRESSION = "regression"


@dataclass(frozen=True, slots=True)
class Ranking:
    """The rank of a study and why.

    `sort_key` is a fixed-width ASCII text: plain ascending byte order of it is the worklist, as long as all keys were
    made for one discipline. `effective_at` is the arrival minus the head start. `reason` is one line for a radiologist,
    without patient attributes and without the name of who moved the study. `due_again_at` is when time alone changes
    the key, None where it never does.
    """

    lane: Lane
    triage_class: TriageClass
    effective_at: datetime
    sort_key: str
    reason: str
    due_again_at: datetime | None = None
