"""What a receiver does now and then is done whatever the time of day is set to."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.store.making import at
from triaged.config.settings import Config
from triaged.daemon import receiving
from triaged.daemon.every import Every
from triaged.daemon.progress import Progress
from triaged.daemon.rooms import Rooms
from triaged.dimse.scp import Receiver

ROUNDS = 25


class _Time:
    """Ten minutes pass with each round; the time of day goes back by an hour each."""

    def __init__(self) -> None:
        self.rounds = 0

    def clock(self) -> datetime:
        return at(0) - timedelta(hours=self.rounds)

    def monotonic(self) -> float:
        return 600.0 * self.rounds

    def wait(self, _seconds: float) -> bool:
        self.rounds += 1
        return self.rounds > ROUNDS


def test_a_clock_that_is_set_back_keeps_a_receiver_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time, done = _Time(), list[str]()
    config = Config.model_validate({"dicom": {"receivers": 2}, "storage": {"path": tmp_path}})
    rooms = cast(Rooms, SimpleNamespace(config=config, spool=SimpleNamespace(check_present=lambda: None)))
    receiver: Any = SimpleNamespace(is_drained=False, know=lambda _: done.append("met"))
    monkeypatch.setattr(receiving, "clock", time.clock)
    monkeypatch.setattr(receiving, "give_memory_back", lambda: done.append("given back"))
    monkeypatch.setattr(receiving, "_known_senders", lambda _: frozenset())
    monkeypatch.setattr(receiving, "warn_of_certificates", lambda *_, **__: done.append("warned"))
    stop = cast(threading.Event, time)
    receiving._wait(rooms, cast(Receiver, receiver), stop, Progress(), time.monotonic)
    assert {what: done.count(what) for what in ("given back", "met", "warned")} == {
        "given back": ROUNDS,
        "met": ROUNDS,
        "warned": 1,  # in the beginning; a day has not passed
    }


def test_what_is_due_every_so_often_is_due_once_in_that_time() -> None:
    now = [0.0]
    each = Every(10.0, lambda: now[0])
    found = []
    for now[0] in (0.0, 9.9, 10.0, 10.1, 19.9, 25.0, 34.9, 35.0):
        found.append(each.is_due())
    assert found == [False, False, True, False, False, True, False, True]
