"""Whose study is scored next, where several sites share the workers: what is asked, and the shape of who answers.

Must not know the rule; the store asks within the transaction of a claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from triaged.study.ranking import Lane, RequestPriority


class Urgency(IntEnum):
    """What is scored before all else, whatever site it is of; smaller is sooner."""

    EMERGENCY = 0
    HIGH = 1
    ROUTINE = 2
    BELOW = 3


@dataclass(frozen=True, slots=True)
class NextOfSite:
    """The first study of a site's own order that waits to be scored; an empty `site` is that of studies of none.

    `priority` is that of its request, or of a rule where that is more urgent.
    """

    site: str
    lane: Lane
    priority: RequestPriority
    sort_key: str


@dataclass(frozen=True, slots=True)
class Served:
    """How far a site has been served among studies of one urgency, in units of virtual time.

    Its last study was given `started`, and its next one is not due before `until`.
    """

    urgency: Urgency
    site: str
    started: int
    until: int


class Turns(Protocol):
    """Says which site's study a worker takes."""

    def in_turn(self, waiting: Sequence[NextOfSite], served: Sequence[Served]) -> list[NextOfSite]:
        """Return what waits in the order in which it is to be taken; each site has at most one."""
        ...

    def after(self, taken: NextOfSite, served: Sequence[Served]) -> Served:
        """Return what is to be kept of the site once this study of it has been taken."""
        ...
