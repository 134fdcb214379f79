"""The settings of who may use which service, and of TLS on both sides.

Must not know how either is done.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from triaged.config.values import AETitle, Port, ResolvedPath, Section, wrong
from triaged.dimse.options import AccessRule, Service
from triaged.steps.ports import Profile, TlsSetup

_TLS = TlsSetup()

ProfileName = Literal["bcp195", "bcp195-modified"]


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise wrong("an address or a network, such as 10.1.2.3 or 10.1.0.0/16") from None


class AccessRuleSection(Section):
    """One way to be allowed: everything that is given has to hold."""

    ae_title: AETitle | None = None
    network: Annotated[str, AfterValidator(_network)] | None = None
    certificate: Annotated[str, Field(min_length=1, max_length=253)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise wrong("at least one of ae_title, network, certificate")
        return self

    def rule(self) -> AccessRule:
        """Return what the receiver compares with."""
        network = None if self.network is None else ip_network(self.network)
        return AccessRule(self.ae_title or "", network, self.certificate or "")


_Rules = Annotated[tuple[AccessRuleSection, ...], Field(strict=False)]
_EVERYBODY: tuple[AccessRuleSection, ...] = ()


class ServiceAccessSection(Section):
    """Who may use each service of the receiver; an empty list is everybody whom it lets in."""

    store: _Rules = _EVERYBODY
    query: _Rules = _EVERYBODY
    commitment: _Rules = _EVERYBODY
    echo: _Rules = _EVERYBODY

    def rules(self) -> dict[Service, tuple[AccessRule, ...]]:
        """Return the lists that are not empty."""
        lists = {service: getattr(self, service.value) for service in Service}
        return {service: tuple(each.rule() for each in rules) for service, rules in lists.items() if rules}

    def asks_for_certificates(self) -> bool:
        """Tell whether any list names a certificate."""
        return any(rule.certificate for rules in self.rules().values() for rule in rules)


class TlsServerSection(Section):
    """TLS of the receiver: none without a certificate."""

    certificate: ResolvedPath | None = None
    key: ResolvedPath | None = None
    ca_file: ResolvedPath | None = None
    mutual: bool = _TLS.mutual
    profile: ProfileName = "bcp195"
    port: Port = 2762
    plain: bool = True

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.certificate is None:
            for key in ("key", "ca_file"):
                if getattr(self, key) is not None:
                    raise wrong("a certificate, too", key=key)
            if not self.plain:
                raise wrong("true, since without a certificate there is no TLS", key="plain")
        elif self.mutual and self.ca_file is None:
            raise wrong("ca_file, which says whose certificates are accepted; or mutual: false")
        return self

    def options(self) -> TlsSetup | None:
        """Return what the receiver accepts TLS with, or None where it does not."""
        if self.certificate is None:
            return None
        return TlsSetup(self.certificate, self.key, self.ca_file, Profile(self.profile), self.mutual)


class TlsClientSection(Section):
    """TLS towards a peer."""

    tls: bool = False
    ca_file: ResolvedPath | None = None
    certificate: ResolvedPath | None = None
    key: ResolvedPath | None = None
    check_host_name: bool = _TLS.check_host_name
    profile: ProfileName = "bcp195"

    @model_validator(mode="after")
    def _is_secured(self) -> Self:
        given = [key for key in ("ca_file", "certificate", "key") if getattr(self, key) is not None]
        if given and not self.tls:
            raise wrong("no certificates where nothing is encrypted (tls: true)", key=given[0])
        if self.key is not None and self.certificate is None:
            raise wrong("a certificate, too", key="key")
        return self

    def tls_options(self) -> TlsSetup | None:
        """Return how the peer is reached by TLS, or None where it is reached without."""
        if not self.tls:
            return None
        profile = Profile(self.profile)
        return TlsSetup(self.certificate, self.key, self.ca_file, profile, check_host_name=self.check_host_name)
