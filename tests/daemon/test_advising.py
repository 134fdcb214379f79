"""The adviser and its child process: whatever becomes of the child, the adviser knows, and the first engine goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from tests.store.making import Studies, at, claimed, commit, make_ready, ranking, study_uid
from triaged.config.settings import Config
from triaged.daemon import advising
from triaged.daemon.progress import Progress
from triaged.daemon.roles import Role
from triaged.daemon.rooms import Rooms, clock, open_rooms
from triaged.daemon.supervisor import members_of
from triaged.daemon.taking_over import take_over
from triaged.errors import ModelRefused
from triaged.store.studies.second_results import SecondResults
from triaged.store.studies.seconds import Seconds
from triaged.study.second import Broken, SecondRecord, SecondState

UID = study_uid(1).value
NOT_WITHIN = "expected within 60 s"


@pytest.fixture(autouse=True)
def other_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advising, "_MODULE", "tests.daemon.second_child")


@pytest.fixture
def rooms_for(tmp_path: Path) -> Iterator[Callable[..., Rooms]]:
    """Open a store in which one study is scored and waits for a second engine of a name."""
    opened: list[Rooms] = []

    def make(*names: str, **worker: float) -> Rooms:
        config = Config.model_validate(
            {
                "models": {"second": list(names)},
                "database": {"url": f"sqlite:///{tmp_path / 'triaged.db'}"},
                "storage": {"path": tmp_path / "spool", "reserve_mb": 0},
                "worker": {"retry_wait_s": 0.001, **worker},
            },
            context={"folder": tmp_path},
        )
        rooms = open_rooms(config)
        opened.append(rooms)
        studies = Studies(rooms.database)
        make_ready(studies, 1)
        commit(studies, claimed(studies), seconds=names)
        return rooms

    yield make
    for each in opened:
        each.database.close()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, NOT_WITHIN
        time.sleep(0.02)


def _state(pid: int) -> str:
    """Return the state of a process (proc(5), field 3); empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def _record(rooms: Rooms) -> SecondRecord:
    (record,) = SecondResults(rooms.database).of_study(UID)
    return record


class Advising:
    """An adviser in a thread; `child` is the process that it started last."""

    def __init__(self, rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
        self.children: list[subprocess.Popen[bytes]] = []
        start = subprocess.Popen

        def started(*arguments: object, **named: object) -> subprocess.Popen[bytes]:
            self.children.append(start(*arguments, **named))  # type: ignore[call-overload]
            return self.children[-1]

        monkeypatch.setattr(subprocess, "Popen", started)
        monkeypatch.setattr(advising, "_demand_usable", lambda *_: None)
        self.stop = threading.Event()
        self._thread = threading.Thread(target=advising.advise, args=(rooms, "adviser", self.stop, Progress()))

    def __enter__(self) -> Advising:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def state(self) -> str:
        """Return the state of the last child."""
        return _state(self.children[-1].pid) if self.children else ""


@pytest.mark.parametrize(
    ("engine", "cause"),
    [
        ("killed", "its process was ended by SIGKILL, as where memory is short"),
        ("exits", "its process ended with 5"),
        ("breaks", "ValueError in a.py, line 7"),
    ],
)
def test_a_child_that_dies_or_breaks_counts_against_its_reading_until_that_is_given_up(
    rooms_for: Callable[..., Rooms], monkeypatch: pytest.MonkeyPatch, engine: str, cause: str
) -> None:
    rooms = rooms_for(engine)
    with Advising(rooms, monkeypatch) as advising_:
        _until(lambda: _record(rooms).state is SecondState.FAILED)
    record = _record(rooms)
    assert [each.cause for each in record.strikes] == [cause] * 3
    assert len(advising_.children) == 3
    assert Studies(rooms.database).events(UID)[-1].event == "SECOND_FAILED"


def test_what_was_unavailable_counts_against_nothing(
    rooms_for: Callable[..., Rooms], monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = rooms_for("away")
    with Advising(rooms, monkeypatch):
        _until(lambda: _record(rooms).attempts > 2)
    assert _record(rooms).strikes == ()


def test_a_child_is_stopped_while_a_study_waits_for_its_first_result_and_goes_on_afterwards(
    rooms_for: Callable[..., Rooms], monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = rooms_for("works")
    studies = Studies(rooms.database)
    with Advising(rooms, monkeypatch) as advising_:
        _until(lambda: advising_.state() == "R")
        make_ready(studies, 2)
        _until(lambda: advising_.state() == "T")
        claim = claimed(studies)
        assert claim.study_uid == study_uid(2)
        commit(studies, claim)
        _until(lambda: advising_.state() == "R")
    assert len(advising_.children) == 1


def test_a_study_that_changes_ends_the_reading_of_its_earlier_state(
    rooms_for: Callable[..., Rooms], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advising, "_STALE_WITHIN_S", 0.1)
    rooms = rooms_for("works")
    studies = Studies(rooms.database)
    with Advising(rooms, monkeypatch) as advising_:
        _until(lambda: advising_.state() == "R")
        studies.requeue(UID, ranking=ranking(3, study_uid(1)), now=at(3))
        commit(studies, claimed(studies, minutes=4), minutes=5)
        _until(lambda: advising_.children[0].poll() is not None)
    assert SecondResults(rooms.database).of_study(UID) == []


@pytest.mark.parametrize("stopped", [False, True])
def test_a_reading_that_takes_too_long_is_ended_and_pauses_do_not_count(
    rooms_for: Callable[..., Rooms], stopped: bool
) -> None:
    rooms = rooms_for("works", longest_s=10.0)
    adviser, mark = advising._adviser(rooms, "adviser"), Progress().watch("reading", 60)
    claim = adviser.claim(clock=clock)
    assert claim is not None
    reading = advising._Reading(rooms, adviser, claim, threading.Event(), mark)
    reading._looked -= 10.1
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            reading._is_stopped = stopped
            with nullcontext() if stopped else pytest.raises(advising._Ended, match="longest_s, 10 s"):
                reading._look(child)
        finally:
            child.kill()


def test_an_adviser_that_is_asked_to_end_ends_its_child_and_nothing_counts(
    rooms_for: Callable[..., Rooms], monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = rooms_for("works")
    with Advising(rooms, monkeypatch) as advising_:
        _until(lambda: advising_.state() == "R")
    assert advising_.children[0].poll() is not None
    assert (_record(rooms).state, _record(rooms).strikes) == (SecondState.WAITING, ())


def test_an_answer_may_be_larger_than_a_pipe(rooms_for: Callable[..., Rooms]) -> None:
    found = advising.run_child(rooms_for("large"), "large", None, lambda _: None)
    assert found == Broken("x" * 5_000_000)


def test_a_request_may_be_larger_than_a_pipe_and_the_child_slow_to_read_it(rooms_for: Callable[..., Rooms]) -> None:
    ends = time.monotonic() + 60

    def look(_: object) -> None:
        assert time.monotonic() < ends, NOT_WITHIN

    large: Any = "x" * 1_000_000
    assert advising.run_child(rooms_for("slow"), "slow", large, look) == Broken("came")


@pytest.mark.parametrize("stopped", [False, True])
def test_a_child_ends_with_its_parent_also_while_it_is_stopped(stopped: bool) -> None:
    code = (
        "import os, signal, subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'tests.daemon.second_child', str(os.getpid()), 'works']\n"
        "child = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)\n"
        "print(child.pid, flush=True)\n"
        "os.read(0, 1)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if stopped:
            os.kill(pid, signal.SIGSTOP)
            _until(lambda: _state(pid) == "T")
        else:
            _until(lambda: b"works" in Path(f"/proc/{pid}/cmdline").read_bytes() and _state(pid) == "R")
        parent.communicate(b"x", timeout=30) if stopped else parent.kill()
    _until(lambda: _state(pid) in ("", "Z"))


def test_an_engine_that_cannot_be_used_is_refused_before_anything_is_claimed(
    rooms_for: Callable[..., Rooms], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advising, "_MODULE", "triaged.daemon.second_reader")
    rooms = rooms_for("no-such-package")
    with pytest.raises(ModelRefused, match=r"models\.second: .*no-such-package"):
        advising.advise(rooms, "adviser", threading.Event(), Progress())
    assert _record(rooms).attempts == 0


def test_a_dead_adviser_s_claim_is_taken_back_by_its_successor(
    rooms_for: Callable[..., Rooms], monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = rooms_for("breaks")
    assert Seconds(rooms.database).claim_next("adviser@here/1", ("breaks",), lease_s=3600, now=clock()) is not None
    take_over(rooms, ["adviser@here/1"])
    with Advising(rooms, monkeypatch):
        _until(lambda: _record(rooms).state is SecondState.FAILED)
    assert [each.attempt for each in _record(rooms).strikes] == [2, 3, 4]


def test_a_daemon_has_an_adviser_where_there_are_second_engines_only() -> None:
    assert Role.ADVISER not in {role for role, _ in members_of(Config())}
    members = members_of(Config.model_validate({"models": {"second": ["threshold"]}}))
    assert members[-1] == (Role.ADVISER, "adviser")
