"""The settings of sites that share one daemon and its list: who sends for each, and what is otherwise there.

Must not know how a site is found for a study, nor what lists there are.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Final

from pydantic import Field

from triaged.config.conditions import UNSAID, Networks, Titles
from triaged.config.rules import RuleSection
from triaged.config.values import PersonName, Section, wrong
from triaged.rules.conditions import NetworkCondition, TextCondition
from triaged.rules.sites import NO_SITE, Site
from triaged.triage.scheme import Scheme
from triaged.triage.shares import DEFAULT_SHARE, LARGEST_SHARE
from triaged.web.oidc.claims import EVERY_SITE

MOST_SITES: Final = 50

SiteName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


class SiteSection(Section):
    """One site; a study is of the first one that it comes from, by its sender or by the address of that.

    `destinations` and `scheme` are for the studies of the site of which no rule says otherwise, `group` is whose those
    are that are assigned to nobody. Of two sites whose studies wait to be scored, the one with twice the `share` gets
    twice as many of the workers' turns. Of a site that is `drained` new studies are refused, and what is here is
    finished.
    """

    name: SiteName
    title: Annotated[str, Field(max_length=64)] = ""
    senders: Titles | None = UNSAID
    addresses: Networks | None = UNSAID
    destinations: Annotated[tuple[str, ...], Field(strict=False)] | None = UNSAID
    scheme: Annotated[Scheme, Field(strict=False)] | None = UNSAID
    group: PersonName | None = UNSAID
    share: Annotated[int, Field(ge=1, le=LARGEST_SHARE)] = DEFAULT_SHARE
    drained: bool = False

    def site(self) -> Site:
        """Return what is looked at when a study comes."""
        return Site(
            self.name,
            self.title or self.name,
            None if self.senders is None else TextCondition(self.senders),
            None if self.addresses is None else _networks(self.addresses),
            self.destinations,
            "" if self.scheme is None else self.scheme.value,
            self.share,
            self.drained,
        )


def demand_sites(sites: Sequence[SiteSection], rules: Sequence[RuleSection], *, destinations: Collection[str]) -> None:
    """Check sites beside the rest of the settings; raises `PydanticCustomError` at the first thing that is wrong."""
    names = [site.name for site in sites]
    for number, site in enumerate(sites):
        if site.name == NO_SITE or site.name in names[:number]:
            what = f"a name that no other site has, nor the studies of none ({NO_SITE!r})"
            raise wrong(f"{what}, found {site.name!r}", place=("sites", number, "name"))
        stranger = next((each for each in site.destinations or () if each not in destinations), None)
        if stranger is not None:
            expected = f"names of destinations ({', '.join(sorted(destinations)) or 'there is none'})"
            raise wrong(f"{expected}, and {stranger!r} is none", place=("sites", number, "destinations"))
        for before in sites[:number]:
            _demand_reached(site, before, number)
    for number, rule in enumerate(rules):
        ruled = None if rule.then is None else rule.then.site
        if ruled is not None and ruled not in names:
            expected = f"one of {', '.join(names)}" if names else "a site, and there is none"
            raise wrong(f"{expected}, found {ruled!r}", place=("rules", number, "then", "site"))


def demand_groups_of_sites(groups: Collection[str], sites: Sequence[SiteSection]) -> None:
    """Check that each site's group is one of the list's; raises `PydanticCustomError` at the first that is none."""
    for number, site in enumerate(sites):
        if site.group is not None and site.group not in groups:
            expected = f"one of web.groups ({', '.join(groups) or 'there is none'})"
            raise wrong(f"{expected}, found {site.group!r}", place=("sites", number, "group"))


def demand_sites_of_groups(groups: Mapping[str, str], sites: Sequence[SiteSection]) -> None:
    """Check of which sites single sign-on lets people see studies; raises `PydanticCustomError`."""
    names = [site.name for site in sites]
    for group, site in groups.items():
        if site not in (*names, EVERY_SITE):
            what = f"one of {', '.join(names)}, or {EVERY_SITE!r} for all" if names else "a site, and there is none"
            raise wrong(f"{what}, found {site!r}", place=("access", "oidc", "sites", group))


def without_studies(sites: Sequence[SiteSection], rules: Sequence[RuleSection]) -> list[int]:
    """Return the numbers, from 0, of sites that no study comes to: without senders, addresses, and a rule."""
    ruled = {rule.then.site for rule in rules if rule.then is not None}
    return [
        number
        for number, site in enumerate(sites)
        if site.senders is None and site.addresses is None and site.name not in ruled
    ]


def _demand_reached(site: SiteSection, before: SiteSection, number: int) -> None:
    """Refuse a sender or a network of a site all of whose studies one before it has."""
    for index, sender in enumerate(site.senders or ()):
        if before.senders is not None and TextCondition(before.senders).covers(TextCondition((sender,))):
            expected = f"a sender that no site before it has; {before.name!r} has all of {sender!r}"
            raise wrong(expected, place=("sites", number, "senders", index))
    for index, network in enumerate(site.addresses or ()):
        if before.addresses is not None and _networks(before.addresses).covers(_networks((network,))):
            expected = f"a network that no site before it has; {before.name!r} has all of {network}"
            raise wrong(expected, place=("sites", number, "addresses", index))


def _networks(written: Sequence[str]) -> NetworkCondition:
    return NetworkCondition(tuple(ipaddress.ip_network(each) for each in written))
