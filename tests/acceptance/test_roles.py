"""A whole daemon whose roles are stopped, and whose configuration is spoiled while it runs."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable

from tests.programs import Daemon, until

MakeDaemon = Callable[..., Daemon]
ROLES = ("receiver", "worker", "clock", "courier", "web")


def _pids(daemon: Daemon) -> list[int]:
    """Return the process of each role; none where one is missing at this moment."""
    found = {role: pid for pid, role in daemon.role_pids().items()}
    return [found[role] for role in ROLES] if set(ROLES) <= set(found) else []


def _health(daemon: Daemon) -> tuple[str, list[str]]:
    """Return what `/health` says, also while it is failing: status and warnings."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{daemon.web_port}/health", timeout=5) as response:
            said = json.load(response)
    except urllib.error.HTTPError as failing:
        with failing:
            said = json.load(failing)
    except OSError:
        return "no answer", []
    return said["status"], said["warnings"]


def _all_serve(daemon: Daemon, times: int = 1) -> None:
    until(lambda: daemon.log.read_text().count("all roles serve") == times, within_s=40, what="all roles serve")


def test_roles_that_are_stopped_are_replaced(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    daemon.start()
    _all_serve(daemon)
    until(lambda: _health(daemon)[0] == "ok", within_s=20, what="health says so")
    stopped = _pids(daemon)
    for pid in stopped[:-1]:
        os.kill(pid, signal.SIGSTOP)
    until(lambda: _health(daemon)[0] == "failing", within_s=15, what="health says so")
    os.kill(stopped[-1], signal.SIGSTOP)
    until(lambda: (now := _pids(daemon)) and not set(now) & set(stopped), within_s=25, what="five other processes")
    until(lambda: _health(daemon)[0] == "ok", within_s=40, what="everything is well again")
    assert len([each for each in _health(daemon)[1] if "was replaced 1 time" in each]) == len(ROLES)
    assert daemon.stop() == 0


def test_a_spoiled_configuration_ends_no_role_that_runs_and_no_restart(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    daemon.start()
    _all_serve(daemon)
    before = _pids(daemon)
    daemon.config.write_text("dicom:\n\tport: 104\n")
    os.kill(before[1], signal.SIGKILL)
    until(lambda: before[1] not in (_pids(daemon) or before), within_s=20, what="another worker")
    assert _pids(daemon)[0] == before[0]
    until(lambda: daemon.log.read_text().count("working") == 2, within_s=20, what="it works")
    assert daemon.stop() == 0

    daemon.start()
    _all_serve(daemon, times=2)
    assert "configuration rejected, running with the last good one" in daemon.log.read_text()
    assert "config.yaml:2: expected YAML" in daemon.log.read_text()
    assert daemon.stop() == 0
