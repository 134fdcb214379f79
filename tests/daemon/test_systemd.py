"""systemd is told how the daemon is, through a socket like its own."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from triaged.daemon.systemd import Systemd


def test_each_message_is_as_systemd_reads_it(notified: socket.socket) -> None:
    systemd = Systemd.of_this_process()
    systemd.starting(60)
    systemd.ready()
    systemd.alive()
    systemd.status("waiting for\n worker-1")
    systemd.status("waiting for\n worker-1")
    systemd.stopping()
    assert [notified.recv(4096) for _ in range(5)] == [
        b"EXTEND_TIMEOUT_USEC=60000000",
        b"READY=1",
        b"WATCHDOG=1",
        b"STATUS=waiting for worker-1",
        b"STOPPING=1",
    ]


def test_an_abstract_address_is_reached_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0triaged-test-notify")
        listener.settimeout(5)
        Systemd("@triaged-test-notify").ready()
        assert listener.recv(100) == b"READY=1"


def test_a_manager_that_is_gone_or_was_never_there_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Systemd.of_this_process().ready()
    Systemd(str(tmp_path / "absent")).ready()
