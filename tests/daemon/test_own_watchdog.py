"""A role that runs alone tells systemd that it serves and gets on, and nothing of the kind while it hangs."""

from __future__ import annotations

import socket

import pytest

from triaged.daemon import own_watchdog
from triaged.daemon.own_watchdog import begin_notifying
from triaged.daemon.progress import Progress


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell a hundred times a second."""
    monkeypatch.setattr(own_watchdog, "_TELL_S", 0.01)


def _until(listener: socket.socket, wanted: bytes) -> list[bytes]:
    """Return what came before a message."""
    before: list[bytes] = []
    for _ in range(500):
        message = listener.recv(4096)
        if message.startswith(wanted):
            return before
        before.append(message)
    raise AssertionError(f"expected {wanted!r}, found {before[-5:]}")


def test_a_role_that_starts_asks_for_time_and_then_says_that_it_serves(notified: socket.socket) -> None:
    progress = Progress()
    begin_notifying(progress)
    assert b"READY=1" not in _until(notified, b"EXTEND_TIMEOUT_USEC=")
    progress.serving()
    _until(notified, b"READY=1")
    assert b"READY=1" not in _until(notified, b"WATCHDOG=1")
    _until(notified, b"STATUS=serving")


def test_a_role_that_hangs_says_why_and_is_not_called_alive(notified: socket.socket) -> None:
    now = [0.0]
    progress = Progress(lambda: now[0])
    progress.watch("looking for a study", 10.0)
    progress.serving()
    begin_notifying(progress)
    _until(notified, b"READY=1")
    now[0] = 11.0
    _until(notified, b"STATUS=hangs: looking for a study")
    notified.settimeout(0.2)
    with pytest.raises(TimeoutError):
        _until(notified, b"WATCHDOG=1")


def test_where_nobody_listens_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setattr("threading.Thread", lambda **_: pytest.fail("a thread was begun"))
    begin_notifying(Progress())
