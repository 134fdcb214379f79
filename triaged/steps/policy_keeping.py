"""Keeps the list under the site's policy: after a change of settings, as time passes, and while it can be trusted.

Knows no clock and no settings file. All of it is decided once, in the store, for every process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from triaged.steps.ranking_policy import ranking_policy
from triaged.store.listing.policies import Policies, PolicyInForce
from triaged.store.listing.rankings import Rankings
from triaged.triage.guard import Guarded, Trust, watch
from triaged.triage.judging import GuardOptions, References
from triaged.triage.observing import observe
from triaged.triage.scheme import TriageOptions, described

log = structlog.get_logger()

CHANGED = "settings changed"
"""What the history says of studies that have another place since the settings are others."""
RESTORED = "the order by findings is trusted again"
PASSED = "time passed"
SETTLED = "came while the policy changed"


class PolicyKeeping:
    """Re-ranks studies when something beside them changed, as often as the clock calls.

    `guard` is None where the site has switched the guard off. `watches` tells whether this one has the turn to look
    whether the order can be trusted, where several keep one list.
    """

    def __init__(
        self,
        policies: Policies,
        rankings: Rankings,
        *,
        triage: TriageOptions,
        guard: GuardOptions | None,
        references: References,
        watches: Callable[[datetime], bool] = lambda _: True,
    ) -> None:
        self._policies = policies
        self._standings = rankings
        self._triage = triage
        self._settings = described(triage)
        self._placing = ranking_policy(triage)
        self._guard = guard
        self._references = references
        self._watches = watches
        self._adopted = False
        self._settling = False

    def tick(self, *, now: datetime) -> int:
        """Re-rank what time alone moves; return how many studies that were."""
        return self._standings.rerank_due(self._placing, cause=PASSED, now=now)

    def look(self, *, now: datetime) -> None:
        """Adopt the settings once, and look whether the order can be trusted.

        What another process placed by the old policy while this one changed it is placed again at the next look.
        """
        if self._settling:
            self._standings.rerank_all(self._placing, cause=SETTLED, now=now)
            self._settling = False
        if not self._adopted:
            self._adopt(now)
        if self._watches(now):
            self._watch(now)

    def _adopt(self, now: datetime) -> None:
        """Place the list under these settings, once for each start, so that two daemons never argue about them."""
        moved = self._policies.adopt(self._settings, self._placing, cause=CHANGED, now=now)
        self._adopted = True
        if moved is not None:
            self._settling = True
            log.info("settings of the order adopted", studies_placed_again=moved)

    def _watch(self, now: datetime) -> None:
        in_force = self._policies.in_force()
        guarded = self._guarded(in_force, now)
        aside = {each.source: each.words for each in guarded.set_aside}
        self._log_who_is_set_aside({} if in_force is None else in_force.set_aside, aside)
        moved = self._policies.trust(
            self._settings,
            guarded.reasons,
            self._placing,
            set_aside=aside,
            distrusted=guarded.distrusted,
            cause=_cause(guarded),
            now=now,
        )
        if moved is None:
            return
        self._settling = True
        if guarded.trust is Trust.FALLEN_BACK:
            log.warning("order given up for that of arrival", why=list(guarded.reasons), studies_placed_again=moved)
        elif guarded.distrusted:
            why = {f"{stratum}s": list(reasons) for stratum, reasons in guarded.distrusted.items()}
            log.warning("order by findings given up for some studies", why=why, studies_placed_again=moved)
        else:
            log.info("order trusted again", studies_placed_again=moved)

    def _log_who_is_set_aside(self, before: Mapping[str, str], now: Mapping[str, str]) -> None:
        for source in now.keys() - before.keys():
            log.warning("studies of one source are not counted in judging the order", why=now[source])
        for source in before.keys() - now.keys():
            log.info("studies of a source are counted again in judging the order", source=source)

    def _guarded(self, in_force: PolicyInForce | None, now: datetime) -> Guarded:
        if self._guard is None:
            return Guarded(Trust.ORDERED, ())
        before = Trust.ORDERED if in_force is None or in_force.trusted else Trust.FALLEN_BACK
        observed = observe(
            self._policies.last_ended(self._guard.window),
            self._policies.lag(now=now),
            self._triage,
            self._guard,
            references=self._references,
            before=() if in_force is None else in_force.set_aside.keys(),
        )
        distrusted = () if in_force is None else in_force.distrusted.keys()
        return watch(observed, self._references, before, self._guard, distrusted=distrusted)


def _cause(guarded: Guarded) -> str:
    """Return what the history says of studies that have another place for it."""
    if guarded.reasons:
        return f"the order by findings is not trusted: {'; '.join(guarded.reasons)}"
    of_some = (
        f"{stratum}s are not ordered by findings: {'; '.join(why)}" for stratum, why in guarded.distrusted.items()
    )
    return "; ".join(of_some) or RESTORED
