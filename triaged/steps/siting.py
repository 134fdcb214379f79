"""Decides again of which site each study of the list is, after the settings changed; the rest of its rule stays.

Knows no clock and no settings file.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from triaged.rules.matching import Rules, treated
from triaged.store.studies.siting import Siting
from triaged.study.facts import StudyFacts

log = structlog.get_logger()


class SitesAgain:
    """Gives the studies that are to be read the sites that these rules give them."""

    def __init__(self, siting: Siting, rules: Rules) -> None:
        self._siting, self._rules = siting, rules

    def is_any(self) -> bool:
        """Tell whether there are sites, or were."""
        return bool(self._rules.sites) or self._siting.is_any()

    def decide(self, *, now: datetime) -> int:
        """Decide for each study; return how many have another site, or none any more.

        Where a rule that asks for the series decides, what it decided when the study was read stays.
        """
        changed = self._siting.decide_again(self._site, now=now)
        if changed:
            log.info("sites decided again", studies=changed)
        return changed

    def _site(self, facts: StudyFacts) -> str | None:
        decided = treated(self._rules, facts, None, is_final=False)
        return None if decided is None else decided.site
