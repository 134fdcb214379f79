"""Which site a study is of, and what that site's settings do with it. Pure functions over facts.

Must not know settings, storage, or rules: what a rule says of a site comes as its treatment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from triaged.rules.conditions import NetworkCondition, TextCondition
from triaged.study.facts import StudyFacts
from triaged.study.treatment import Treatment

NO_SITE: Final = "other"
"""What people ask for, where they ask for studies of no site; no site has this name."""


@dataclass(frozen=True, slots=True)
class Site:
    """One site of several that share a list; `title` is its name for people.

    A study is of it if its sender meets `senders`, or its peer's address meets `addresses`; either is enough, None asks
    nothing. `destinations` get the objects of its studies, and `scheme` orders them, where no rule says otherwise; None
    and an empty text: as for all. `share` is its part of the workers while other sites' studies wait too.
    Of a site that is `drained` no new study is taken; what is here is finished.
    """

    name: str
    title: str = ""
    senders: TextCondition | None = None
    addresses: NetworkCondition | None = None
    destinations: tuple[str, ...] | None = None
    scheme: str = ""
    share: int = 1
    drained: bool = False

    def has(self, facts: StudyFacts) -> bool:
        """Tell whether a study comes from this site, by who sent it."""
        by_sender = self.senders is not None and self.senders.is_met(facts.sender)
        return by_sender or (self.addresses is not None and self.addresses.is_met(facts.peer))


def site_of(sites: Sequence[Site], facts: StudyFacts, *, ruled: str = "") -> Site | None:
    """Return the site of this name that a rule gave, else the first one that a study comes from; None: no site."""
    if ruled:
        return next((site for site in sites if site.name == ruled), None)
    return next((site for site in sites if site.has(facts)), None)


def at_site(treatment: Treatment, sites: Sequence[Site], facts: StudyFacts) -> Treatment:
    """Return a treatment with its site, and with what that site's settings say where the rule says nothing."""
    site = site_of(sites, facts, ruled=treatment.site)
    if site is None:
        return replace(treatment, site="") if treatment.site else treatment
    return replace(
        treatment,
        site=site.name,
        destinations=site.destinations if treatment.destinations is None else treatment.destinations,
        scheme=treatment.scheme or site.scheme,
    )
