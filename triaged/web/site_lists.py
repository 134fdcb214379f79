"""The lists of sites: among which of them somebody chooses. Knows values only: no server, no store, no markup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from triaged.rules.sites import NO_SITE

OTHER_WORDS: Final = "other"


def site_choices(titles: Mapping[str, str], seen: frozenset[str]) -> dict[str, str]:
    """Return the titles, by name, of the sites among which somebody chooses who sees these; without any, all.

    Who sees all also chooses the studies of no site. Nothing where there are no sites.
    """
    if not seen:
        return {**titles, NO_SITE: OTHER_WORDS} if titles else {}
    return {name: title for name, title in titles.items() if name in seen}


def asked_site(site: str, choices: Mapping[str, str]) -> frozenset[str]:
    """Return the sites, as the store knows them, that a program asks for by name; none: all.

    Raises:
        ValueError: it may not choose this one, or there is none of this name.
    """
    if not site:
        return frozenset()
    if site not in choices:
        raise ValueError(f"expected site to be one of {', '.join(choices) or 'none, as there are no sites'}")
    return frozenset({"" if site == NO_SITE else site})
