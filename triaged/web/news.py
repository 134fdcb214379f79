"""Tells open pages at once that the list has changed, as server-sent events (WHATWG HTML, 9.2).

One question to the store serves every browser, and nobody asks it while no page is open. A browser costs one
coroutine, never a thread. Knows no rows: an event carries the token of the list and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.concurrency import run_in_threadpool

from triaged.errors import TryLater
from triaged.web.limits import Limits

EVENTS: Final = "/events"
EVERY_S = 0.7
HEARTBEAT_S = 15.0


class News:
    """The changes of one list; used on one event loop, but `close` from anywhere."""

    def __init__(
        self,
        version: Callable[[], str],
        *,
        limits: Limits | None = None,
        every_s: float = EVERY_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._ask = version
        self._limits = limits or Limits()
        self._addresses: Counter[str] = Counter()
        self._every_s = every_s
        self._heartbeat_s = heartbeat_s
        self._listeners: set[asyncio.Event] = set()
        self._version: str | None = None
        self._watching: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._asked = asyncio.Event()

    @property
    def listeners(self) -> int:
        """Return how many browsers listen."""
        return len(self._listeners)

    def is_full(self, address: str) -> bool:
        """Tell whether one more browser of an address has to ask now and then instead."""
        of_one = self._addresses[address]
        return self._closed or self.listeners >= self._limits.streams or of_one >= self._limits.streams_of_one

    async def stream(self, address: str) -> AsyncIterator[str]:
        """Yield events until the listener hangs up or the server ends: the token now, then each new one."""
        self._loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        self._listeners.add(woken)
        self._addresses[address] += 1
        if self._watching is None or self._watching.done():
            self._watching = self._loop.create_task(self._watch())
        sent: str | None = None
        try:
            yield "retry: 2000\n\n"
            while not self._closed:
                if self._version is not None and self._version != sent:
                    sent = self._version
                    yield f"event: version\ndata: {json.dumps(sent)}\n\n"
                try:
                    await asyncio.wait_for(woken.wait(), self._heartbeat_s)
                except TimeoutError:
                    yield ": still here\n\n"  # finds out who has hung up, and keeps proxies from doing so
                woken.clear()
        finally:
            self._listeners.discard(woken)
            self._addresses[address] -= 1
            self._addresses += Counter()  # without those that have none any more

    def look(self) -> None:
        """Ask for the token at once: somebody here knows that it changed. From anywhere, and without waiting."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._asked.set)

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    async def _watch(self) -> None:
        """Ask for the token again and again while anybody listens."""
        while self._listeners and not self._closed:
            try:
                version = await run_in_threadpool(self._ask)
            except TryLater:
                version = None  # the pages say themselves that the store is unreachable
            if version is not None and version != self._version:
                self._version = version
                self._wake()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._every_s)
            self._asked.clear()
        self._version = None

    def _wake(self) -> None:
        for woken in self._listeners:
            woken.set()
