"""What a site may choose of its pages; apart from them, since every process reads the settings and one has pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from triaged.study.concepts import XRAY_SERVICE
from triaged.study.finding import Finding
from triaged.study.people import name_key
from triaged.triage.scheme import Discipline, TriageOptions
from triaged.web.identity import AccessOptions
from triaged.web.limits import Limits
from triaged.web.site_lists import site_choices


class ViewerKind(StrEnum):
    """What a study is opened in: an address of the site's own, OHIF from here, or an installed Weasis."""

    URL = "url"
    OHIF = "ohif"
    WEASIS = "weasis"


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What pages say about this daemon: `address` is where a sender reaches it, `identification_threshold` the site's
    own for CTs or None for the model's, `identification_threshold_cxr` that for X-rays, `viewer_url` where the site's
    viewer shows a study, with names in braces, or empty; `viewer_path` has the files of OHIF, once they are fetched.
    `worth` is what a flag is worth at the site, empty where the site does not say how common is what is flagged.
    `purposes` say what is looked for and what is not, by which engine. `policy` is that of the order, `limits` is how
    much one client may have. `sites` are the titles of sites by their names, in their order,
    `group_of_site` are whose the studies of a site are that are assigned to nobody."""

    address: str
    scheme: str
    identification_threshold: float | None = None
    identification_threshold_cxr: float | None = None
    refresh_s: float = 5.0
    rows_per_page: int = 100
    wall_names: bool = False
    access: AccessOptions = field(default_factory=AccessOptions)
    viewer: ViewerKind = ViewerKind.URL
    viewer_url: str = ""
    viewer_path: Path = Path("var/viewer")
    policy: TriageOptions = field(default_factory=TriageOptions)
    worth: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sites: Mapping[str, str] = field(default_factory=dict)
    group_of_site: Mapping[str, str] = field(default_factory=dict)

    @property
    def discipline(self) -> Discipline:
        """How classes and arrivals make one order."""
        return self.policy.discipline

    def threshold_for(self, finding: Finding | None) -> float | None:
        """Return the site's own threshold for the probability of a finding, None for the model's."""
        is_xray = finding is not None and finding.service == XRAY_SERVICE
        return self.identification_threshold_cxr if is_xray else self.identification_threshold

    def names_of(self, person: str) -> frozenset[str]:
        """Return the names under which a study is assigned to a person: their own, and those of their groups."""
        own = name_key(person)
        return frozenset({person, *(group for group, who in self.groups.items() if own in map(name_key, who))})

    def choices(self, seen: frozenset[str]) -> dict[str, str]:
        """Return the titles, by name, of the sites among which somebody chooses who sees these."""
        return site_choices(self.sites, seen)

    def sites_of(self, names: frozenset[str]) -> frozenset[str]:
        """Return the sites whose studies are those of these names where they are assigned to nobody."""
        return frozenset(site for site, group in self.group_of_site.items() if group in names)

    def assignees(self, person: str) -> tuple[str, ...]:
        """Return the names that are offered to assign a study to: the person's own, groups, and their members."""
        return tuple(dict.fromkeys((person, *self.groups, *(each for who in self.groups.values() for each in who))))
