"""Who can use what, and until when certificates are valid, for `triaged check`, the log and the health of the daemon.

Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from triaged.config.network import DicomSection
from triaged.config.settings import Config
from triaged.dimse.certificates import expiry_of
from triaged.dimse.options import AccessRule, Service
from triaged.dimse.tls import client_context, server_context
from triaged.errors import ConfigError
from triaged.steps.ports import TlsSetup

log = structlog.get_logger()

WARN_BEFORE = timedelta(days=30)
_MAY = {
    Service.STORE: "store",
    Service.QUERY: "read the worklist",
    Service.COMMITMENT: "ask for storage commitment",
    Service.ECHO: "echo",
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that the settings name, and when it expires."""

    what: str
    path: Path
    expires: datetime

    def warning(self, *, now: datetime) -> str | None:
        """Return what an operator has to know of it, or None where it is valid for long enough."""
        if self.expires <= now:
            return f"{self.what}: {self.path.name} has expired on {self.expires:%Y-%m-%d}"
        if self.expires - now <= WARN_BEFORE:
            return (
                f"{self.what}: {self.path.name} expires on {self.expires:%Y-%m-%d}, in {(self.expires - now).days} days"
            )
        return None


def certificates(config: Config) -> Iterator[Certificate]:
    """Return every certificate of ours, and of authorities, that DICOM TLS is set up with.

    Raises:
        ConfigError: one cannot be read.
    """
    for what, options in _secured(config):
        for path in (options.certificate, options.ca_file):
            if path is not None:
                yield Certificate(what, path, expiry_of(path))


def certificate_warnings(config: Config, *, now: datetime) -> list[str]:
    """Return what an operator has to know of certificates: expired, about to expire, or not to be read."""
    try:
        found = [certificate.warning(now=now) for certificate in certificates(config)]
    except ConfigError as error:
        return [str(error)]
    return [warning for warning in found if warning is not None]


def warn_of_certificates(config: Config, *, now: datetime) -> None:
    """Log what an operator has to know of certificates."""
    for warning in certificate_warnings(config, now=now):
        log.warning("certificate has to be renewed", why=warning)


def demand_credentials(config: Config) -> None:
    """Read every certificate and key as an association does; `ConfigError` where one cannot be used."""
    server = config.dicom.tls.options()
    if server is not None:
        server_context(server)
    for _, options in _secured(config):
        if options is not server:
            client_context(options)


def who_may(dicom: DicomSection, service: Service) -> str:
    """Say in words who can use a service."""
    rules = dicom.access.rules().get(service, ())
    allowed = ", ".join(dicom.allowed_calling_ae_titles)
    if rules:
        who = " or ".join(_words(rule) for rule in rules)
        who += f", if its AE title is one of {allowed}" if allowed else ""
    elif allowed:
        who = f"whoever calls itself {allowed}"
    elif service is Service.QUERY:
        who = "only programs on this machine"
    else:
        who = f"anybody who reaches {_doors(dicom)}"
    return f"{who} may {_MAY[service]}"


def _doors(dicom: DicomSection) -> str:
    tls = dicom.tls
    doors = [f"port {dicom.port}"] if tls.certificate is None or tls.plain else []
    if tls.certificate is not None:
        doors.append(f"port {tls.port} with a certificate of ours" if tls.mutual else f"port {tls.port}")
    return " or ".join(doors)


def _words(rule: AccessRule) -> str:
    said = [f"AE title {rule.ae_title}"] if rule.ae_title else []
    said += [f"address in {rule.network}"] if rule.network is not None else []
    said += [f"certificate of {rule.certificate}"] if rule.certificate else []
    return " with ".join(said)


def _secured(config: Config) -> Iterator[tuple[str, TlsSetup]]:
    """Return where TLS is used, as the settings call it."""
    sections = [("dicom.tls", config.dicom.tls.options())]
    sections += [(f"dicom.peers {peer.ae_title}", peer.tls_options()) for peer in config.dicom.peers]
    sections += [(f"destination {each.name}", each.tls_options()) for each in config.destinations]
    sections.append(("order_priority", config.order_priority.tls_options()))
    return ((what, options) for what, options in sections if options is not None)
