"""A connection before a peer that is slow: what it has to do to be waited for, by TCP."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from triaged.dimse.link import Dismissed, Link, Patience, PeerGone
from triaged.dimse.stream import Stream

pytestmark = pytest.mark.slow  # it waits for peers


@contextmanager
def linked(patience: Patience) -> Iterator[tuple[Link, socket.socket]]:
    """A link and the socket at its other end."""
    awake, wake = os.pipe()
    ours, theirs = socket.socketpair()
    link = Link(Stream(ours, turn_s=0.05), wake=awake, patience=patience)
    try:
        yield link, theirs
    finally:
        theirs.close()
        ours.close()
        os.close(awake)
        os.close(wake)


@contextmanager
def dripping(peer: socket.socket, piece: bytes, every_s: float) -> Iterator[None]:
    """Somebody who sends a little again and again."""
    over = threading.Event()

    def drip() -> None:
        while not over.wait(every_s):
            try:
                peer.sendall(piece)
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_drip_ends_within_one_pdu_and_over_many() -> None:
    patience = Patience(stall_s=10, least_bytes_per_s=1000, window_s=0.5)
    with linked(patience) as (link, peer), dripping(peer, b"x", 0.05), pytest.raises(PeerGone, match="too slow"):
        link.read(100_000)
    header = b"\4\0\0\0\0\0"
    with linked(patience) as (link, peer), dripping(peer, header, 0.05), pytest.raises(PeerGone, match="too slow"):
        [link.read_pdu_header() for _ in range(1000)]


def test_what_comes_slowly_but_fast_enough_is_waited_for() -> None:
    patience = Patience(stall_s=10, least_bytes_per_s=1000, window_s=0.2)
    with linked(patience) as (link, peer), dripping(peer, b"x" * 1000, 0.05):
        assert len(link.read(20_000)) == 20_000


def test_silence_within_a_message_ends_and_only_our_waiting_counts() -> None:
    with linked(Patience(stall_s=0.2, least_bytes_per_s=0)) as (link, peer):
        peer.sendall(b"x" * 10)
        time.sleep(0.4)  # we are busy: nothing of that is the peer's
        assert link.read(10) == b"x" * 10
        with pytest.raises(PeerGone, match="nothing moved"):
            link.read(10)


def test_a_peer_that_reads_too_slowly_ends_too() -> None:
    with linked(Patience(stall_s=10, least_bytes_per_s=10_000_000, window_s=0.3)) as (link, peer):
        peer.settimeout(5)
        over = threading.Event()

        def sip() -> None:
            while not over.wait(0.05):
                peer.recv(100)

        sipping = threading.Thread(target=sip)
        sipping.start()
        with pytest.raises(PeerGone, match="too slow"):
            link.write(bytes(50_000_000))
        over.set()
        sipping.join()


def test_a_request_has_to_be_whole_in_time() -> None:
    with linked(Patience(least_bytes_per_s=0)) as (link, peer), dripping(peer, b"x", 0.05):
        link.expect_within(0.3)
        with pytest.raises(PeerGone, match="not whole in time"):
            link.read(1000)


def test_who_is_dismissed_finds_out_at_once_and_can_still_say_goodbye() -> None:
    with linked(Patience()) as (link, peer):
        threading.Timer(0.1, link.dismiss, ["made room"]).start()
        with pytest.raises(Dismissed, match="made room"):
            link.wait(20)
        link.write(b"goodbye")
        assert peer.recv(10) == b"goodbye"
        with pytest.raises(Dismissed):
            link.read(10)


def test_a_drip_does_not_hold_the_end() -> None:
    with linked(Patience()) as (link, peer), dripping(peer, b"x", 0.05):
        started = time.monotonic()
        link.finish(0.3)
        assert time.monotonic() - started < 2
