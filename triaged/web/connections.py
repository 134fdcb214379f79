"""Accepts connections and ends those that only hold a place, so that whoever asks for something finds one.

uvicorn limits neither how long a request may take to arrive nor how many connections one address has, and asyncio logs
without end where it may open no more descriptors. So connections are accepted here, one by one, and looked at twice a
second. Knows no routes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from typing import Final

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from triaged.web.dicomweb.paths import is_store
from triaged.web.identity import network_of
from triaged.web.limits import Limits
from triaged.web.news import EVENTS
from triaged.web.seldom import Seldom

log = structlog.get_logger()

_WATCH_S: Final = 0.5
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n"
    b"Retry-After: 1\r\nConnection: close\r\n\r\ntry again soon"
)


class Connection(H11Protocol):
    """One connection as uvicorn serves it, which knows since when it has owed us something."""

    def __init__(self, config: uvicorn.Config, server: uvicorn.Server, connections: Connections) -> None:
        super().__init__(config, server.server_state, server.lifespan.state)
        self.address = ""
        self._connections = connections
        self._since = self.loop.time()
        self._received = 0
        self._came: tuple[float, int] | None = None
        self._unread: tuple[float, int] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a place."""
        super().connection_made(transport)
        self.address = network_of(self.client[0]) if self.client else ""
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the place to others."""
        self._connections.remove(self)
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request, whose time begins now."""
        self._since = self.loop.time()
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        """Count what comes, by which a long body is seen to come at all."""
        self._received += len(data)
        super().data_received(data)

    @property
    def is_upload(self) -> bool:
        """Tell whether a body is on its way that may be long: instances to be stored."""
        return self.cycle is not None and self.cycle.more_body and is_store(self.cycle.scope)

    @property
    def is_answered(self) -> bool:
        """Tell whether a whole request came that has no whole answer yet."""
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

    @property
    def is_stream(self) -> bool:
        """Tell whether this is an open page that listens for changes."""
        return self.is_answered and self.cycle.response_started and self.cycle.scope["path"] == EVENTS

    @property
    def since(self) -> float:
        """Return when the connection was made, or got its last answer."""
        return self._since

    def is_overdue(self, limits: Limits, now: float) -> bool:
        """Tell whether the client lets us wait for its request, or for its taking of our answer, for too long."""
        unread = self.transport.get_write_buffer_size()
        if unread == 0:
            self._unread = None
            if self.is_upload:
                return self._comes_too_slowly(limits, now)
            return not self.is_answered and now - self._since > limits.request_s
        if self._unread is None or unread <= self._unread[1] - limits.least_bytes:
            self._unread = now, unread
        self._since = now  # no request is owed before our answer is read
        return now - self._unread[0] > limits.reading_s

    def _comes_too_slowly(self, limits: Limits, now: float) -> bool:
        """Tell whether too little of a long body came for a while, though we were ready to read it."""
        is_waited_for = not self.flow.read_paused
        if self._came is None or not is_waited_for or self._received >= self._came[1] + limits.least_bytes:
            self._came = now, self._received
        self._since = now  # the rest of the request is owed at this rate
        return now - self._came[0] > limits.reading_s

    def end(self) -> None:
        """End at once, whatever has not been sent."""
        self._connections.remove(self)
        self.transport.abort()


class Connections:
    """All open connections; `believed` tells which addresses are proxies, that speak for many."""

    def __init__(self, limits: Limits, believed: Callable[[str], bool]) -> None:
        self._limits = limits
        self._believed = believed
        self._open: dict[Connection, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> None:
        """Count a connection."""
        self._open[connection] = None

    def remove(self, connection: Connection) -> None:
        """Count a connection no longer."""
        self._open.pop(connection, None)

    def has_place(self, host: str) -> bool:
        """Tell whether one more from this address finds a place, after another has given way where it must.

        Of its own address the one goes that has owed us a request for longest. Where all places are taken, it is one of
        the address that has most of them; where those are all being answered, one only if the new one's has far fewer.
        """
        limits, address = self._limits, network_of(host)
        own = [each for each in self._open if each.address == address and not each.is_stream]
        most = limits.connections * 3 // 4 if self._believed(host) else limits.connections_of_one
        if len(own) >= most:
            return _end_oldest(_idle(own))
        if len(self._open) < limits.connections:
            return True
        largest = self._largest()
        return _end_oldest(_idle(largest)) or (len(largest) > len(own) + 1 and _end_oldest(largest))

    def end_overdue(self, now: float) -> None:
        """End every connection whose client lets us wait for too long."""
        for each in [each for each in self._open if each.is_overdue(self._limits, now)]:
            each.end()

    def _largest(self) -> list[Connection]:
        """Return the connections of the address that has most of them."""
        by_address: dict[str, list[Connection]] = {}
        for each in self._open:
            by_address.setdefault(each.address, []).append(each)
        return max(by_address.values(), key=len)

    async def watch(self) -> None:
        """Look at all connections again and again."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_WATCH_S)
            self.end_overdue(loop.time())


async def accept(listener: socket.socket, connections: Connections, protocol: Callable[[], Connection]) -> None:
    """Accept connections until cancelled, one after the other, so that there are never more than have a place."""
    loop, seldom = asyncio.get_running_loop(), Seldom(most=1)
    while True:
        try:
            opened, where = await loop.sock_accept(listener)
        except ConnectionError:
            continue  # it ended before it began
        except OSError as error:
            if seldom.allows("accept", loop.time()):
                log.warning("no connection can be accepted", reason=error.strerror)
            await asyncio.sleep(_WATCH_S)
            continue
        if not connections.has_place(str(where[0])):
            _turn_away(opened)
            await asyncio.sleep(0)
            continue
        try:
            await loop.connect_accepted_socket(protocol, opened)
        except OSError:
            opened.close()


def _idle(candidates: Iterable[Connection]) -> list[Connection]:
    return [each for each in candidates if not each.is_answered]


def _end_oldest(candidates: Iterable[Connection]) -> bool:
    """End the connection that has had its place for longest, if there is one."""
    oldest = min(candidates, key=lambda each: each.since, default=None)
    if oldest is not None:
        oldest.end()
    return oldest is not None


def _turn_away(opened: socket.socket) -> None:
    """Say that there is no place, as far as that can be said without waiting."""
    with opened, contextlib.suppress(OSError):
        opened.send(_FULL)
