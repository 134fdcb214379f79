"""What a provider's claims say of a person: the name, and the role on this list. Knows no protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from triaged.study.people import AccessRole, Person, person_name
from triaged.web.oidc.options import OidcOptions

Claims = Mapping[str, Any]
EVERY_SITE: Final = "*"


class NoName(Exception):
    """The claim that is to name a person is missing, or no name can be made of it."""


class NoRole(Exception):
    """The claims give no role; `name` is whom they are of."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def person_of(claims: Claims, options: OidcOptions) -> Person:
    """Return whom claims are of, with the highest role that they give.

    Raises:
        NoName: they do not name anybody.
        NoRole: no value of the claim has a role; or a reader's none a site, where sites are decided by it.
    """
    given = claim(claims, options.name_claim)
    try:
        name = person_name(given if isinstance(given, str) else "")
    except ValueError:
        raise NoName(options.name_claim) from None
    found = claim(claims, options.roles_claim)
    values = found if isinstance(found, list) else [found]
    said = [value for value in values if isinstance(value, str)]
    roles = {options.roles[value] for value in said if value in options.roles}
    if not roles:
        raise NoRole(name)
    if AccessRole.ADMINISTRATOR in roles:
        return Person(name, AccessRole.ADMINISTRATOR)
    sites = frozenset(options.sites[value] for value in said if value in options.sites)
    if options.decides_sites and not sites:
        raise NoRole(name)
    return Person(name, AccessRole.READER, frozenset() if EVERY_SITE in sites else sites)


def claim(claims: Claims, name: str) -> Any:
    """Return a claim by its name, or by the names of those around it with dots between; None where there is none."""
    if name in claims:
        return claims[name]
    outer, dot, inner = name.partition(".")
    around = claims.get(outer)
    return claim(around, inner) if dot and isinstance(around, Mapping) else None
