"""Serves the measurements on a port of their own, where a monitoring system need not sign in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from triaged.errors import ConfigError

_ANSWER_S = 10.0
"""How long one client may take to ask."""


@contextmanager
def serving(registry: CollectorRegistry, host: str, port: int | None) -> Iterator[int]:
    """Answer `GET /metrics` until the context ends; gives the port, 0 being any. With None nothing is served.

    Raises:
        ConfigError: the address is not free.
    """
    if port is None:
        yield 0
        return
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        expected = "metrics.host, metrics.port: expected a free address of this machine"
        raise ConfigError(f"{expected}, found {host}:{port}: {error.strerror or error}") from None
    server.RequestHandlerClass.timeout = _ANSWER_S  # type: ignore[attr-defined]
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
