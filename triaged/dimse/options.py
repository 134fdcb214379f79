"""What a site may choose of its receiver; apart from it, since every process reads the settings and one listens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Protocol

from triaged.steps.ports import TlsSetup


class Service(StrEnum):
    """What a peer can use; the value is what settings call it."""

    STORE = "store"
    QUERY = "query"
    COMMITMENT = "commitment"
    ECHO = "echo"


class Calling(Protocol):
    """What is known of who calls."""

    @property
    def peer(self) -> str:
        """Return its address."""
        ...

    @property
    def calling_ae_title(self) -> str:
        """Return what it calls itself."""
        ...

    @property
    def certificate_names(self) -> frozenset[str]:
        """Return for whom its certificate was issued."""
        ...


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Who may use a service; all that is given has to hold."""

    ae_title: str = ""
    network: IPv4Network | IPv6Network | None = None
    certificate: str = ""

    def matches(self, calling: Calling) -> bool:
        """Tell whether this is who is meant."""
        if self.ae_title and calling.calling_ae_title != self.ae_title:
            return False
        if self.network is not None and ip_address(calling.peer.partition("%")[0]) not in self.network:
            return False
        return not self.certificate or self.certificate.lower() in calling.certificate_names


@dataclass(frozen=True, slots=True)
class ScpOptions:
    """How peers reach the receiver, and whom it lets in; port 0 lets the system choose one.

    An empty `allowed_calling_ae_titles` lets everybody in; `access` says besides who may use a service, and a service
    that is not in it everybody may who is let in. `expected` are senders that are known before they have stored
    anything, by title and host, for whom some associations are kept. Where it is `secured` there is a second port, for
    TLS, and `port` only where `has_plain_port`. `max_pdu` is the longest P-DATA that is asked for.

    `request_timeout_s` is how long a connection may take to ask for an association, `idle_timeout_s` how long an
    association may be silent, and `least_bytes_per_s` how fast a message has to be, over 30 s. `wait_s` is how long a
    request waits where all associations are taken, and `stop_grace_s` how long an instance on its way may take when the
    receiver is stopped.
    """

    ae_title: str
    host: str
    port: int
    allowed_calling_ae_titles: frozenset[str] = frozenset()
    check_called_ae_title: bool = False
    access: Mapping[Service, tuple[AccessRule, ...]] = field(default_factory=dict)
    expected: tuple[tuple[str, str], ...] = ()
    secured: TlsSetup | None = None
    tls_port: int = 2762
    has_plain_port: bool = True
    max_associations: int = 20
    max_associations_per_peer: int = 10
    max_pdu: int = 256 * 1024
    request_timeout_s: float = 10.0
    idle_timeout_s: float = 60.0
    least_bytes_per_s: float = 1000.0
    rate_window_s: float = 30.0
    wait_s: float = 4.0
    stop_grace_s: float = 5.0
