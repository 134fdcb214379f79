"""Open pages are told of changes at once: one question for all of them, nobody held up, nothing left behind."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import cast

import pytest
from fastapi import FastAPI

from tests.ports import free_port
from tests.web.scene import Scene
from triaged.errors import TryLater
from triaged.web.limits import Limits
from triaged.web.news import News
from triaged.web.server import run

_BROWSERS = 25


class _List:
    """A list whose token is its number of changes; it counts how often it is asked."""

    def __init__(self) -> None:
        self.changes = 0
        self.asked = 0
        self.is_away = False

    def version(self) -> str:
        self.asked += 1
        if self.is_away:
            raise TryLater("the database is away")
        return str(self.changes)


async def _next(stream: AsyncIterator[str], kind: str) -> str:
    """Return the next message that begins with `kind`; others are dropped."""
    async with asyncio.timeout(20):
        while True:
            message = await anext(stream)
            if message.startswith(kind):
                return message


def test_a_listener_gets_the_token_of_now_and_then_each_new_one() -> None:
    async def listen() -> list[str]:
        changing, heard = _List(), []
        stream = News(changing.version, every_s=0.001).stream("10.0.0.9")
        for _ in range(3):
            heard.append(json.loads((await _next(stream, "event: version")).split("data: ")[1]))
            changing.changes += 1
        await cast("AsyncIteratorWithClose", stream).aclose()
        return heard

    assert asyncio.run(listen()) == ["0", "1", "2"]


def test_who_knows_of_a_change_has_it_told_at_once() -> None:
    async def listen() -> str:
        changing = _List()
        news = News(changing.version, every_s=3600)
        stream = news.stream("10.0.0.9")
        await _next(stream, "event: version")
        changing.changes += 1
        news.look()
        told = await _next(stream, "event: version")
        await cast("AsyncIteratorWithClose", stream).aclose()
        return str(json.loads(told.split("data: ")[1]))

    assert asyncio.run(listen()) == "1"


def test_many_listeners_cost_one_question_and_none_once_they_have_gone() -> None:
    async def listen() -> tuple[int, int, int]:
        changing = _List()
        news = News(changing.version, every_s=30)
        streams = [news.stream("10.0.0.9") for _ in range(_BROWSERS)]
        for stream in streams:
            await _next(stream, "event: version")
        listening = news.listeners
        for stream in streams:
            await cast("AsyncIteratorWithClose", stream).aclose()
        return listening, changing.asked, news.listeners

    assert asyncio.run(listen()) == (_BROWSERS, 1, 0)


def test_a_store_that_is_away_ends_no_stream() -> None:
    async def listen() -> str:
        changing = _List()
        changing.is_away = True
        stream = News(changing.version, every_s=0.001, heartbeat_s=0.001).stream("10.0.0.9")
        while changing.asked < 3:
            await _next(stream, ": still here")
        changing.is_away = False
        return await _next(stream, "event: version")

    assert asyncio.run(listen()).startswith("event: version")


class AsyncIteratorWithClose(AsyncIterator[str]):
    """What an asynchronous generator is to who ends it early."""

    async def aclose(self) -> None:
        """End it."""


@contextmanager
def _served(app: FastAPI) -> Iterator[tuple[str, Callable[[], None]]]:
    """Serve an application; yield its address and what ends it, which is also done at the end."""
    port, stop = free_port(), threading.Event()
    serving = threading.Thread(target=run, args=(app,), kwargs={"host": "127.0.0.1", "port": port, "stop": stop})
    serving.start()

    def end() -> None:
        stop.set()
        serving.join(30)
        assert not serving.is_alive()

    try:
        yield f"http://127.0.0.1:{port}", end
    finally:
        end()


def _opened(url: str) -> urllib.request._UrlopenRet:
    deadline = time.monotonic() + 20
    while True:
        try:
            return urllib.request.urlopen(url, timeout=20)
        except OSError:
            if time.monotonic() > deadline:
                raise


def _heard(stream: urllib.request._UrlopenRet) -> str:
    """Return the data of the next event."""
    while True:
        line = stream.readline().decode()
        assert line, "the stream goes on"
        if line.startswith("data: "):
            return str(json.loads(line.removeprefix("data: ")))


def test_browsers_hear_of_a_change_without_a_thread_for_each_and_the_server_ends_under_them(scene: Scene) -> None:
    with ExitStack() as stack:
        address, end = stack.enter_context(_served(scene.app()))
        first = stack.enter_context(_opened(f"{address}/events"))
        assert first.headers["content-type"].startswith("text/event-stream")
        assert first.headers["cache-control"] == "no-store"
        before, threads = _heard(first), threading.active_count()
        streams = [first, *(stack.enter_context(_opened(f"{address}/events")) for _ in range(_BROWSERS))]
        assert threading.active_count() < threads + 5
        for stream in streams[1:]:
            assert _heard(stream) == before
        scene.arrive(1, minutes=0)
        assert {_heard(stream) for stream in streams} == {scene.worklist.version()}
        end()
        assert all(b"data" not in stream.read() for stream in streams)


def test_a_browser_that_hung_up_is_forgotten(scene: Scene) -> None:
    app = scene.app()
    with _served(app) as (address, _):
        stream = _opened(f"{address}/events")
        _heard(stream)
        assert app.state.news.listeners == 1
        stream.close()
        deadline = time.monotonic() + 40
        while app.state.news.listeners:
            assert time.monotonic() < deadline


def test_one_browser_too_many_is_told_to_ask_instead(scene: Scene) -> None:
    with ExitStack() as stack:
        address, _ = stack.enter_context(_served(scene.app(limits=Limits(streams_of_one=1))))
        stack.enter_context(_opened(f"{address}/events"))
        stack.enter_context(pytest.raises(urllib.request.HTTPError, match="503"))
        urllib.request.urlopen(f"{address}/events", timeout=20)


def test_streams_are_counted_in_all_and_by_address() -> None:
    async def listen() -> list[bool]:
        news = News(_List().version, limits=Limits(streams=3, streams_of_one=2), every_s=30)
        streams = [news.stream("10.0.0.1"), news.stream("10.0.0.1")]
        for stream in streams:
            await anext(stream)
        full = [news.is_full("10.0.0.1"), news.is_full("10.0.0.2")]
        streams.append(news.stream("10.0.0.2"))
        await anext(streams[-1])
        full.append(news.is_full("10.0.0.3"))
        for stream in streams:
            await cast("AsyncIteratorWithClose", stream).aclose()
        return [*full, news.is_full("10.0.0.1")]

    assert asyncio.run(listen()) == [True, False, True, False]
