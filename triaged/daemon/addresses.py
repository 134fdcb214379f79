"""Whether the addresses of the configuration can be listened on, and why not."""

from __future__ import annotations

import socket

from triaged.config.settings import Config
from triaged.daemon.own_receiver import echoed, own_peer
from triaged.errors import ConfigError
from triaged.steps.ports import Refused, Sent, Unreachable

CONNECT_S = 5.0


def demand_free_addresses(config: Config) -> None:
    """Find out that a port is taken before any role has started: `ConfigError`, with key and port."""
    for section, host, port in _addresses(config):
        if (problem := _why_taken(host, port)) is not None:
            expected = f"{section}.host, {section}.port: expected a free address of this machine"
            raise ConfigError(f"{expected}, found {host}:{port}: {problem}")


def dicom_address(config: Config) -> str:
    """Say whether the receiver can listen, or does; raises `ConfigError` with the reason where neither is so."""
    dicom, own = config.dicom, own_peer(config.dicom)
    problem = _why_taken(dicom.host, own.port)
    if problem is None:
        return f"{dicom.ae_title} can listen on {dicom.host}:{own.port}"
    if not _is_listened_on(own.host, own.port):
        raise _cannot_listen("dicom", dicom.host, own.port, problem)
    match echoed(dicom, CONNECT_S):
        case Sent() | Refused():
            return f"{dicom.host}:{own.port} is served already"
        case Unreachable(reason=reason):
            found = f"{dicom.host}:{own.port}: {problem}, and who listens there does not answer C-ECHO: {reason}"
            raise ConfigError(f"dicom.host, dicom.port: expected a free port or this daemon on it, found {found}")


def web_address(config: Config) -> str:
    """Say whether the pages can be served, or are; raises `ConfigError` with the reason where neither is so."""
    host, port = config.web.host, config.web.port
    problem = _why_taken(host, port)
    if problem is None:
        return f"can listen on {host}:{port}"
    if not _is_listened_on(host, port):
        raise _cannot_listen("web", host, port, problem)
    return f"{host}:{port} is served already"


def _cannot_listen(section: str, host: str, port: int, problem: str) -> ConfigError:
    return ConfigError(f"{section}.host, {section}.port: cannot listen on {host}:{port}: {problem}")


def _addresses(config: Config) -> list[tuple[str, str, int]]:
    dicom, web = config.dicom, config.web
    plain = [("dicom", dicom.host, dicom.port)] if dicom.tls.certificate is None or dicom.tls.plain else []
    secured = [] if dicom.tls.certificate is None else [("dicom.tls", dicom.host, dicom.tls.port)]
    metrics = [] if config.metrics.port is None else [("metrics", config.metrics.host, config.metrics.port)]
    return [*plain, *secured, ("web", web.host, web.port), *metrics]


def _is_listened_on(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError:
        return False
    return True


def _why_taken(host: str, port: int) -> str | None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with socket.socket(*found[0][:3]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[0][4])
    except PermissionError as error:
        ports = " (ports below 1024 need CAP_NET_BIND_SERVICE)" if port < 1024 else ""
        return f"{error.strerror}{ports}"
    except OSError as error:
        return error.strerror or str(error)
    return None
