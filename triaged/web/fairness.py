"""Lets only so many requests be answered at once, and of one address only a part of them; the others wait their turn.

Answers share threads, connections to the database and one interpreter. Without this, whoever asks for everything at
once is served as fast as he asks, and everybody else after him. Knows no routes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triaged.web.identity import network_of
from triaged.web.limits import Limits
from triaged.web.news import EVENTS

_TOO_MANY = PlainTextResponse("try again soon", HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "1"})


class Fairness:
    """Stands before an application on one event loop; it goes by the address that a believed proxy names."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._all = asyncio.Semaphore(limits.answers)
        self._of_one: dict[str, asyncio.Semaphore] = {}
        self._asking: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request when it is its turn; a page that listens for changes needs none once it listens."""
        client = scope.get("client")
        address = network_of(client[0]) if client else ""
        if self._asking[address] >= self._limits.connections_of_one:  # they hang up, and leave their requests behind
            await _TOO_MANY(scope, receive, send)
            return
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(self._turn(address))

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start" and scope["path"] == EVENTS:
                    await turn.aclose()
                await send(message)

            await self._app(scope, receive, sending)

    @asynccontextmanager
    async def _turn(self, address: str) -> AsyncIterator[None]:
        """Wait for a turn of this address, and then for one of all: so nobody has more than his part in that line."""
        own = self._of_one.setdefault(address, asyncio.Semaphore(self._limits.answers_of_one))
        self._asking[address] += 1
        try:
            async with own, self._all:
                yield
        finally:
            self._asking[address] -= 1
            if not self._asking[address]:
                del self._asking[address], self._of_one[address]
