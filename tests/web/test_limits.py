"""How much one client may have: numbers that fit the process, turns that are shared, and a log that stays short."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest
from starlette.types import Message, Receive, Scope, Send

from triaged.web.fairness import Fairness
from triaged.web.limits import Limits
from triaged.web.seldom import Seldom, SeldomFilter


@pytest.mark.parametrize("descriptors", [64, 100, 256, 1024, 65_536, 2**20])
def test_the_limits_fit_the_descriptors_and_leave_places_for_others(descriptors: int) -> None:
    limits = Limits.within(descriptors)
    assert limits.connections + 4 * limits.answers + 16 <= descriptors
    assert limits.connections >= 8
    assert 2 <= limits.connections_of_one <= limits.connections // 4
    assert limits.streams <= limits.connections // 2
    assert limits.streams_of_one < limits.streams
    assert limits.answers_of_one < limits.answers


def test_an_ordinary_process_has_the_documented_limits() -> None:
    assert Limits.within(1024) == Limits()


def _scope(address: str, path: str = "/") -> Scope:
    return {"type": "http", "path": path, "client": (address, 1)}


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


class _Slow:
    """An application that answers when it is let; it notes who was begun in which order."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun.append(scope["client"][0])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await self.go.wait()
        await send({"type": "http.response.body", "body": b""})


async def _asked(fair: Fairness, scopes: Sequence[Scope], sent: list[Message]) -> list[asyncio.Task[None]]:
    async def send(message: Message) -> None:
        sent.append(message)

    tasks = [asyncio.create_task(fair(scope, _nothing, send)) for scope in scopes]
    for _ in range(20):
        await asyncio.sleep(0)
    return tasks


def test_one_address_has_only_a_part_of_the_answers_at_once() -> None:
    async def ask() -> tuple[list[str], int]:
        slow, sent = _Slow(), list[Message]()
        fair = Fairness(slow, Limits(answers=4, answers_of_one=2))
        tasks = await _asked(fair, [*[_scope("10.0.0.9")] * 10, _scope("10.0.0.1")], sent)
        begun = list(slow.begun)
        slow.go.set()
        await asyncio.gather(*tasks)
        return begun, len(slow.begun)

    assert asyncio.run(ask()) == (["10.0.0.9", "10.0.0.9", "10.0.0.1"], 11)


def test_a_page_that_listens_takes_no_turn_from_others() -> None:
    async def ask() -> list[str]:
        slow, sent = _Slow(), list[Message]()
        fair = Fairness(slow, Limits(answers=1, answers_of_one=1))
        tasks = await _asked(fair, [*[_scope("10.0.0.9", "/events")] * 3, _scope("10.0.0.9")], sent)
        begun = list(slow.begun)
        slow.go.set()
        await asyncio.gather(*tasks)
        return begun

    assert len(asyncio.run(ask())) == 4


def test_who_leaves_more_requests_than_it_may_have_connections_is_turned_away() -> None:
    async def ask() -> list[int]:
        slow, sent = _Slow(), list[Message]()
        fair = Fairness(slow, Limits(connections_of_one=3, answers_of_one=1))
        tasks = await _asked(fair, [_scope("10.0.0.9")] * 5, sent)
        slow.go.set()
        await asyncio.gather(*tasks)
        return sorted(message["status"] for message in sent if "status" in message)

    assert asyncio.run(ask()) == [200, 200, 200, 503, 503]


def test_a_line_that_others_cause_comes_a_few_times_a_minute_and_says_how_many_did_not() -> None:
    seldom = Seldom(most=2, most_keys=2)
    assert [seldom.allows("a", now) for now in (0, 1, 2, 3)] == [True, True, False, False]
    assert [seldom.allows(key, 4) for key in "bc"] == [True, False]
    assert (seldom.unsaid(), seldom.unsaid()) == (3, 0)
    assert seldom.allows("a", 60)
    assert seldom.allows("a", -3600), "the clock was set back"


def test_lines_of_a_library_are_known_by_their_text_without_values() -> None:
    said, logger = list[str](), logging.getLogger("test of seldom lines")
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.addFilter(SeldomFilter())
    logger.propagate = False
    for number in range(100):
        logger.warning("no connection can be accepted: %s", number)
    logger.warning("something else")
    assert len(said) == 6
    assert said[-1] == "something else (95 lines left out before this)"
