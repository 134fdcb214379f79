"""A role whose supervisor is gone ends, also where no signal wakes its main thread."""

from __future__ import annotations

import os
import threading

import pytest

from triaged.daemon import roles


def test_a_role_without_its_supervisor_stops_even_where_the_signal_wakes_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop, signalled = threading.Event(), threading.Event()
    monkeypatch.setenv(roles.SUPERVISOR_VARIABLE, str(os.getpid()))  # not the parent of this process
    monkeypatch.setattr("triaged.daemon.roles.os.kill", lambda pid, number: signalled.set())
    roles._follow_supervisor(stop)
    assert stop.wait(20)
    assert signalled.wait(20)
