"""A TCP proxy between a host and a server, which can refuse, reset, or let everything disappear, as a network can.

All proxies of a trial share one thread. Knows neither hosts nor what is sent.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Any

from tests.ports import free_port

_UNANSWERED_S = 15.0
"""After so long without an answer both ends of a real connection give it up, as they are set."""
_RESET = struct.pack("ii", 1, 0)


class Path(StrEnum):
    """What becomes of what is sent."""

    OPEN = "open"
    REFUSED = "refused"
    """Nobody listens, and what was connected is reset."""
    RESET = "reset"
    """What was connected is reset; so is whatever connects, as soon as it does."""
    SWALLOWED = "swallowed"
    """Nothing comes through and nobody is told; connections are given up as both ends would."""


class Proxy:
    """Listens on a port for as long as its path is not refused."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target_port: int) -> None:
        self._loop = loop
        self._target_port = target_port
        self.port = free_port()
        self._path = Path.OPEN
        self._opened = asyncio.Event()
        self._opened.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._giving_up: asyncio.TimerHandle | None = None

    def set(self, path: Path) -> None:
        """Change what becomes of what is sent, from this moment on."""
        self._wait(self._set(path))

    def end(self) -> None:
        """Reset whatever is connected, and listen no more."""
        self._wait(self._set(Path.REFUSED))

    def _wait(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(20)

    async def _set(self, path: Path) -> None:
        self._path = path
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        if path in (Path.REFUSED, Path.RESET):
            self._reset_all()
        if path is Path.SWALLOWED:
            self._opened.clear()
            self._giving_up = self._loop.call_later(_UNANSWERED_S, self._reset_all)
        else:
            self._opened.set()
        if path is Path.REFUSED and self._server is not None:
            self._server.close()
            self._server = None
        elif path is not Path.REFUSED and self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=200)

    def _reset_all(self) -> None:
        for writer in list(self._writers):
            _reset(writer)
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._path is Path.RESET:
            _reset(writer)
            return
        self._writers.add(writer)
        await self._opened.wait()
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            self._drop(writer)
            return
        self._writers.add(server_writer)
        await asyncio.gather(self._pump(reader, server_writer), self._pump(server_reader, writer))
        self._drop(writer)
        self._drop(server_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while content := await reader.read(65536):
                await self._opened.wait()
                writer.write(content)
                await writer.drain()
        await self._opened.wait()
        writer.close()

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    connected = writer.get_extra_info("socket")
    with suppress(OSError):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


class Proxies:
    """The thread of all proxies."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._all: list[Proxy] = []

    def to(self, port: int) -> Proxy:
        """Return a new proxy for a server, whose path is open."""
        proxy = Proxy(self._loop, port)
        self._all.append(proxy)
        proxy.set(Path.OPEN)
        return proxy

    def end(self) -> None:
        """End all of them."""
        for proxy in self._all:
            proxy.end()


@contextmanager
def proxies() -> Iterator[Proxies]:
    """Give proxies, which end afterwards."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxies", daemon=True)
    thread.start()
    made = Proxies(loop)
    try:
        yield made
    finally:
        made.end()
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


async def _cancel_all() -> None:
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
