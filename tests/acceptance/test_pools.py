"""Pools of workers in a whole daemon: each takes what it is for, and an edit changes them while it runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.breaking.small_scans import SETTINGS, small_study
from tests.programs import Daemon, until

CT = {"name": "volumes", "number": 2, "device": "cpu", "threads": 1, "memory_mb": 4096, "modalities": ["CT"]}
XRAYS = {"name": "films", "memory_mb": 4096, "modalities": ["X-ray"]}


def _working(daemon: Daemon) -> set[str]:
    """Return the workers that get on, as their pulses name them, without their host."""
    with closing(sqlite3.connect(daemon.folder / "var" / "triaged.db")) as connection:
        rows = connection.execute("SELECT name FROM pulse WHERE role = 'worker' AND hung = ''").fetchall()
    return {name.partition("@")[0] for (name,) in rows}


def _who_scored(daemon: Daemon) -> list[Any]:
    with closing(sqlite3.connect(daemon.folder / "var" / "triaged.db")) as connection:
        rows = connection.execute("SELECT worker FROM result ORDER BY id").fetchall()
    return [name.partition("@")[0] for (name,) in rows]


def test_studies_go_to_the_pool_that_is_for_them_and_an_edit_changes_the_pools(
    make_daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = make_daemon(**SETTINGS, workers=[CT, XRAYS])
    daemon.start()
    pools = {"worker-volumes-1", "worker-volumes-2", "worker-films-1"}
    until(lambda: _working(daemon) == pools, within_s=90, what=f"three workers\n{daemon.tail()}")
    for number in (1, 2):
        daemon.send(*(each.path for each in small_study(number, tmp_path / "studies").instances))
    daemon.settled(studies=2, within_s=120)
    assert set(_who_scored(daemon)) <= {"worker-volumes-1", "worker-volumes-2"}

    daemon.reconfigure({"workers": [CT | {"number": 1}, XRAYS | {"modalities": []}]})
    fewer = {"worker-volumes-1", "worker-films-1"}
    until(lambda: _working(daemon) == fewer, within_s=120, what=f"two workers\n{daemon.tail()}")
    until(lambda: "workers[films].modalities: X-ray → none" in daemon.log.read_text(), within_s=60, what=daemon.tail())
    assert daemon.stop() == 0
