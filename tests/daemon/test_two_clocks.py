"""Two hosts, each with a clock: whatever one does, the other finds done."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.store.making import Studies, admit, at, instance, make_ready, study_uid
from triaged.config.settings import Config
from triaged.daemon import ticking
from triaged.daemon.rooms import Rooms, clock, open_rooms
from triaged.steps.assemble import Assembler
from triaged.store.listing.policies import Policies
from triaged.store.roles.pulses import Pulses
from triaged.study.lifecycle import State
from triaged.study.pulse import Pulse

STUDIES, ROUNDS, DEAD = 12, 4, 99


@pytest.fixture
def hosts(database_url: str, tmp_path: Path) -> Iterator[list[Rooms]]:
    """Two hosts that share a store, whose studies are complete at once and whose rules delete what they can."""
    with _two(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
def on_postgresql(postgresql_url: str, tmp_path: Path) -> Iterator[list[Rooms]]:
    """The same, where clocks take turns."""
    with _two(postgresql_url, tmp_path) as opened:
        yield opened


@contextmanager
def _two(database_url: str, tmp_path: Path) -> Iterator[list[Rooms]]:
    config = Config.model_validate(
        {
            "database": {"url": database_url},
            "storage": {"path": tmp_path / "spool", "reserve_mb": 0},
            "completion": {"settle_s": 0.01, "quiet_s": 0.01, "max_wait_s": 0.01},
            "retention": {"quarantine_days": 1},
        },
        context={"folder": tmp_path},
    )
    opened = [open_rooms(config) for _ in range(2)]
    yield opened
    for each in opened:
        each.database.close()


def _at_once(works: list[Callable[[], None]]) -> None:
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        barrier.wait(30)
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(run, work) for work in works]:
            done.result(60)


def test_every_job_at_the_same_moment_on_two_hosts_does_each_thing_once(hosts: list[Rooms]) -> None:
    studies = Studies(hosts[0].database)
    make_ready(studies, DEAD)
    assert studies.claim_next("worker-1@there/1", lease_s=0.0, now=clock()) is not None
    for number in range(STUDIES):
        admit(studies, instance(number, 1))
    names = ["clock@here/1", "clock@there/1"]
    jobs = [ticking._jobs(rooms, name, threading.Event()) for rooms, name in zip(hosts, names, strict=True)]
    for beat in range(ROUNDS):
        for name in names:
            Pulses(hosts[0].database).write(Pulse(name, "clock", f"a-{beat}"))
        for pair in zip(*jobs, strict=True):
            _at_once([job.work for job in pair])
    for number in (DEAD, *range(STUDIES)):
        events = Counter(each.event for each in studies.events(study_uid(number).value))
        assert (events["COMPLETE"], events["LEASE_EXPIRED"]) == (1, number == DEAD)
    assert studies.counts()[State.READY] == STUDIES + 1


class _Turns:
    """Two clocks that do one job at moments of the test's choosing, and which of them came to it."""

    def __init__(self, hosts: list[Rooms], what: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now = at(0)
        monkeypatch.setattr(ticking, "clock", lambda: self._now)
        names = ("here", "there")
        self._jobs = {
            name: next(job for job in ticking._jobs(rooms, f"clock@{name}/1", threading.Event()) if job.what == what)
            for name, rooms in zip(names, hosts, strict=True)
        }

    def later(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def work(self, name: str) -> None:
        self._jobs[name].work()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "every_s", "step"),
    [("completing studies", 0.5, (Assembler, "tick")), ("watching the order", 60.0, (Policies, "last_ended"))],
)
def test_of_two_clocks_one_does_it_in_each_interval_and_the_other_where_that_one_has_gone(
    on_postgresql: list[Rooms], monkeypatch: pytest.MonkeyPatch, what: str, every_s: float, step: tuple[type, str]
) -> None:
    studies = Studies(on_postgresql[0].database)
    turns, times, done = _Turns(on_postgresql, what, monkeypatch), [0], getattr(step[0], step[1])

    def counted(*given: Any, **named: Any) -> Any:
        times[0] += 1
        return done(*given, **named)

    admit(studies, instance(0, 1))
    for name in ("here", "there"):
        turns.work(name)  # what each does when it starts does not count
    monkeypatch.setattr(step[0], step[1], counted)
    found = []
    for number, names in enumerate((("here", "there"), ("there", "here"), ("there",), ("there",)), 1):
        turns.later(every_s)
        admit(studies, instance(number, 1))
        times[0] = 0
        for name in names:
            turns.work(name)
        found.append(times[0])
    assert found == [1, 1, 1, 1]


@pytest.mark.slow
def test_a_clock_that_comes_again_a_moment_too_early_keeps_its_turn(
    on_postgresql: list[Rooms], monkeypatch: pytest.MonkeyPatch
) -> None:
    studies = Studies(on_postgresql[0].database)
    turns = _Turns(on_postgresql, "completing studies", monkeypatch)
    for number, name in enumerate(("here", "there")):
        admit(studies, instance(number, 1))
        turns.work(name)
    turns.later(0.5)
    for number in (2, 3):
        admit(studies, instance(number, 1))
        turns.work("here")
        turns.later(0.49)
    assert studies.counts()[State.READY] == 4


@pytest.mark.slow
def test_while_no_study_arrives_no_clock_writes_a_turn_of_completing(
    on_postgresql: list[Rooms], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = _Turns(on_postgresql, "completing studies", monkeypatch)
    for _ in range(3):
        turns.later(0.5)
        turns.work("here")
    with on_postgresql[0].database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM procrastinate_periodic_defers")).scalar_one() == 0
