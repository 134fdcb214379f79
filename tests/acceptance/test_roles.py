"""A whole daemon whose roles are stopped, and whose configuration is spoiled while it runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from tests.programs import Daemon, until

MakeDaemon = Callable[..., Daemon]
ROLES = ("receiver", "worker", "clock", "courier", "web")


def _pids(daemon: Daemon) -> list[int]:
    """Return the process of each role; none where one is missing at this moment."""
    try:
        return [daemon.role_pid(role) for role in ROLES]
    except (AssertionError, FileNotFoundError):
        return []


def _all_serve(daemon: Daemon, times: int = 1) -> None:
    until(lambda: daemon.log.read_text().count("all roles serve") == times, within_s=40, what="all roles serve")


def test_roles_that_are_stopped_are_replaced(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    daemon.start()
    _all_serve(daemon)
    stopped = _pids(daemon)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    until(lambda: (now := _pids(daemon)) and not set(now) & set(stopped), within_s=25, what="five other processes")
    until(daemon.answers, within_s=30, what="everything answers again")
    assert daemon.stop() == 0


def test_a_spoiled_configuration_ends_no_role_that_runs_and_no_restart(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    daemon.start()
    _all_serve(daemon)
    before = _pids(daemon)
    daemon.config.write_text("dicom:\n\tport: 104\n")
    os.kill(before[1], signal.SIGKILL)
    until(lambda: _pids(daemon) and _pids(daemon)[1] != before[1], within_s=20, what="another worker")
    assert _pids(daemon)[0] == before[0]
    until(lambda: daemon.log.read_text().count("working") == 2, within_s=20, what="it works")
    assert daemon.stop() == 0

    daemon.start()
    _all_serve(daemon, times=2)
    assert "configuration rejected, running with the last good one" in daemon.log.read_text()
    assert "config.yaml:2: expected YAML" in daemon.log.read_text()
    assert daemon.stop() == 0
