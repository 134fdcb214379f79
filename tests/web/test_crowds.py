"""Nobody keeps a reader out: whatever one address does with its connections, another one's page comes soon.

The short form of `tests.breaking.crowds`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from unittest import mock

import pytest
import uvicorn

from tests.breaking.crowds import MOST_LOG, SOON_S
from tests.breaking.web_crowds import Crowd, Manner, Reader, waits_until
from tests.breaking.web_role import WebRole, web_role
from triaged.web.connections import Connection, Connections
from triaged.web.limits import Limits


@pytest.fixture(scope="module")
def role(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[WebRole]:
    """One process with 64 descriptors for all crowds; whatever they make it write, its log stays short."""
    with web_role(tmp_path_factory.mktemp("web"), migrated_sqlite, 64) as serving:
        yield serving
    assert serving.log.stat().st_size < MOST_LOG, serving.log.read_text()[-2000:]


def _expect_short_waits(role: WebRole) -> None:
    reader = Reader(role.port, "127.0.0.2")
    reader.read(seconds=2)
    assert reader.failures == []
    assert max(reader.waits_s) <= SOON_S
    assert role.descriptors() < 64


@pytest.mark.parametrize("manner", list(Manner))
def test_a_reader_beside_a_crowd_of_one_address_waits_a_short_time(manner: Manner, role: WebRole) -> None:
    with Crowd(manner, role.port, "127.0.0.9", 200).around() as crowd:
        assert waits_until(lambda: crowd.opened + crowd.refused >= 50, within_s=20)
        _expect_short_waits(role)


def test_crowds_of_many_addresses_leave_places_too(role: WebRole) -> None:
    with ExitStack() as stack:
        crowds = [Crowd(manner, role.port, f"127.0.1.{at + 1}", 20) for at, manner in enumerate(Manner)]
        for crowd in crowds:
            stack.enter_context(crowd.around())
        assert waits_until(lambda: sum(crowd.opened for crowd in crowds) >= 100, within_s=20)
        _expect_short_waits(role)


def test_a_request_that_does_not_become_whole_is_ended(role: WebRole) -> None:
    with socket.create_connection(("127.0.0.1", role.port), 5) as half:
        half.sendall(b"GET /health HTTP/1.1\r\n")
        half.settimeout(20)
        began = time.monotonic()
        with suppress(ConnectionResetError):
            assert half.recv(1) == b""
        assert 5 < time.monotonic() - began < 15


def _overdue_after(unread: list[int], limits: Limits) -> int | None:
    """Return after how many looks, one a second, a client that leaves so much of an answer unread is ended."""
    connection = _connection()
    for second, size in enumerate(unread):
        connection.transport = mock.Mock(**{"get_write_buffer_size.return_value": size})
        if connection.is_overdue(limits, float(second)):
            return second
    return None


def _connection() -> Connection:
    config = uvicorn.Config(lambda: None, log_config=None, lifespan="off")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with mock.patch("asyncio.get_event_loop") as loop:
        loop.return_value.time.return_value = 0.0
        return Connection(config, server, Connections(Limits(), lambda _: False))


@pytest.mark.parametrize(
    ("unread", "ended"),
    [
        ([500_000] * 40, 21),
        ([500_000 - 20_000 * (second // 15) for second in range(60)], None),
        ([500_000 - 100 * second for second in range(60)], 21),
        ([0] * 40, 11),
        ([500_000] * 15 + [0] * 40, 25),
    ],
    ids=[
        "reads nothing",
        "reads slowly",
        "reads a drop now and then",
        "asks nothing",
        "read at last, and asks nothing",
    ],
)
def test_who_takes_an_answer_slowly_gets_it_and_who_takes_none_is_ended(unread: list[int], ended: int | None) -> None:
    assert _overdue_after(unread, Limits()) == ended
