"""What the rules and sites of the settings make of a study when its first image comes: how it is treated, or refused.

Must not know files or sockets.
"""

from __future__ import annotations

from triaged.errors import TryLater
from triaged.rules.matching import Rules, treated_first
from triaged.store.studies.arrivals import Arrivals
from triaged.study.facts import StudyFacts
from triaged.study.treatment import Treatment


class Newcomers:
    """Judges studies by what their first image and its sender say; safe to share between threads."""

    def __init__(self, rules: Rules, arrivals: Arrivals) -> None:
        self._rules, self._arrivals = rules, arrivals
        self._drained = frozenset(site.name for site in rules.sites if site.drained)

    def treatment(self, facts: StudyFacts) -> Treatment:
        """Return what a rule does with a study, as far as that is known before a series is chosen."""
        return treated_first(self._rules, facts)

    def demand_open(self, study_uid: str, facts: StudyFacts) -> None:
        """Refuse a study of a drained site, unless an instance of it is here: what was begun may become whole.

        Raises:
            TryLater: it is refused, or the store is unreachable; the sender has to keep the instance.
        """
        site = self.treatment(facts).site if self._drained else ""
        if site in self._drained and not self._arrivals.is_here(study_uid):
            raise TryLater(f"the site {site} is drained: new studies of it are refused")
