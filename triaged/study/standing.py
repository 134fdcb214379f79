"""All that a study's place on the list can rest on, as a value, and the shape of the policy that makes the place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from triaged.study.assessment import Assessment
from triaged.study.lifecycle import State
from triaged.study.placement import OrderPriority, Override, Placement
from triaged.study.uids import StudyUID


@dataclass(frozen=True, slots=True)
class Standing:
    """How a study stands at `now`, after whatever just happened to it.

    `since` is the time from which it counts as waiting: when it was ready first, before that its first instance.
    `assessment` is the result in force, None before the first one; where `state` says that the study is received or
    analysed again, it is the one from before. `override` is what a reader decided.
    """

    study_uid: StudyUID
    since: datetime
    now: datetime
    state: State
    order_priority: OrderPriority
    assessment: Assessment | None = None
    override: Override = Override.NONE


Placing = Callable[[Standing], Placement]
"""Decides where a study stands. The store calls it within the transaction that changes something, so that nothing that
happened at the same moment is lost."""
