"""Two receivers on one port, each as in a process of its own: to peers they are one, with one number of places."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.wire.peers import Ours, RawPeer, a_slice, dcmtk, eventually, receiving
from triaged.dimse.board import Board, new_board
from triaged.dimse.scp import listening_on

VERIFICATION = "1.2.840.10008.1.1"
_ECHO = [(VERIFICATION, ["1.2.840.10008.1.2"])]


@contextmanager
def two_receivers(folder: Path, url: str, **options: Any) -> Iterator[tuple[Ours, Ours]]:
    """Both listen on one socket, of which each has a descriptor, and share a board."""
    descriptor, door = new_board(), listening_on("127.0.0.1", 0)
    shared = {"listening": lambda _host, _port: door.dup(), **options}
    try:
        with (
            receiving(folder, url, board=Board(descriptor), **shared) as one,
            receiving(folder, url, board=Board(descriptor), **shared) as other,
        ):
            yield one, other
    finally:
        door.close()
        os.close(descriptor)


def _served(ours: Ours) -> int:
    assert ours.receiver is not None
    return len(ours.receiver._still_served())


def test_connections_are_shared_out_and_one_that_drains_gets_none(tmp_path: Path, sqlite_url: str) -> None:
    with two_receivers(tmp_path, sqlite_url) as (one, other):
        peers = [RawPeer(one.port) for _ in range(8)]
        assert all(peer.is_accepted for peer in peers)
        assert min(_served(one), _served(other)) >= 1, "neither had all of them"
        before, first = _served(one), one.receiver
        assert first is not None
        first.drain()
        eventually(lambda: not first._listeners, "that it accepts nobody")
        more = [RawPeer(one.port) for _ in range(4)]
        assert all(peer.is_accepted for peer in more)
        assert _served(one) <= before
        for number, peer in enumerate([*peers, *more]):
            assert peer.store(a_slice(number), sop_instance_uid=f"1.2.3.4.{number}") == 0x0000
            peer.socket.close()
        eventually(lambda: first.is_drained, "that its last association has ended")
    assert len(one.parts()) == 0


def test_a_sender_is_served_beside_idle_associations_whichever_receiver_has_them(
    tmp_path: Path, sqlite_url: str
) -> None:
    with two_receivers(tmp_path, sqlite_url, max_associations=8, max_associations_per_peer=8) as (ours, _):
        hogs = [RawPeer(ours.port, _ECHO, calling=f"HOG{number}") for number in range(6)]
        assert all(hog.is_accepted for hog in hogs), "and two are for senders that are known"
        for number in range(4):
            started = time.monotonic()
            with RawPeer(ours.port, calling="CT1") as sender:
                assert sender.is_accepted
                assert sender.store(a_slice(number), sop_instance_uid=f"1.2.3.4.{number}") == 0x0000
            assert time.monotonic() - started < 5
        assert len(ours.kept()) == 4
        for hog in hogs:
            hog.socket.close()


def test_both_together_have_no_more_associations_than_one_may_have(tmp_path: Path, sqlite_url: str) -> None:
    with two_receivers(tmp_path, sqlite_url, max_associations=4, wait_s=0.5) as (ours, _):
        peers = [RawPeer(ours.port, calling=f"CT{number}") for number in range(3)]
        for peer in peers:
            assert peer.is_accepted
            peer.socket.sendall(peer.command())
        with RawPeer(ours.port, calling="CT4") as fourth:
            assert fourth.answer == b"\x03\0\0\0\0\4\0\2\3\2", "local limit exceeded: one is for known senders"
        peers[0].socket.close()
        eventually(lambda: dcmtk("echoscu", "127.0.0.1", ours.port).returncode == 0, "a place that is free again")
        for peer in peers[1:]:
            peer.socket.close()
