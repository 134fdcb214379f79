"""The settings of who may see the list. Must not know how anybody is recognised."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from triaged.config.network import WebSection
from triaged.config.values import Section, wrong
from triaged.store.people.accounts import Lasting
from triaged.web.identity import LOCAL_HOSTS, AccessOptions, Mode, ProxyWord


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


Network = Annotated[str, AfterValidator(_network)]
Header = Annotated[str, AfterValidator(_header)]
Name = Annotated[str, Field(min_length=1, max_length=256)]

_ACCESS = AccessOptions()
_WORD, _LASTING = _ACCESS.word, _ACCESS.lasting


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

    @model_validator(mode="after")
    def _a_proxy_is_known(self) -> Self:
        if self.mode is Mode.PROXY and not self.proxies:
            raise wrong("the addresses of the proxies that are believed, for mode proxy", key="proxies")
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
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
