"""Makes sort keys: the orders of reading that a site can choose, each as a pure function.

Must not know scores, words or storage. The daemon stores these keys and the simulation reads by them, so that what is
simulated is what is done. A key is fixed-width ASCII and begins with the lane; byte order is the order of the list.
Only keys of one discipline can be compared: where a site changes it, every study gets a new key at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, assert_never

from triaged.study.ranking import Lane, Override, TriageClass
from triaged.study.uids import StudyUID
from triaged.triage.scheme import Discipline, TriageOptions

ORIGIN: Final = datetime(1900, 1, 1, tzinfo=UTC)
"""Times are counted from here; an effective arrival before 1970 stays positive."""
MINUTE: Final = timedelta(minutes=1)
MILLISECOND: Final = timedelta(milliseconds=1)
MICROSECOND: Final = timedelta(microseconds=1)
CLASS_RANK: Final = MappingProxyType({triage_class: rank for rank, triage_class in enumerate(TriageClass)})
HIGHEST: Final = CLASS_RANK[TriageClass.CRITICAL]
LOWEST: Final = CLASS_RANK[TriageClass.NOT_FLAGGED]
OVERDUE: Final = 0
"""The tier of who waited for the cap, before every class of its lane."""
TICK: Final = MINUTE
"""How often accumulated priorities are compared anew."""
RATES: Final[Mapping[TriageClass, float]] = MappingProxyType(
    {
        TriageClass.CRITICAL: 8.0,
        TriageClass.SEVERE: 6.0,
        TriageClass.SUSPECTED_MODERATE: 4.0,
        TriageClass.SUSPECTED_MILD: 3.0,
        TriageClass.UNSCORED: 2.0,
        TriageClass.OPACITY_NOT_FLAGGED: 2.0,
        TriageClass.NOT_FLAGGED: 1.0,
    }
)
"""How fast each class gains priority (a proposal; the specification compares 4:2:1)."""
MOST_PRIORITY: Final = 10**17 - 1
"""More than any study accumulates: at rate 8, in milliseconds, some 400,000 years."""


@dataclass(frozen=True, slots=True)
class Precedence:
    """All that decides between studies but for their arrivals.

    `head_start_min` includes what the order and a reader's decision add. `tie_ranks` decide between equal effective
    arrivals after the class, most important first, smaller first; each fits the width that its place in the key has.
    """

    lane: Lane
    triage_class: TriageClass
    head_start_min: int
    override: Override = Override.NONE
    tie_ranks: tuple[int, int, int] = (1, 0, 0)


def key(
    precedence: Precedence,
    ready_at: datetime,
    study_uid: StudyUID,
    options: TriageOptions,
    *,
    now: datetime,
    rates: Mapping[TriageClass, float] = RATES,
) -> str:
    """Return the sort key of a study in the discipline of the options; `now` counts where the clock does."""
    match options.discipline:
        case Discipline.HEAD_START:
            return head_start(precedence, ready_at, study_uid)
        case Discipline.FIFO:
            return fifo(precedence, ready_at, study_uid)
        case Discipline.STRICT:
            return strict(precedence, ready_at, study_uid)
        case Discipline.STRICT_CAP:
            return strict_cap(precedence, ready_at, study_uid, cap_min=options.strict_cap_min, now=now)
        case Discipline.ACCUMULATING:
            return accumulating(precedence, ready_at, study_uid, now=now, rates=rates)
        case _:
            assert_never(options.discipline)


def due_again(precedence: Precedence, ready_at: datetime, options: TriageOptions, *, now: datetime) -> datetime | None:
    """Return when the key that `key` gives now has to be computed again though nothing happened to the study.

    None: never. At ACCUMULATING the keys of the whole list are due together, and with one and the same `now`.
    """
    if precedence.lane is Lane.EMERGENCY:
        return None
    match options.discipline:
        case Discipline.HEAD_START | Discipline.FIFO | Discipline.STRICT:
            return None
        case Discipline.STRICT_CAP:
            overdue_at = ready_at + MINUTE * options.strict_cap_min
            return overdue_at if overdue_at > now else None
        case Discipline.ACCUMULATING:
            return now + TICK
        case _:
            assert_never(options.discipline)


def due_at(lane: Lane, ready_at: datetime, effective_at: datetime, options: TriageOptions) -> datetime | None:
    """Return from when on no study that comes later is put before this one, but emergencies; None: never or at once.

    Before what is below the list every study comes.

    In an order with head starts that is once the longest head start has passed since the effective arrival; within one
    minute the class decides, so that one minute more has to pass.
    """
    if lane is not Lane.ORDERED:
        return None
    match options.discipline:
        case Discipline.HEAD_START:
            return effective_at + MINUTE * (options.head_starts.cap + 1)
        case Discipline.STRICT_CAP:
            return ready_at + MINUTE * options.strict_cap_min
        case Discipline.FIFO | Discipline.STRICT | Discipline.ACCUMULATING:
            return None
        case _:
            assert_never(options.discipline)


def head_start(precedence: Precedence, ready_at: datetime, study_uid: StudyUID) -> str:
    """Return the key by the minute of effective arrival, then by class (ordering specification, section 2.3.3).

    It needs no clock. Nobody is overtaken by a study that came later than the longest head start, so nobody starves.
    """
    effective = effective_at(precedence, ready_at)
    trend, first, second = precedence.tie_ranks
    return (
        f"{precedence.lane:d}:{(effective - ORIGIN) // MINUTE:09d}:{CLASS_RANK[precedence.triage_class]:d}:{trend:d}"
        f":{first:02d}:{second:02d}:{_arrival(ready_at, study_uid)}"
    )


def fifo(precedence: Precedence, ready_at: datetime, study_uid: StudyUID) -> str:
    """Return the key by arrival, emergencies and pinned studies first; it needs no clock, and no class changes it."""
    return f"{precedence.lane:d}:{_arrival(ready_at, study_uid)}"


def strict(precedence: Precedence, ready_at: datetime, study_uid: StudyUID) -> str:
    """Return the key by class, first come first within each; it needs no clock, and the last class may starve."""
    return f"{precedence.lane:d}:{tier(precedence):d}:{_arrival(ready_at, study_uid)}"


def strict_cap(
    precedence: Precedence, ready_at: datetime, study_uid: StudyUID, *, cap_min: float, now: datetime
) -> str:
    """Return the key by class, but who waited for the cap is next after the emergencies (Baltruschat et al. 2020).

    It has to be computed again once for every study, when its wait reaches the cap.
    """
    overdue = precedence.lane is Lane.ORDERED and now - ready_at >= MINUTE * cap_min
    return f"{precedence.lane:d}:{OVERDUE if overdue else tier(precedence):d}:{_arrival(ready_at, study_uid)}"


def accumulating(
    precedence: Precedence,
    ready_at: datetime,
    study_uid: StudyUID,
    *,
    now: datetime,
    rates: Mapping[TriageClass, float] = RATES,
) -> str:
    """Return the key by priority gained so far: the rate of the class by the wait (Stanford et al. 2014).

    Two keys can only be compared where both were made with the same `now`: the whole list has to be computed again
    whenever somebody looks who is next, or each `TICK` as a compromise.
    """
    gained = 0
    if precedence.lane is Lane.ORDERED:
        waited_ms = max(0, (now - ready_at) // MILLISECOND)
        gained = min(MOST_PRIORITY, int(rates[_BY_RANK[tier(precedence)]] * waited_ms))
    return f"{precedence.lane:d}:{MOST_PRIORITY - gained:017d}:{_arrival(ready_at, study_uid)}"


def effective_at(precedence: Precedence, ready_at: datetime) -> datetime:
    """Return the arrival less the head start."""
    return ready_at - MINUTE * precedence.head_start_min


def tier(precedence: Precedence) -> int:
    """Return the rank of the class with a reader's step up or down, from 1 for critical to 7 for not flagged.

    0 is an emergency. The step never leaves this range, so that nothing is lowered below what is not flagged.
    """
    if precedence.lane is Lane.EMERGENCY:
        return CLASS_RANK[TriageClass.EMERGENCY]
    step = {Override.RAISE: -1, Override.LOWER: 1}.get(precedence.override, 0)
    return min(max(CLASS_RANK[precedence.triage_class] + step, HIGHEST), LOWEST)


def _arrival(ready_at: datetime, study_uid: StudyUID) -> str:
    return f"{(ready_at - ORIGIN) // MICROSECOND:017d}:{study_uid.value:-<64}"


_BY_RANK: Final = tuple(TriageClass)
