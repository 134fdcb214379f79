"""Serves the application on one address until it is asked to stop; knows no routes."""

from __future__ import annotations

import socket
import threading

import uvicorn
from fastapi import FastAPI

from triaged.errors import ConfigError

_LAST_ANSWERS_S = 10
"""How long a request that is being answered may delay the end."""


def run(app: FastAPI, *, host: str, port: int, stop: threading.Event) -> None:
    """Answer requests until `stop` is set, whatever signals come; raises `ConfigError` as `listening_socket` does."""
    with listening_socket(host, port) as listener:
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whom to believe is the application's business
            lifespan="off",
            timeout_graceful_shutdown=_LAST_ANSWERS_S,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="web", daemon=True)
        thread.start()
        while thread.is_alive() and not stop.wait(0.5):
            pass
        app.state.news.close()  # a stream that never ends would keep the server from ending
        server.should_exit = True
        thread.join()


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address, 0 being any port; `ConfigError` where the host is not ours or port taken."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _not_free(host, port, error) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _not_free(host, port, error) from None
    return listener


def _not_free(host: str, port: int, error: OSError) -> ConfigError:
    return ConfigError(
        f"web.host, web.port: expected a free address of this machine, found {host}:{port}: {error.strerror}"
    )
