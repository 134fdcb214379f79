"""What a site says of its provider of single sign-on (OpenID Connect); apart, since every process reads the settings.

Knows no protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from triaged.study.people import AccessRole


@dataclass(frozen=True, slots=True)
class OidcOptions:
    """The provider, what we are called there, and what its claims mean.

    `label` is what people call it. Values of the claim `roles_claim` have the roles in `roles`; the claim `name_claim`
    is the name that pages and histories show. A claim inside another is written with dots. `client_secret` is None for
    a client that has none. `sites` are those whose studies readers see by values of `roles_claim`, `*` for all of them;
    without any, an account here says it. `trusts` gives the TLS that verifies the provider, or a `ConfigError`.
    """

    issuer: str
    client_id: str
    roles_claim: str
    roles: Mapping[str, AccessRole]
    client_secret: str | None = field(repr=False)
    trusts: Callable[[], Any] = field(repr=False, compare=False)
    label: str = "single sign-on"
    scopes: tuple[str, ...] = ("openid", "profile")
    name_claim: str = "preferred_username"
    sites: Mapping[str, str] = field(default_factory=dict)

    @property
    def decides_sites(self) -> bool:
        """Whether it is the provider who says of which sites a reader sees studies."""
        return bool(self.sites)
