"""The supervisor replaces what dies, what is stopped and what hangs, and lets no role end the others.

The roles are small programs that speak as real ones do.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from triaged.daemon import member
from triaged.daemon.doors import Doors
from triaged.daemon.handover import notices
from triaged.daemon.roles import Role
from triaged.daemon.supervisor import Supervisor
from triaged.daemon.versions import version_from
from triaged.errors import ConfigError

RECEIVER, WORKER = (Role.RECEIVER, "receiver"), (Role.WORKER, "worker-1")
_BEATING = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
pipe = int(os.environ["TRIAGED_BEAT_FD"])
while True:
    os.write(pipe, {line!r})
    time.sleep(0.05)
"""
SERVES = _BEATING.format(line=b"serving\n")
HANGS = _BEATING.format(line=b"hung accepting: no progress for 61 s\n")
REFUSES = "import sys; sys.exit(2)"
BUSY = "import os\nos.write(int(os.environ['TRIAGED_BEAT_FD']), b'serving\\n')\nwhile True: pass"

SLOW_TO_START = "import time\ntime.sleep(3)" + SERVES
NEVER_SPEAKS = "import time\ntime.sleep(60)"

Start = Callable[..., Supervisor]


@pytest.fixture
def programs() -> dict[Role, str]:
    """The program of each role; a test may change it between two starts."""
    return {Role.RECEIVER: SERVES, Role.WORKER: SERVES}


@pytest.fixture
def start(programs: dict[Role, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a supervisor of a receiver and a worker that are silent for a second at most; it is stopped afterwards."""
    monkeypatch.setattr(member, "command_of", lambda role: [sys.executable, "-S", "-c", programs[role]])
    monkeypatch.setattr(member, "SILENT_S", 1.0)
    monkeypatch.setattr(member, "_SUSPECT_S", 0.3)
    monkeypatch.setattr(member, "_AT_WORK_CPU_S", 0.1)
    started: list[Supervisor] = []

    def begin(members: Sequence[tuple[Role, str]] = (RECEIVER, WORKER), **options: Any) -> Supervisor:
        started.append(Supervisor(version_from("", Path("/etc/triaged/config.yaml")), members, **options))
        started[-1].start()
        return started[-1]

    yield begin
    for each in started:
        each.stop()


def _until(supervisor: Supervisor, condition: Callable[[], object], within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        supervisor.check()
        time.sleep(0.02)


def _pid(supervisor: Supervisor, number: int) -> int:
    process = supervisor._members[number].process
    return 0 if process is None else process.pid


def test_a_role_that_dies_is_started_again_and_the_others_stay(start: Start) -> None:
    supervisor = start()
    _until(supervisor, lambda: supervisor.all_serve)
    receiver, worker = _pid(supervisor, 0), _pid(supervisor, 1)
    os.kill(worker, signal.SIGKILL)
    _until(supervisor, lambda: _pid(supervisor, 1) not in (0, worker) and supervisor.all_serve)
    assert _pid(supervisor, 0) == receiver


def test_no_two_starts_have_one_name_and_a_successor_is_told_who_ended_before_it(
    start: Start, programs: dict[Role, str], tmp_path: Path
) -> None:
    names = tmp_path / "names"
    said = f"""
import os
with open({str(names)!r}, "a") as file:
    print(os.environ["TRIAGED_ROLE_NAME"], os.environ["TRIAGED_PREDECESSORS"], file=file)
"""
    programs[Role.WORKER] = said + "raise SystemExit(7)"
    supervisor = start([WORKER], on_trial=False)
    _until(supervisor, lambda: names.exists() and len(names.read_text().splitlines()) == 2)
    programs[Role.WORKER] = said + SERVES
    _until(supervisor, lambda: supervisor.all_serve)
    os.kill(_pid(supervisor, 0), signal.SIGKILL)
    _until(supervisor, lambda: len(names.read_text().splitlines()) == 4)
    lines = [line.split(" ", 1) for line in names.read_text().splitlines()]
    first, second, third, fourth = (name for name, _ in lines)
    assert len({first, second, third, fourth}) == 4
    assert {name.partition("@")[0] for name, _ in lines} == {"worker-1"}
    assert [json.loads(before) for _, before in lines] == [[], [first], [first, second], [third]]


def test_a_role_that_is_stopped_is_replaced(start: Start) -> None:
    supervisor = start()
    _until(supervisor, lambda: supervisor.all_serve)
    receiver = _pid(supervisor, 0)
    os.kill(receiver, signal.SIGSTOP)
    _until(supervisor, lambda: _pid(supervisor, 0) not in (0, receiver) and supervisor.all_serve)
    assert not Path(f"/proc/{receiver}").exists()


def test_a_role_that_takes_long_to_start_is_not_taken_for_hung(start: Start, programs: dict[Role, str]) -> None:
    programs[Role.WORKER] = SLOW_TO_START
    supervisor = start([WORKER])
    worker = _pid(supervisor, 0)
    _until(supervisor, lambda: supervisor.all_serve)
    assert _pid(supervisor, 0) == worker


def test_a_role_that_is_stopped_while_it_starts_is_replaced(start: Start, programs: dict[Role, str]) -> None:
    programs[Role.WORKER] = NEVER_SPEAKS
    supervisor = start([WORKER])
    worker = _pid(supervisor, 0)
    os.kill(worker, signal.SIGSTOP)
    _until(supervisor, lambda: _pid(supervisor, 0) not in (0, worker))


def test_a_role_that_never_speaks_is_replaced_in_the_end(
    start: Start, programs: dict[Role, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "SILENT_AT_START_S", 2.0)
    programs[Role.WORKER] = NEVER_SPEAKS
    supervisor = start([WORKER])
    worker = _pid(supervisor, 0)
    _until(supervisor, lambda: _pid(supervisor, 0) not in (0, worker))


def test_a_role_whose_thread_hangs_is_replaced_and_it_is_said_which(
    start: Start, programs: dict[Role, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs[Role.RECEIVER] = HANGS
    supervisor = start()
    for name, value in supervisor._handover.environment.items():
        monkeypatch.setenv(name, value)
    _until(supervisor, lambda: notices())
    assert notices() == [
        "receiver was replaced 1 time in the last hour, at last because it hung (accepting: no progress for 61 s)"
    ]


def test_a_role_that_computes_without_letting_another_thread_run_is_not_taken_for_stopped(
    start: Start, programs: dict[Role, str]
) -> None:
    programs[Role.WORKER] = BUSY
    supervisor = start([WORKER])
    _until(supervisor, lambda: supervisor.all_serve)
    worker, ends = _pid(supervisor, 0), time.monotonic() + 1.5
    _until(supervisor, lambda: time.monotonic() > ends)
    assert _pid(supervisor, 0) == worker


def test_one_that_computes_in_silence_lives_and_one_that_is_stopped_does_not(
    start: Start, programs: dict[Role, str]
) -> None:
    programs[Role.WORKER] = BUSY
    supervisor = start()
    _until(supervisor, lambda: supervisor.all_serve)
    stopped = _pid(supervisor, 0)
    os.kill(stopped, signal.SIGSTOP)
    seen: set[str] = set()

    def look() -> bool:
        seen.update(name.partition("@")[0] for name in supervisor.computing_in_silence())
        return _pid(supervisor, 0) not in (0, stopped)  # it was replaced, long after it became suspect

    _until(supervisor, look)
    assert seen == {"worker-1"}


def test_no_role_is_blamed_for_the_time_in_which_the_supervisor_itself_was_stopped(start: Start) -> None:
    ahead = [0.0]
    supervisor = start(monotonic=lambda: time.monotonic() + ahead[0])
    _until(supervisor, lambda: supervisor.all_serve)
    before = [_pid(supervisor, number) for number in (0, 1)]
    for number in (0, 1):
        os.kill(before[number], signal.SIGSTOP)
    supervisor.check()
    ahead[0] = 600.0
    supervisor.check()
    for number in (0, 1):
        os.kill(before[number], signal.SIGCONT)
    ends = time.monotonic() + 0.5
    _until(supervisor, lambda: time.monotonic() > ends)
    assert [_pid(supervisor, number) for number in (0, 1)] == before


def test_a_configuration_that_never_ran_is_given_up_where_a_role_cannot_run_with_it(
    start: Start, programs: dict[Role, str]
) -> None:
    programs[Role.WORKER] = REFUSES
    supervisor = start()
    with pytest.raises(ConfigError, match="worker-1 cannot run with this configuration"):
        _until(supervisor, lambda: False)


@pytest.mark.parametrize("on_trial", [True, False])
def test_a_role_that_cannot_run_any_more_ends_no_other(
    start: Start, programs: dict[Role, str], on_trial: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = start(on_trial=on_trial)
    _until(supervisor, lambda: supervisor.all_serve)
    for name, value in supervisor._handover.environment.items():
        monkeypatch.setenv(name, value)
    receiver, worker = _pid(supervisor, 0), _pid(supervisor, 1)
    programs[Role.WORKER] = REFUSES
    os.kill(worker, signal.SIGKILL)
    _until(supervisor, lambda: any("cannot run with the configuration" in each for each in notices()))
    programs[Role.WORKER] = SERVES
    _until(supervisor, lambda: supervisor.all_serve)
    assert _pid(supervisor, 0) == receiver


def test_every_role_ends_with_its_supervisor_also_one_that_is_stopped(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triaged.daemon.supervisor._PATIENCE_S", 0.3)
    supervisor = start()
    _until(supervisor, lambda: supervisor.all_serve)
    pids = [_pid(supervisor, number) for number in (0, 1)]
    os.kill(pids[1], signal.SIGSTOP)
    supervisor.stop()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


FINISHES = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
finish = []
signal.signal(signal.SIGUSR1, lambda *_: finish.append(1))
pipe = int(os.environ["TRIAGED_BEAT_FD"])
left = 20
while left:
    os.write(pipe, b"serving\\n")
    time.sleep(0.05)
    left -= bool(finish)
"""
OTHER = version_from("workers: 1", Path("/etc/triaged/config.yaml"))


def _doors(monkeypatch: pytest.MonkeyPatch) -> Doors:
    opened = Doors()
    monkeypatch.setattr("triaged.daemon.doors.listening_on", lambda host, port: socket.create_server(("127.0.0.1", 0)))
    opened.open(OTHER.config.dicom)
    return opened


def test_another_version_starts_the_roles_anew_that_it_concerns_and_no_other(start: Start) -> None:
    supervisor = start()
    _until(supervisor, lambda: supervisor.all_serve)
    receiver, worker = _pid(supervisor, 0), _pid(supervisor, 1)
    supervisor.take(OTHER, [RECEIVER, WORKER], {Role.WORKER})
    assert not supervisor.is_tried
    _until(supervisor, lambda: supervisor.is_tried)
    assert _pid(supervisor, 0) == receiver
    assert _pid(supervisor, 1) != worker
    assert not any("replaced" in each for each in supervisor.notices)


def test_a_receiver_leaves_only_when_another_serves_and_finishes_what_it_is_at(
    start: Start, programs: dict[Role, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs[Role.RECEIVER] = FINISHES
    doors = _doors(monkeypatch)
    supervisor = start(doors=doors)
    _until(supervisor, lambda: supervisor.all_serve)
    old = supervisor._members[0].process
    assert old is not None
    supervisor.take(OTHER, [RECEIVER, WORKER], {Role.RECEIVER})
    _until(supervisor, lambda: supervisor.is_tried)
    assert old.poll() is None  # it is at its last second
    assert [each.name for each in supervisor._leaving] == ["receiver"]
    _until(supervisor, lambda: not supervisor._leaving)
    assert old.returncode == 0
    assert supervisor.waiting_for() == []
    doors.close()


def test_a_receiver_stays_where_no_other_can_run(
    start: Start, programs: dict[Role, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    doors = _doors(monkeypatch)
    supervisor = start(doors=doors)
    _until(supervisor, lambda: supervisor.all_serve)
    receiver = _pid(supervisor, 0)
    programs[Role.RECEIVER] = REFUSES
    supervisor.take(OTHER, [RECEIVER, WORKER], {Role.RECEIVER})
    with pytest.raises(ConfigError, match="cannot run with this configuration"):
        _until(supervisor, lambda: False)
    supervisor.give_back()
    supervisor.take(OTHER, [RECEIVER, WORKER], set())
    supervisor.believe()
    _until(supervisor, lambda: supervisor.all_serve)
    assert _pid(supervisor, 0) == receiver
    doors.close()


def _receivers(supervisor: Supervisor) -> list[str]:
    return [each.name for each in supervisor._members if each.role is Role.RECEIVER]


def _pids(supervisor: Supervisor) -> list[int]:
    return [_pid(supervisor, number) for number in range(len(supervisor._members))]


SEVERAL = [(Role.RECEIVER, f"receiver-{number}") for number in (1, 2, 3)]


def test_receivers_become_more_and_fewer_and_none_leaves_before_those_that_take_over_serve(
    start: Start, programs: dict[Role, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs[Role.RECEIVER] = FINISHES
    doors = _doors(monkeypatch)
    supervisor = start(doors=doors)
    for number, (members, names) in enumerate(
        [
            (SEVERAL[:2], ["receiver-1", "receiver-2"]),
            (SEVERAL, ["receiver-1.2", "receiver-2.3", "receiver-3"]),
            (SEVERAL[:1], ["receiver-1.4"]),
            ([RECEIVER], ["receiver"]),
        ],
        start=1,
    ):
        _until(supervisor, lambda: supervisor.is_tried and not supervisor._leaving)
        before = [each.process for each in supervisor._members if each.role is Role.RECEIVER and each.process]
        supervisor.take(OTHER, [*members, WORKER], {Role.RECEIVER})
        assert _receivers(supervisor) == names, number
        served: list[bool] = []

        def at_the_end(before: list[Any] = before, served: list[bool] = served) -> bool:
            new = [each for each in supervisor._members if each.role is Role.RECEIVER]
            served.append(all(each.serves for each in new) or all(each.poll() is None for each in before))
            return supervisor.is_tried and not supervisor._leaving

        _until(supervisor, at_the_end)
        assert all(served), "some receiver was there at any moment"
        assert [each.returncode for each in before] == [0] * len(before)
    assert supervisor.waiting_for() == []
    doors.close()


def test_one_of_several_receivers_that_dies_is_started_again_by_its_name_and_the_others_stay(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    doors = _doors(monkeypatch)
    supervisor = start([*SEVERAL, WORKER], doors=doors)
    _until(supervisor, lambda: supervisor.all_serve)
    before = _pids(supervisor)
    os.kill(before[1], signal.SIGKILL)
    _until(supervisor, lambda: _pid(supervisor, 1) not in (0, before[1]) and supervisor.all_serve)
    assert _receivers(supervisor) == ["receiver-1", "receiver-2", "receiver-3"]
    assert [pid for number, pid in enumerate(_pids(supervisor)) if number != 1] == [before[0], *before[2:]]
    doors.close()


@pytest.mark.parametrize("wanted", [[RECEIVER], SEVERAL[:2], SEVERAL])
def test_all_receivers_stay_where_those_that_were_to_take_over_cannot_run(
    wanted: list[tuple[Role, str]], start: Start, programs: dict[Role, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    doors = _doors(monkeypatch)
    supervisor = start([*SEVERAL[:2], WORKER], doors=doors)
    _until(supervisor, lambda: supervisor.all_serve)
    before = _pids(supervisor)
    programs[Role.RECEIVER] = REFUSES
    supervisor.take(OTHER, [*wanted, WORKER], {Role.RECEIVER})
    with pytest.raises(ConfigError, match="cannot run with this configuration"):
        _until(supervisor, lambda: False)
    programs[Role.RECEIVER] = SERVES
    supervisor.give_back()
    supervisor.take(OTHER, [*SEVERAL[:2], WORKER], {Role.RECEIVER})
    supervisor.believe()
    assert all(Path(f"/proc/{pid}").exists() for pid in before)
    _until(supervisor, lambda: supervisor.all_serve and not supervisor._leaving)
    assert len(_receivers(supervisor)) == 2
    assert {_without_successor(each) for each in _receivers(supervisor)} == {"receiver-1", "receiver-2"}
    doors.close()


def _without_successor(name: str) -> str:
    return name.partition(".")[0]


def test_an_edit_while_receivers_are_handing_over_leaves_those_that_serve_until_the_last_version_does(
    start: Start, programs: dict[Role, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    doors = _doors(monkeypatch)
    supervisor = start([*SEVERAL[:2], WORKER], doors=doors)
    _until(supervisor, lambda: supervisor.all_serve)
    before = _pids(supervisor)[:2]
    programs[Role.RECEIVER] = NEVER_SPEAKS
    supervisor.take(OTHER, [*SEVERAL, WORKER], {Role.RECEIVER})
    supervisor.check()
    programs[Role.RECEIVER] = SERVES
    supervisor.take(OTHER, [RECEIVER, WORKER], {Role.RECEIVER})
    assert all(Path(f"/proc/{pid}").exists() for pid in before)
    _until(supervisor, lambda: supervisor.all_serve and not supervisor._leaving)
    assert _receivers(supervisor) == ["receiver"]
    assert not [pid for pid in before if Path(f"/proc/{pid}").exists()]
    doors.close()


BOARD = (
    "import os\n"
    "from pathlib import Path\n"
    "with Path({path!r}).open('a') as file: file.write(os.environ['TRIAGED_ROLE_NAME'].partition('@')[0] + ' '"
    " + str('TRIAGED_BOARD_FD' in os.environ and os.fstat(int(os.environ['TRIAGED_BOARD_FD'])).st_size > 0) + '\\n')\n"
)


def test_several_receivers_get_one_board_and_one_alone_gets_none(
    start: Start, programs: dict[Role, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    programs[Role.RECEIVER] = BOARD.format(path=str(said)) + SERVES
    doors = _doors(monkeypatch)
    supervisor = start([RECEIVER], doors=doors)
    _until(supervisor, lambda: supervisor.all_serve)
    supervisor.take(OTHER, SEVERAL[:2], {Role.RECEIVER})
    _until(supervisor, lambda: supervisor.all_serve)
    assert sorted(said.read_text().splitlines()) == ["receiver False", "receiver-1 True", "receiver-2 True"]
    doors.close()


def test_workers_are_added_and_leave_with_the_study_they_are_at(start: Start, programs: dict[Role, str]) -> None:
    programs[Role.WORKER] = FINISHES
    second = (Role.WORKER, "worker-2")
    supervisor = start()
    supervisor.take(OTHER, [RECEIVER, WORKER, second], set())
    _until(supervisor, lambda: supervisor.all_serve)
    leaving = supervisor._members[2].process
    assert leaving is not None
    supervisor.take(OTHER, [RECEIVER, WORKER], set())
    assert supervisor.is_tried
    _until(supervisor, lambda: not supervisor._leaving)
    assert leaving.returncode == 0


def test_a_role_that_keeps_dying_with_another_version_is_a_problem(start: Start, programs: dict[Role, str]) -> None:
    supervisor = start()
    _until(supervisor, lambda: supervisor.all_serve)
    programs[Role.WORKER] = "import sys; sys.exit(7)"
    supervisor.take(OTHER, [RECEIVER, WORKER], {Role.WORKER})
    _until(supervisor, supervisor.problem)
    assert supervisor.problem() == "worker-1 ended 3 times"
