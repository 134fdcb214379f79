"""Several hosts at one PostgreSQL and one spool: one that dies is noticed, and one that only seemed to is fenced."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.breaking.small_scans import SETTINGS, SmallStudy, small_study
from tests.programs import Daemon, new_daemon, until
from triaged.daemon.naming import HOST_VARIABLE
from triaged.study.process import host_of

WITHIN_S = 120.0
"""Far less than the lease of a worker, which is 300 s."""


class Cluster:
    """Hosts that share a database and a spool."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.hosts: dict[str, Daemon] = {}

    def host(self, name: str, **settings: Any) -> Daemon:
        """Return a host that has not been started, which others see under this name."""
        shared = {"database": {"url": self.url}, "storage": {"path": str(self.folder / "spool"), "reserve_mb": 10}}
        self.hosts[name] = new_daemon(self.folder / name, **SETTINGS, **(shared | settings))
        self.hosts[name].environment[HOST_VARIABLE] = name
        return self.hosts[name]

    def role(self, host: str, role: str, **settings: Any) -> Daemon:
        """Start a host that is one role alone, without a supervisor."""
        alone = self.host(host, **settings)
        alone.launch("--role", role)
        return alone

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what is in the database."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()

    def held(self) -> dict[str, str]:
        """Return who analyses which study."""
        return dict(self.rows("SELECT study_uid, worker FROM study WHERE state = 'ANALYSING'"))

    def states(self) -> set[str]:
        """Return the states in which studies are."""
        return {state for (state,) in self.rows("SELECT state FROM study")}

    def end(self) -> None:
        """Stop every host that runs."""
        for daemon in self.hosts.values():
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.process.send_signal(signal.SIGCONT)
                daemon.stop()


@pytest.fixture
def cluster(postgresql_url: str, tmp_path: Path) -> Iterator[Cluster]:
    """Hosts that are stopped afterwards."""
    hosts = Cluster(postgresql_url, tmp_path)
    yield hosts
    hosts.end()


def _send(to: Daemon, *studies: SmallStudy) -> None:
    for study in studies:
        to.send(*(each.path for each in study.instances))


def _serves(daemon: Daemon, event: str = "all roles serve") -> None:
    until(lambda: event in daemon.log.read_text(), within_s=90, what=f"{event}\n{daemon.tail()}")


def test_what_a_host_held_that_is_killed_as_a_whole_is_scored_by_another_long_before_its_lease_ends(
    cluster: Cluster, tmp_path: Path
) -> None:
    hosts = {name: cluster.host(name) for name in ("a", "b")}
    for daemon in hosts.values():
        daemon.start()
        _serves(daemon)
    numbers = iter(range(1, 100))
    while True:
        _send(hosts["a"], *(small_study(next(numbers), tmp_path / "studies") for _ in range(2)))
        held = _until_held(cluster)
        dead = host_of(next(iter(held.values())))
        hosts[dead].kill()
        orphans = {uid for uid, worker in cluster.held().items() if host_of(worker) == dead}
        if orphans:
            break
        hosts[dead].start()  # it had just committed: once more
    (other,) = (daemon for name, daemon in hosts.items() if name != dead)
    until(lambda: cluster.states() == {"TRIAGED"}, within_s=WITHIN_S, what=f"all are scored\n{other.tail()}")
    assert "taken over from a process that is gone" in other.log.read_text()
    strikes = {text for (text,) in cluster.rows("SELECT strikes FROM study")}
    assert strikes == {"[]"}
    assert other.stop() == 0


def _until_held(cluster: Cluster) -> dict[str, str]:
    deadline = time.monotonic() + 60
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            if found := connection.execute("SELECT study_uid, worker FROM study WHERE state = 'ANALYSING'").fetchall():
                return dict(found)
    raise AssertionError("no study was analysed")


def test_a_worker_that_was_paused_wakes_after_its_study_was_taken_over_and_changes_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    receiver, clock, first = (cluster.role(*each) for each in (("r", "receiver"), ("c", "clock"), ("first", "worker")))
    for daemon, event in ((receiver, "receiving"), (clock, "ticking"), (first, "working")):
        _serves(daemon, event)
    assert first.process is not None
    _send(receiver, small_study(1, tmp_path / "studies"))
    _until_held(cluster)
    os.kill(first.process.pid, signal.SIGSTOP)
    assert list(cluster.held().values()), "expected it to be stopped with its study"
    second = cluster.role("second", "worker")
    until(lambda: cluster.states() == {"TRIAGED"}, within_s=WITHIN_S, what=f"scored by another\n{second.tail()}")
    before = _of_the_study(cluster)
    os.kill(first.process.pid, signal.SIGCONT)
    until(lambda: "result dropped, the study changed" in first.log.read_text(), within_s=60, what=first.tail())
    assert _of_the_study(cluster) == before
    (worker,) = cluster.rows("SELECT worker FROM result")
    assert host_of(worker[0]) == "second"
    events = [event for (event,) in cluster.rows("SELECT event FROM event ORDER BY id")]
    assert [events.count(each) for each in ("CLAIMED", "LEASE_EXPIRED", "ASSESSED")] == [2, 1, 1]


def test_a_host_whose_spool_is_missing_claims_nothing_and_goes_on_when_it_is_there(
    cluster: Cluster, tmp_path: Path
) -> None:
    receiver, clock = cluster.role("r", "receiver"), cluster.role("c", "clock")
    for daemon, event in ((receiver, "receiving"), (clock, "ticking")):
        _serves(daemon, event)
    mount = tmp_path / "mount"
    worker = cluster.role("w", "worker", storage={"path": str(mount), "reserve_mb": 10})
    _serves(worker, "working")
    _send(receiver, small_study(1, tmp_path / "studies"))
    why = f"at {mount}, found no folder: is it mounted?"
    until(lambda: why in worker.log.read_text(), within_s=60, what=worker.tail())

    def said() -> str:
        return "".join(text for (text,) in cluster.rows("SELECT hung FROM pulse WHERE name LIKE 'worker@w/%'"))

    until(lambda: said().endswith(why), within_s=30, what="its pulse says so")
    until(lambda: cluster.states() == {"READY"}, within_s=60, what="the study is complete")
    until(lambda: worker.log.read_text().count("store or spool away") > 1, within_s=60, what=worker.tail())
    assert cluster.rows("SELECT event FROM event WHERE event = 'CLAIMED'") == []
    mount.symlink_to(tmp_path / "spool")
    until(lambda: cluster.states() == {"TRIAGED"}, within_s=60, what=worker.tail())
    until(lambda: said() == "", within_s=30, what="its pulse says nothing more")


def _of_the_study(cluster: Cluster) -> list[list[tuple[Any, ...]]]:
    tables = ("study", "result", "measurement", "derived", "outbox", "event", "drawing")
    return [cluster.rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables]
