"""All that a study's place on the list can rest on, as a value, and the shape of the policy that makes the place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from triaged.study.assessment import Assessment
from triaged.study.finding import Finding
from triaged.study.lifecycle import State
from triaged.study.modalities import Stratum
from triaged.study.ranking import Override, Ranking, RequestPriority, Trend
from triaged.study.treatment import BY_DEFAULT, Treatment
from triaged.study.uids import StudyUID


@dataclass(frozen=True, slots=True)
class EarlierFinding:
    """What an earlier study of the patient showed, when it was made (as for the present one), and what read it."""

    at: datetime
    algorithm: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Comparison:
    """An earlier study beside the present one, which was made `at` and read by `algorithm`.

    Both times are on the clock of the site's scanners: only the time between them means something.
    """

    at: datetime
    algorithm: str
    earlier: EarlierFinding


@dataclass(frozen=True, slots=True)
class Compared:
    """What is kept with a result of how the study follows an earlier one.

    `change_points` is in percentage points of the lung that changed more, positive where it grew; None where the two do
    not compare. `prior_result_id` is the store's number of the earlier result.
    """

    prior_result_id: int
    comparison: Comparison
    trend: Trend
    change_points: float | None


@dataclass(frozen=True, slots=True)
class RankingInput:
    """All that the ranking of a study rests on at `now`, after whatever just happened to it.

    `since` is the time from which it counts as waiting: when it was ready first, before that its first instance.
    `assessment` is the current result, None before the first one; where `state` says that the study is received or
    analysed again, it is the one from before. `override` is what a reader decided. `comparison` is with the study that
    the result was compared with when it was made. `trusted` is False while the guard has given up the order;
    `distrusted` are the strata whose studies alone have no places by their findings. `treatment` is what a rule of the
    site does with the study.
    """

    study_uid: StudyUID
    since: datetime
    now: datetime
    state: State
    order_priority: RequestPriority
    assessment: Assessment | None = None
    override: Override = Override.NONE
    comparison: Comparison | None = None
    trusted: bool = True
    distrusted: frozenset[Stratum] = frozenset()
    treatment: Treatment = BY_DEFAULT


RankingPolicy = Callable[[RankingInput], Ranking]
"""Ranks a study. The store calls it within the transaction that changes something, so that nothing that
happened at the same moment is lost."""
