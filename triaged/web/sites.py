"""What `/admin`, `/health` and `triaged sites` say of sites: what is left of each, and which take no new studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triaged.rules.sites import NO_SITE, Site
from triaged.store.studies.left_of_sites import Left


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One site of the settings and what is left of it, in words too. The last is that of studies of no such site."""

    name: str
    title: str
    share: int
    drained: bool
    left: Left

    @property
    def words(self) -> str:
        """Return what an administrator wants to know: is anything left, and is anything new taken."""
        if not self.drained:
            return self.left.words()
        return f"drained: {self.left.words()}" if self.left.is_nothing else f"draining: {self.left.words()}"


def site_rows(sites: Sequence[Site], left: Mapping[str, Left]) -> list[SiteRow]:
    """Return a row for each site, in the order of the settings, and one for all other studies; none without sites."""
    if not sites:
        return []
    names = {site.name for site in sites}
    rows = [
        SiteRow(site.name, site.title or site.name, site.share, site.drained, left.get(site.name, Left()))
        for site in sites
    ]
    others = _together([each for name, each in left.items() if name not in names])
    return [*rows, SiteRow(NO_SITE, "of no site", 1, drained=False, left=others)]


def drained_warnings(sites: Sequence[Site], left: Mapping[str, Left]) -> list[str]:
    """Return that a site takes no new studies, and what is left of it."""
    return [f"site {row.name} takes no new studies, {row.words}" for row in site_rows(sites, left) if row.drained]


def _together(several: Sequence[Left]) -> Left:
    return Left(*(sum(getattr(each, name) for each in several) for name in Left.__slots__))
