"""Peers that take all there is: whoever sends beside them is served, and soon."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

from structlog.testing import capture_logs

from tests.wire.peers import DCMTK_ENVIRONMENT, RawPeer, a_slice, dcmtk, eventually, receiving

VERIFICATION = "1.2.840.10008.1.1"


def test_a_sender_is_served_beside_twenty_associations_that_only_echo(tmp_path: Path, sqlite_url: str) -> None:
    with receiving(tmp_path, sqlite_url) as ours:
        hogs = [RawPeer(ours.port, [(VERIFICATION, ["1.2.840.10008.1.2"])], calling=f"HOG{n}") for n in range(10)]
        hogs += [RawPeer(ours.port, calling="HOG") for n in range(10)]
        for number in range(6):
            started = time.monotonic()
            with RawPeer(ours.port, calling="CT1") as sender:
                assert sender.is_accepted
                assert sender.store(a_slice(number), sop_instance_uid=f"1.2.3.4.{number}") == 0x0000
            assert time.monotonic() - started < 5
        assert len(ours.kept()) == 6
        for hog in hogs:
            hog.socket.close()


def test_a_sender_is_served_beside_silent_connections(tmp_path: Path, sqlite_url: str) -> None:
    with receiving(tmp_path, sqlite_url) as ours, capture_logs() as logs:
        silent = [socket.create_connection(("127.0.0.1", ours.port)) for _ in range(200)]
        started = time.monotonic()
        assert dcmtk("echoscu", "127.0.0.1", ours.port).returncode == 0
        assert time.monotonic() - started < 5
        for connection in silent:
            connection.close()
    assert len(logs) < 20


def test_a_silent_connection_ends_after_its_time(tmp_path: Path, sqlite_url: str) -> None:
    with (
        receiving(tmp_path, sqlite_url, request_timeout_s=0.3) as ours,
        socket.create_connection(("127.0.0.1", ours.port), timeout=10) as silent,
    ):
        silent.sendall(b"\1\0\0\0\1\0")
        assert silent.recv(10)[:1] == b"\x07"


def test_a_drip_within_an_instance_ends(tmp_path: Path, sqlite_url: str) -> None:
    with receiving(tmp_path, sqlite_url, rate_window_s=0.5) as ours, RawPeer(ours.port) as drip:
        drip.socket.sendall(drip.command())
        drip.socket.settimeout(0.05)
        deadline = time.monotonic() + 10
        answer = b""
        while not answer and time.monotonic() < deadline:
            drip.socket.sendall(b"\4\0\0\0\0\7\0\0\0\3\1\0\0")
            try:
                answer = drip.socket.recv(10)
            except TimeoutError:
                continue
        assert answer[:1] == b"\x07"
        eventually(lambda: ours.open_associations() == 0, "the end of the association")


def test_refusals_without_end_are_a_few_lines(tmp_path: Path, sqlite_url: str) -> None:
    titles = frozenset({"CT1"})
    with receiving(tmp_path, sqlite_url, allowed_calling_ae_titles=titles) as ours, capture_logs() as logs:
        for _ in range(100):
            with RawPeer(ours.port, calling="NOBODY") as nobody:
                assert not nobody.is_accepted
    assert [line["event"] for line in logs] == ["association rejected"]


def test_the_called_title_is_checked_where_that_is_wanted(tmp_path: Path, sqlite_url: str) -> None:
    with receiving(tmp_path, sqlite_url, check_called_ae_title=True) as ours:
        with RawPeer(ours.port, called="PACS") as other:
            assert other.answer == b"\x03\0\0\0\0\4\0\1\1\7"
        with RawPeer(ours.port) as right:
            assert right.is_accepted


def test_sixty_four_descriptors_are_enough_to_serve(tmp_path: Path, sqlite_url: str) -> None:
    command = [sys.executable, "-m", "tests.wire.receiver_process", str(tmp_path), sqlite_url]
    limited = ["bash", "-c", 'ulimit -n 64; exec "$@"', "bash", *command]
    process = subprocess.Popen(limited, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        silent = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(100)]
        path = tmp_path / "slice.dcm"
        from triaged.dicom.part10 import file_meta

        meta = file_meta(
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            sop_instance_uid="1.2.3.4.1",
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            source_ae_title="X",
        )
        path.write_bytes(meta + a_slice())
        clients = [
            subprocess.Popen(["storescu", "-R", "127.0.0.1", str(port), str(path)], env=DCMTK_ENVIRONMENT)
            for _ in range(6)
        ]
        assert [client.wait(30) for client in clients] == [0] * 6
        for connection in silent:
            connection.close()
    finally:
        process.kill()
        process.communicate()
