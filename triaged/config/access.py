"""The settings of who may see the list. Must not know how anybody is recognised."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from functools import partial
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from triaged.config.network import WebSection
from triaged.config.values import ResolvedPath, Section, wrong
from triaged.notify.connection import verifying
from triaged.store.people.sessions import Lasting
from triaged.study.people import AccessRole
from triaged.web.identity import LOCAL_HOSTS, AccessOptions, Mode, ProxyWord
from triaged.web.oidc.options import OidcOptions


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise wrong("an IP address, or a network like 10.1.2.0/24") from None
    if network.prefixlen == 0:
        raise wrong("the addresses of proxies: everybody would be believed")
    return text


def _origin(text: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+", text):
        raise wrong("the address that browsers use, without a path, like https://triage.hospital.example")
    return text


def _header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", text):
        raise wrong("the name of a header: letters, digits and hyphens")
    return text


def _issuer(text: str) -> str:
    expected = "the provider's issuer as its metadata has it, like https://login.hospital.example/realms/staff"
    try:
        parts = urlsplit(text)
    except ValueError:
        raise wrong(expected) from None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    if not parts.hostname or not is_safe or not re.fullmatch(r"[!-~]+", text) or re.search(r"[?#@\\]", text):
        raise wrong(expected)
    return text


Network = Annotated[str, AfterValidator(_network)]
Header = Annotated[str, AfterValidator(_header)]
Name = Annotated[str, Field(min_length=1, max_length=256)]

Scope = Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$", max_length=256)]
ClientText = Annotated[str, Field(pattern=r"^[ -~]+$", max_length=1024)]
"""What RFC 6749, appendix A, lets a name or secret of a client be."""

SECRET = ("access", "oidc", "client_secret")
"""A key whose value may not stand in the file itself."""
_ACCESS = AccessOptions()
_OIDC = OidcOptions("", "", "", {}, None, partial(verifying, None))
_NO_PROVIDER: OidcSection | None = None
_WORD, _LASTING = _ACCESS.word, _ACCESS.lasting


class OidcSection(Section):
    """The provider by which people sign in (OpenID Connect), and what its claims mean."""

    issuer: Annotated[str, AfterValidator(_issuer)]
    client_id: ClientText
    client_secret: Annotated[ClientText | None, Field(repr=False)] = _OIDC.client_secret
    label: Annotated[str, Field(min_length=1, max_length=64)] = _OIDC.label
    scopes: Annotated[tuple[Scope, ...], Field(strict=False)] = _OIDC.scopes
    roles_claim: Name
    roles: Annotated[dict[Name, Annotated[AccessRole, Field(strict=False)]], Field(min_length=1)]
    name_claim: Name = _OIDC.name_claim
    sites: dict[Name, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    ca_file: ResolvedPath | None = None

    @model_validator(mode="after")
    def _is_whole(self, info: ValidationInfo) -> Self:
        stands_here = info.context is not None and SECRET not in info.context["references"]
        if self.client_secret is not None and stands_here:
            raise wrong("${NAME} or {file: PATH}, which say where the secret stands", key="client_secret")
        if "openid" not in self.scopes:
            raise wrong("openid among the scopes", key="scopes")
        return self

    def options(self) -> OidcOptions:
        """Return what the web needs."""
        given = {name: getattr(self, name) for name in type(self).model_fields if name != "ca_file"}
        return OidcOptions(**given, trusts=partial(verifying, self.ca_file))


class AccessSection(Section):
    """Who may see the list, and who may say who somebody is."""

    mode: Annotated[Mode, Field(strict=False)] = _ACCESS.mode
    idle_min: Annotated[int, Field(ge=1, le=24 * 60)] = _LASTING.idle // timedelta(minutes=1)
    longest_h: Annotated[int, Field(ge=1, le=7 * 24)] = _LASTING.longest // timedelta(hours=1)
    proxies: Annotated[tuple[Network, ...], Field(strict=False)] = _ACCESS.proxies
    origin: Annotated[str, AfterValidator(_origin)] | None = _ACCESS.origin
    person_header: Header = _WORD.person_header
    group_header: Header | None = _WORD.group_header
    readers: Annotated[tuple[Name, ...], Field(strict=False)] = tuple(_WORD.readers)
    administrators: Annotated[tuple[Name, ...], Field(strict=False)] = tuple(_WORD.administrators)
    oidc: OidcSection | None = _NO_PROVIDER

    @model_validator(mode="after")
    def _a_proxy_is_known(self) -> Self:
        if self.mode is Mode.PROXY and not self.proxies:
            raise wrong("the addresses of the proxies that are believed, for mode proxy", key="proxies")
        return self

    @model_validator(mode="after")
    def _sign_on_fits(self) -> Self:
        if self.oidc is not None and self.mode is not Mode.ACCOUNTS:
            raise wrong("accounts: whom the provider signs in has an account, too", key="mode")
        if self.oidc is not None and self.origin is None:
            raise wrong("the address that browsers use: the provider sends them back to it", key="origin")
        return self

    def fits(self, web: WebSection) -> None:
        """Check that a list that is open is so for this machine alone; raises `PydanticCustomError` where it is not."""
        if self.mode is Mode.OPEN and not _is_loopback(web.host):
            raise wrong(
                f"mode: accounts (people get theirs by `triaged user add`) or mode: proxy, because others reach "
                f"web.host {web.host}; open is for web.host 127.0.0.1",
                key="access",
            )

    def options(self, web: WebSection) -> AccessOptions:
        """Return what the web needs."""
        return AccessOptions(
            mode=self.mode,
            lasting=Lasting(timedelta(minutes=self.idle_min), timedelta(hours=self.longest_h)),
            proxies=self.proxies,
            origin=self.origin,
            word=ProxyWord(
                self.person_header, self.group_header, frozenset(self.readers), frozenset(self.administrators)
            ),
            hosts=LOCAL_HOSTS | {web.host},
            cookies=f"triaged-{web.port}",
            oidc=None if self.oidc is None else self.oidc.options(),
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
