"""Clients of the web that hold places: crowds of them from one address of this machine, and a reader beside them.

All of 127.0.0.0/8 is this machine, so that each crowd has an address of its own. Must not know what is promised.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.client import HTTPConnection


class Manner(StrEnum):
    """What each client of a crowd does with its connection; it comes again when that is ended."""

    SILENT = "says nothing"
    HALF = "sends half a request"
    DRIP = "sends a header byte by byte"
    BODY = "sends a body byte by byte"
    RUBBISH = "sends what is no request"
    FLOOD = "asks again and again"
    HANG_UP = "asks and hangs up"
    DEAF = "never reads the answers"
    LISTEN = "listens for changes"


@dataclass
class Crowd:
    """`size` clients from one address; `opened` counts connections, `refused` those that were not made in time."""

    manner: Manner
    port: int
    address: str
    size: int
    path: str = "/health"
    opened: int = 0
    refused: int = 0
    answers: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def around(self) -> Iterator[Crowd]:
        """Let the crowd come, and send it away at the end."""
        thread = threading.Thread(target=lambda: asyncio.run(self._come()), name=f"crowd that {self.manner}")
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join(30)
        assert not thread.is_alive()

    async def _come(self) -> None:
        clients = [asyncio.create_task(self._client()) for _ in range(self.size)]
        while not self._stop.is_set():
            await asyncio.sleep(0.05)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _client(self) -> None:
        while True:
            with contextlib.suppress(OSError, EOFError):
                async with self._connection() as (reader, writer):
                    await self._behave(reader, writer)
            await asyncio.sleep(0.05)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self.port, local_addr=(self.address, 0), limit=2**16
                )
        except OSError:
            self.refused += 1
            raise
        self.opened += 1
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def _behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = b"Host: 127.0.0.1\r\n"
        request = f"GET {self.path} HTTP/1.1\r\n".encode() + host
        match self.manner:
            case Manner.SILENT:
                await reader.read()
            case Manner.HALF:
                writer.write(request)
                await reader.read()
            case Manner.DRIP:
                writer.write(request + b"X-Long: ")
                await _drip(writer)
            case Manner.BODY:
                kind = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n"
                writer.write(b"POST /sign-out HTTP/1.1\r\n" + host + kind)
                await _drip(writer)
            case Manner.RUBBISH:
                writer.write(b"\x00\xff rubbish\r\n\r\n")
                await reader.read()
            case Manner.FLOOD:
                while True:
                    writer.write(request + b"\r\n")
                    await self._answer(reader)
            case Manner.HANG_UP:
                writer.write(request + b"\r\n")
                await writer.drain()
            case Manner.DEAF:
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                while True:
                    writer.write((request + b"\r\n") * 50)
                    await writer.drain()
                    await asyncio.sleep(0.5)
            case Manner.LISTEN:
                writer.write(b"GET /events HTTP/1.1\r\n" + host + b"\r\n")
                await reader.read()

    async def _answer(self, reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        await reader.readexactly(int(length[0].split(b":")[1]))
        self.answers += 1


async def _drip(writer: asyncio.StreamWriter) -> None:
    while not writer.transport.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1)
    raise EOFError


@dataclass
class Reader:
    """Somebody who looks at the list as people do: one page after the other, each with a connection of its own."""

    port: int
    address: str
    paths: Sequence[str] = ("/health/live", "/")
    waits_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def read(self, *, seconds: float, patience_s: float = 15.0) -> None:
        """Read for so long; a page that comes never, or with an error, is a failure."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for path in self.paths:
                self._page(path, patience_s)
            time.sleep(0.2)

    def _page(self, path: str, patience_s: float) -> None:
        began = time.monotonic()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=patience_s, source_address=(self.address, 0))
        try:
            connection.request("GET", path, headers={"Host": "127.0.0.1", "Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            if answer.status >= 400:
                self.failures.append(f"{path}: {answer.status}")
        except OSError as error:
            self.failures.append(f"{path}: {type(error).__name__} after {time.monotonic() - began:.1f} s")
        finally:
            connection.close()
        self.waits_s.append(time.monotonic() - began)


def waits_until(condition: Callable[[], bool], *, within_s: float) -> bool:
    """Tell whether a condition came true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def answers(port: int) -> bool:
    """Tell whether a web server answers here."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=5):
        return True
    return False
