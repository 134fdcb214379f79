"""Two hosts, each with a clock: whatever one does, the other finds done."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.store.making import Studies, admit, instance, make_ready, study_uid
from triaged.config.settings import Config
from triaged.daemon import ticking
from triaged.daemon.rooms import Rooms, clock, open_rooms
from triaged.store.roles.pulses import Pulses
from triaged.study.lifecycle import State
from triaged.study.pulse import Pulse

STUDIES, ROUNDS, DEAD = 12, 4, 99


@pytest.fixture
def hosts(database_url: str, tmp_path: Path) -> Iterator[list[Rooms]]:
    """Two hosts that share a store, whose studies are complete at once and whose rules delete what they can."""
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
