"""Serves the application on one address until it is asked to stop; knows no routes."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial

import uvicorn
from fastapi import FastAPI

from triaged.errors import ConfigError
from triaged.web.connections import Connection, Connections, accept
from triaged.web.identity import believed
from triaged.web.limits import Limits
from triaged.web.seldom import SeldomFilter

_LAST_ANSWERS_S = 10
"""How long a request that is being answered may delay the end."""
_KEEP_ALIVE_S = 5
_BACKLOG = 256


def _nothing() -> None:
    """Tell nobody."""


def run(
    app: FastAPI,
    *,
    host: str,
    port: int,
    stop: threading.Event,
    limits: Limits | None = None,
    proxies: Sequence[str] = (),
    started: Callable[[], None] = _nothing,
    getting_on: Callable[[], None] = _nothing,
) -> None:
    """Answer requests until `stop` is set, whatever signals come; raises `ConfigError` as `listening_socket` does.

    `limits` is how much one client may have; `proxies` are addresses or networks that speak for many clients. `started`
    is called when the first request can be answered, `getting_on` again and again while the event loop runs.
    """
    with listening_socket(host, port) as listener:
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whom to believe is the application's business
            lifespan="off",
            loop="asyncio",
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_LAST_ANSWERS_S,
        )
        server = _Server(config, listener, Connections(limits or Limits(), believed(proxies)), started, getting_on)
        thread = threading.Thread(target=_serve, args=(server,), name="web", daemon=True)
        thread.start()
        while thread.is_alive() and not stop.wait(0.5):
            pass
        app.state.news.close()  # a stream that never ends would keep the server from ending
        server.should_exit = True
        thread.join()


class _Server(uvicorn.Server):
    """uvicorn's server, whose connections are accepted by us."""

    def __init__(
        self,
        config: uvicorn.Config,
        listener: socket.socket,
        connections: Connections,
        started: Callable[[], None],
        getting_on: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._started = started
        self._getting_on = getting_on
        self._listener = listener
        self._connections = connections
        self._tasks: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  # is uvicorn's
        """Begin to accept."""
        await super().startup(sockets=[])
        self._listener.setblocking(False)
        self._listener.listen(_BACKLOG)
        protocol = partial(Connection, self.config, self, self._connections)
        self._tasks = [
            asyncio.create_task(accept(self._listener, self._connections, protocol)),
            asyncio.create_task(self._connections.watch()),
        ]
        self._started()

    async def on_tick(self, counter: int) -> bool:
        """Say that the loop runs; the server calls this ten times a second."""
        self._getting_on()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  # is uvicorn's
        """Accept no more, and let what is being answered come to its end."""
        accepting, watching = self._tasks
        accepting.cancel()
        await super().shutdown(sockets=[self._listener])
        watching.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _serve(server: uvicorn.Server) -> None:
    seldom = SeldomFilter()  # what peers can make the libraries say, they can make them say at any rate
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "asyncio")]
    for each in loggers:
        each.addFilter(seldom)
    try:
        server.run()
    finally:
        for each in loggers:
            each.removeFilter(seldom)


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
