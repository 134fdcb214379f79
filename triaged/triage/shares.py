"""Which site's study is scored next: fair shares of the workers by start-time fair queueing. Pure policy.

Must not know storage. Says nothing of the reading order: a score places a study by its own key, whenever it was made.

The rule (Goyal, Vin, Cheng: Start-Time Fair Queueing, IEEE/ACM Transactions on Networking 5(5), 1997), for studies of
one urgency: the virtual time is when the last study was given a start. A site's next study starts when its last one was
used up (a study of a site with share s uses 1/s), but not before the virtual time, so that a site that sent
nothing has nothing saved. The smallest start is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from triaged.study.ranking import Lane, RequestPriority
from triaged.study.turns import NextOfSite, Served, Turns, Urgency

DEFAULT_SHARE: Final = 1
LARGEST_SHARE: Final = 100
UNIT: Final = 1_000_000
"""The virtual time that a study of a site with share 1 uses; whole numbers, which every database adds alike."""


class FairShares:
    """Shares by site; a site that is not named, and studies of no site, have the default share."""

    def __init__(self, shares: Mapping[str, int]) -> None:
        self._shares = dict(shares)

    def in_turn(self, waiting: Sequence[NextOfSite], served: Sequence[Served]) -> list[NextOfSite]:
        """Return what waits in the order in which it is to be taken.

        Urgent requests come first. Of two sites whose studies start at once, the one that was served longer ago comes
        first, and of two that were never served the one whose study comes first in the order over all.
        """
        clocks = _clocks(served)
        used = {(each.urgency, each.site): each.until for each in served}

        def turn(study: NextOfSite) -> tuple[int, int, int, str]:
            urgency = urgency_of(study)
            until = used.get((urgency, study.site), 0)
            return urgency, max(clocks[urgency], until), until, study.sort_key

        return sorted(waiting, key=turn)

    def after(self, taken: NextOfSite, served: Sequence[Served]) -> Served:
        """Return how far the site of a study is served once that has been taken."""
        urgency = urgency_of(taken)
        until = next((each.until for each in served if (each.urgency, each.site) == (urgency, taken.site)), 0)
        started = max(_clocks(served)[urgency], until)
        return Served(urgency, taken.site, started, started + self.cost(taken.site))

    def cost(self, site: str) -> int:
        """Return the virtual time that a study of a site uses."""
        return round(UNIT / self._shares.get(site, DEFAULT_SHARE))


def fair_shares(shares: Mapping[str, int]) -> Turns | None:
    """Return the rule between these sites; None where there are fewer than two, whose order is the one over all."""
    return FairShares(shares) if len(shares) > 1 else None


def urgency_of(study: NextOfSite) -> Urgency:
    """Return how urgent a study is before its site counts."""
    if study.lane is not Lane.ORDERED:
        return Urgency.EMERGENCY if study.lane is Lane.EMERGENCY else Urgency.BELOW
    is_high = study.priority in (RequestPriority.HIGH, RequestPriority.STAT)
    return Urgency.HIGH if is_high else Urgency.ROUTINE


def _clocks(served: Sequence[Served]) -> dict[Urgency, int]:
    """Return the virtual time of each urgency."""
    return {
        urgency: max((each.started for each in served if each.urgency is urgency), default=0) for urgency in Urgency
    }
