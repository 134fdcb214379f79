"""Connections to receivers: with a limit of time for all of it, and TLS that verifies who is there."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from triaged.errors import ConfigError
from triaged.steps.ports import Sent, Unreachable


@dataclass(frozen=True, slots=True)
class Address:
    """Where a receiver is; `tls` is None for a connection in the clear."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


def verifying(ca_file: Path | None) -> ssl.SSLContext:
    """Return TLS that takes only valid certificates, of the site's own authority where given, else a `ConfigError`."""
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ValueError) as error:
        raise ConfigError(f"ca_file: expected certificates in PEM, found {ca_file}: {said(error)}") from None


def client_context(ca_file: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """Return TLS as `verifying`, in which we show a certificate of our own where one is given."""
    context = verifying(ca_file)
    if certificate is not None:
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ValueError) as error:
            expected = "certificate, key: expected a certificate and its key in PEM"
            raise ConfigError(f"{expected}, found {certificate}: {said(error)}") from None
    return context


def connect(address: Address, timeout_s: float) -> socket.socket:
    """Return a connection, no step of it longer than `timeout_s`; `OSError` where nobody is there, or somebody else."""
    plain = socket.create_connection((address.host, address.port), timeout_s)
    if address.tls is None:
        return plain
    try:
        return address.tls.wrap_socket(plain, server_hostname=address.host)
    except (OSError, ValueError):
        plain.close()
        raise


def reach(address: Address, timeout_s: float) -> Sent | Unreachable:
    """Connect and say nothing."""
    try:
        connect(address, timeout_s).close()
    except (OSError, ValueError) as error:
        return Unreachable(said(error))
    return Sent()


def said(error: Exception) -> str:
    """Return in words why there is no connection, without what was sent on it."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    words = error.strerror if isinstance(error, OSError) else None
    return words or type(error).__name__
