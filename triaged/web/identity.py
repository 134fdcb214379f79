"""How it is known who asks: everybody at this machine, a session of ours, or the word of a proxy that is believed.

Knows no pages and no settings.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from triaged.store.people.accounts import Accounts
from triaged.store.people.sessions import Lasting
from triaged.study.people import LOCAL, AccessRole, Person, person_name
from triaged.web.oidc.options import OidcOptions

LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
ANYBODY: Final = "*"
_SECRET = re.compile(r"[0-9a-f]{64}")


class Mode(StrEnum):
    """What is believed about who asks."""

    OPEN = "open"
    ACCOUNTS = "accounts"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class ProxyWord:
    """In which headers a proxy says who asks, and which people or groups have which role; `*` is anybody it lets in."""

    person_header: str = "Remote-User"
    group_header: str | None = None
    readers: frozenset[str] = frozenset({ANYBODY})
    administrators: frozenset[str] = frozenset()

    def role(self, names: frozenset[str]) -> AccessRole | None:
        """Return the highest role that a person's name or one of their groups has."""
        if names & self.administrators or ANYBODY in self.administrators:
            return AccessRole.ADMINISTRATOR
        return AccessRole.READER if names & self.readers or ANYBODY in self.readers else None


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """Who is let in. `proxies` are addresses or networks that are believed about who is behind them.

    `origin` is where browsers see the pages, where a proxy hides it. `hosts` are the names by which this machine is
    called while the list is open. `oidc` is a provider by which people sign in beside accounts. `cookies` begins the
    names of cookies: browsers tell them apart by host, not by port.
    """

    mode: Mode = Mode.OPEN
    lasting: Lasting = field(default_factory=Lasting)
    proxies: tuple[str, ...] = ()
    origin: str | None = None
    word: ProxyWord = field(default_factory=ProxyWord)
    hosts: frozenset[str] = LOCAL_HOSTS
    cookies: str = "triaged"
    oidc: OidcOptions | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """It is not known who asks, or they may not; `forbidden` where signing in would change nothing."""

    words: str
    forbidden: bool = False


class Identity:
    """Tells who asks. `peer` is the address that is really connected, `attended` whether a person did something."""

    def __init__(self, options: AccessOptions, accounts: Accounts, clock: Callable[[], datetime]) -> None:
        self._options = options
        self._accounts = accounts
        self._clock = clock
        self._believes = believed(options.proxies)

    def of(self, asked: HTTPConnection, peer: str, *, attended: bool) -> Person | Unknown:
        """Return who asks; raises `TryLater` where the store is unreachable."""
        match self._options.mode:
            case Mode.OPEN:
                return self._at_this_machine(asked)
            case Mode.ACCOUNTS:
                return self._signed_in(asked, attended=attended)
            case Mode.PROXY:
                return self._by_proxy(asked, peer)
            case mode:
                assert_never(mode)

    def session(self, asked: HTTPConnection) -> str:
        """Return the session token that a browser sent, or nothing."""
        return _secret(asked, session_cookie(self._options, asked))

    def browser(self, asked: HTTPConnection) -> str:
        """Return the secret by which a browser is known again, or nothing."""
        return _secret(asked, browser_cookie(self._options, asked))

    def _at_this_machine(self, asked: HTTPConnection) -> Person | Unknown:
        """Believe that nobody else can reach us, but not that a page of another site that calls itself us is ours.

        A site can have its name point to 127.0.0.1 and so read from a browser here what it is shown (DNS rebinding);
        its name is then in the Host header.
        """
        if _called(asked) in self._options.hosts:
            return LOCAL
        return Unknown(
            "The list is open to this machine alone, by the name 127.0.0.1 or localhost. For other names set "
            "access.mode to accounts or proxy.",
            forbidden=True,
        )

    def _signed_in(self, asked: HTTPConnection, *, attended: bool) -> Person | Unknown:
        token = self.session(asked)
        lasting, now = self._options.lasting, self._clock()
        found = self._accounts.person(token, lasting=lasting, now=now, attended=attended) if token else None
        return found or Unknown("Sign in first.")

    def _by_proxy(self, asked: HTTPConnection, peer: str) -> Person | Unknown:
        word = self._options.word
        if not self._believes(peer):
            return Unknown("This list is reached through the site's proxy, which signs people in.")
        said = asked.headers.getlist(word.person_header)
        if len(said) != 1 or not said[0].strip():
            return Unknown("The proxy did not say who asks.")
        try:
            name = person_name(_text(said[0]))
        except ValueError:
            return Unknown("The proxy gave a name that cannot be used.", forbidden=True)
        groups = ",".join(asked.headers.getlist(word.group_header)) if word.group_header else ""
        role = word.role(frozenset({name, *(_text(group).strip() for group in groups.split(","))}) - {"", ANYBODY})
        return Unknown("This account may not use the list.", forbidden=True) if role is None else Person(name, role)


def believed(proxies: Sequence[str]) -> Callable[[str], bool]:
    """Return what tells whether a peer is one of these proxies, given as addresses or networks."""
    networks = [ipaddress.ip_network(each) for each in proxies]

    def is_believed(peer: str) -> bool:
        address = _parsed(plain(peer))
        return address is not None and any(address in network for network in networks)

    return is_believed


def session_cookie(options: AccessOptions, asked: HTTPConnection) -> str:
    """Return the name of the cookie with the session."""
    return f"{_prefix(options, asked)}-session"


def browser_cookie(options: AccessOptions, asked: HTTPConnection) -> str:
    """Return the name of the cookie by which a browser is known again."""
    return f"{_prefix(options, asked)}-browser"


def is_secure(options: AccessOptions, asked: HTTPConnection) -> bool:
    """Tell whether the browser speaks TLS, with us or with the proxy before us."""
    return (options.origin or asked.url.scheme).startswith("https")


def address_of(asked: HTTPConnection) -> str:
    """Return where somebody asks from, as `network_of` says it."""
    return network_of(asked.client.host if asked.client else "")


def network_of(host: str) -> str:
    """Return an address; of IPv6 the network of one site, since one machine has as many as it likes."""
    address = _parsed(plain(host))
    if address is None:
        return host[:64]
    return str(address if address.version == 4 else ipaddress.ip_network((address, 64), strict=False))


def plain(host: str) -> str:
    """Return an address as the rest of the world writes it: one that came over IPv6 may be IPv4 in disguise."""
    address = _parsed(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address or host)


def _parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _called(asked: HTTPConnection) -> str:
    """Return the name by which a browser called us, without the port; nothing where that is unknown.

    Not `url.hostname`: that is our own address where the header is malformed.
    """
    hosts = asked.headers.getlist("Host")
    try:
        return (len(hosts) == 1 and urlsplit(f"//{hosts[0]}").hostname) or ""
    except ValueError:
        return ""


def _prefix(options: AccessOptions, asked: HTTPConnection) -> str:
    """Keep other hosts of the domain from setting our cookies where the browser can be made to (RFC 6265bis, 4.1.3)."""
    return f"__Host-{options.cookies}" if is_secure(options, asked) else options.cookies


def _secret(asked: HTTPConnection, cookie: str) -> str:
    found = asked.cookies.get(cookie, "")
    return found if _SECRET.fullmatch(found) else ""


def _text(header: str) -> str:
    """Read a header as UTF-8, which proxies write, instead of Latin-1, which headers were once."""
    return header.encode("latin-1").decode("utf-8", "replace")
