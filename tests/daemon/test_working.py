"""A study that takes too long goes back with that reason, and the worker ends, since no thread can be stopped."""

from __future__ import annotations

import os
import threading
import time
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.store.making import Studies, claimed, make_ready
from triaged.daemon import working
from triaged.errors import TryLater
from triaged.steps.analyse import Analyst
from triaged.store.tables.database import Database
from triaged.study.records import Claim


class _Analyst:
    """Keeps what is put back."""

    def __init__(self, error: Exception | None = None) -> None:
        self.put: list[str] = []
        self._error = error

    def count_and_put_back(self, _claim: Claim, why: str, **_others: Any) -> None:
        """Keep the reason."""
        self.put.append(why)
        if self._error is not None:
            raise self._error


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The exit codes with which the process would have ended."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    return codes


@pytest.mark.parametrize("error", [None, TryLater("the database is away")])
def test_a_study_that_takes_too_long_ends_the_worker(
    ended: list[int], database: Database, error: Exception | None
) -> None:
    analyst = _Analyst(error)
    with working._given_up_after(0.05, cast(Analyst, analyst), _claim(database)):
        deadline = time.monotonic() + 10
        while not ended and time.monotonic() < deadline:
            time.sleep(0.01)
    assert ended == [working.TOO_LONG_EXIT_CODE]
    assert analyst.put == ["took longer than worker.longest_s, 0 s"]


def test_one_that_ends_in_time_ends_nothing(ended: list[int], database: Database) -> None:
    analyst = _Analyst()
    with working._given_up_after(60, cast(Analyst, analyst), _claim(database)):
        watching = [thread for thread in threading.enumerate() if thread.name == "longest"]
    for thread in watching:
        thread.join(10)
    assert (len(watching), ended, analyst.put) == (1, [], [])


def test_a_worker_without_memory_puts_its_study_back_and_ends() -> None:
    analyst = _Analyst()
    with pytest.raises(SystemExit) as ended:
        working._put_back_and_end(cast(Analyst, analyst), cast(Claim, None), "MemoryError in series.py, line 7")
    assert (ended.value.code, analyst.put) == (working.NO_MEMORY_EXIT_CODE, ["MemoryError in series.py, line 7"])


class _Drawer:
    """Has one drawing, for which there is no memory, and keeps what is put back."""

    def __init__(self) -> None:
        self.put: list[str] = []

    def claim(self, **_others: Any) -> Any:
        """Return the drawing."""
        return SimpleNamespace(study_uid="1.2.3")

    def draw(self, _drawing: Any, **_others: Any) -> None:
        """Find no memory."""
        raise MemoryError

    def count_and_put_back(self, _drawing: Any, why: str, **_others: Any) -> None:
        """Keep the reason."""
        self.put.append(why)


def test_a_worker_without_memory_for_a_drawing_puts_it_back_and_ends() -> None:
    """It must not go on: without memory for a thread, Python waits for ever."""
    drawer = _Drawer()
    mark = SimpleNamespace(during=lambda *_: nullcontext())
    with pytest.raises(SystemExit) as ended:
        working._draw(cast(Any, drawer), threading.Event(), cast(Any, mark))
    assert ended.value.code == working.NO_MEMORY_EXIT_CODE
    assert [why.split(" ")[0] for why in drawer.put] == ["MemoryError"]


def _claim(database: Database) -> Claim:
    studies = Studies(database)
    make_ready(studies, 1)
    return claimed(studies)
