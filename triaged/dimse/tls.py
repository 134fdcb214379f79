"""TLS of DICOM associations, by the profiles of PS3.15 annex B; certificates are read again when their files change.

Knows neither PDUs nor settings.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from triaged.errors import ConfigError
from triaged.steps.ports import Profile, TlsSetup

log = structlog.get_logger()

_Identity = tuple[tuple[int, int, int] | None, ...]


_CIPHERS = {
    Profile.BCP195: "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL",
    Profile.MODIFIED: (
        "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AESCCM:DHE+AESGCM:DHE+CHACHA20:DHE+AESCCM:!aNULL:!aDSS:@SECLEVEL=2"
    ),
}
"""Suites of TLS 1.2; those of TLS 1.3 are the library's, which are all in both profiles."""


class Credentials:
    """A TLS context that follows its files: certificates are renewed without a restart.

    Where what is new cannot be used, what was read before stays in use, and the log says so. Safe to use from several
    threads.
    """

    def __init__(self, options: TlsSetup, build: Callable[[TlsSetup], ssl.SSLContext]) -> None:
        self._options = options
        self._build = build
        self._lock = threading.Lock()
        self._identity: _Identity | None = None
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context for a new association; `ConfigError` while the files never could be used."""
        with self._lock:
            identity = _identity(self._options.files)
            if self._context is None:
                self._context = self._build(self._options)
            elif identity != self._identity:
                self._renew()
            self._identity = identity
            return self._context

    def _renew(self) -> None:
        try:
            self._context = self._build(self._options)
        except ConfigError as error:
            log.error("new certificate cannot be used, the old one stays in use", why=str(error))
        else:
            log.info("certificate read again", files=[str(file) for file in self._options.files])


def server_context(options: TlsSetup) -> ssl.SSLContext:
    """Return what associations are accepted with; `ConfigError` where the files cannot be used."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, options)
    context.num_tickets = 0  # a resumed session would outlive the certificate that it was begun with
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.verify_mode = ssl.CERT_REQUIRED if options.mutual else ssl.CERT_NONE
    return context


def client_context(options: TlsSetup) -> ssl.SSLContext:
    """Return what associations are opened with; `ConfigError` where the files cannot be used."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, options)
    context.check_hostname = options.check_host_name and options.verify
    if not options.verify:
        context.verify_mode = ssl.CERT_NONE
    elif options.ca_file is None:
        context.load_default_certs()
    return context


class NotingContext:
    """A client's context that notes why a handshake failed; pynetdicom would only say that there is no connection."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.problem = ""

    def wrap_socket(self, plain: socket.socket, *, server_side: bool, server_hostname: str) -> ssl.SSLSocket:
        """Return a socket that makes its handshake as soon as it is connected, and closes itself where that fails.

        pynetdicom leaves a socket open that it cannot shut down, because it was never connected or the peer is gone.
        """
        secured = self._context.wrap_socket(plain, server_side=server_side, server_hostname=server_hostname)
        connect, shutdown = secured.connect, secured.shutdown

        def noting(address: Any) -> None:
            try:
                connect(address)
            except OSError as error:
                self.problem = reason(error)
                secured.close()
                raise

        def closing(direction: int) -> None:
            try:
                shutdown(direction)
            except OSError:
                secured.close()
                raise

        secured.connect = noting  # type: ignore[method-assign, assignment]
        secured.shutdown = closing  # type: ignore[method-assign, assignment]
        return secured


def reason(error: OSError) -> str:
    """Return why a handshake failed, as OpenSSL says it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return error.strerror or str(error) or type(error).__name__


def names_of(connection: ssl.SSLSocket) -> frozenset[str]:
    """Return for whom the other side's certificate was issued, in lower case: common name, host names and addresses."""
    certificate: Mapping[str, Any] = connection.getpeercert() or {}
    subject = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    alternative = [value for _, value in certificate.get("subjectAltName", ())]
    return frozenset(str(name).lower() for name in (*subject, *alternative))


def _context(protocol: int, options: TlsSetup) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS[options.profile])
    if options.certificate is not None:
        try:
            # An encrypted key would be asked for at the terminal that nobody sits at.
            context.load_cert_chain(options.certificate, options.key, password="")
        except (OSError, ValueError) as error:
            key = f" and a key for it in {options.key}" if options.key is not None else " with its key"
            raise ConfigError(f"expected a certificate in {options.certificate}{key}: {_problem(error)}") from None
    if options.ca_file is not None:
        try:
            context.load_verify_locations(options.ca_file)
        except (OSError, ValueError) as error:
            raise ConfigError(f"expected certificates in {options.ca_file}: {_problem(error)}") from None
    return context


def _problem(error: OSError | ValueError) -> str:
    return reason(error) if isinstance(error, OSError) else str(error)


def _identity(files: tuple[Path, ...]) -> _Identity:
    """Return what changes when a file is replaced or written again."""
    found: list[tuple[int, int, int] | None] = []
    for file in files:
        try:
            state = file.stat()
            found.append((state.st_ino, state.st_mtime_ns, state.st_size))
        except OSError:
            found.append(None)
    return tuple(found)
