"""Peers that break the protocol, take all there is, or drip: the hostile half of the trial `peers`.

Each is a function that takes an address to call from, the port and a source of randomness, and returns how many
connections it made; whatever the other side does to it is what it expects. Knows neither what is promised nor how it
is checked.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable

from tests.breaking.protocol_states import PDUS, STATES, Caller, echo_request, spoiled
from tests.wire.peers import a_slice, p_data

Hostile = Callable[[str, int, random.Random], int]

_LINGER_OFF = struct.pack("ii", 1, 0)
"""Closing resets the connection: the peer is gone without a word."""


def every_pdu_in_every_state(address: str, port: int, randomness: random.Random) -> int:
    """Send PDUs of some types, whole and spoiled, in every state that a peer can bring an acceptor to."""
    made = 0
    for pdu in randomness.sample(PDUS, 4):
        content = randomness.choice((pdu.content, *spoiled(pdu, randomness)))
        for state in STATES:
            made += 1
            with (
                contextlib.suppress(OSError, AssertionError, IndexError),
                state.reach(address, port, _title(randomness)) as peer,
            ):
                peer.sendall(content)
                peer.settimeout(0.2)
                peer.recv(100)
    return made


def flood_of_connections(address: str, port: int, randomness: random.Random) -> int:
    """Two hundred connections at once that say nothing; some are reset, some are closed, some begin a PDU."""
    peers = []
    for _ in range(200):
        peer = socket.socket()
        peer.settimeout(2)
        peers.append(peer)
        with contextlib.suppress(OSError):
            peer.bind((address, 0))
            peer.connect(("127.0.0.1", port))
            peer.sendall(randomness.choice((b"", b"", b"\1", b"\1\0\0\0\1\0", b"\x16\x03\x01\x02\0\x01")))
    time.sleep(1)
    for peer in peers:
        if randomness.random() < 0.5:
            with contextlib.suppress(OSError):
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
        peer.close()
    return len(peers)


def hogs_that_echo(address: str, port: int, randomness: random.Random) -> int:
    """As many associations as there may be, which are there and echo."""
    hogs = []
    for number in range(20):
        with contextlib.suppress(OSError):
            hogs.append(Caller(address, port, title=f"HOG{number % 3}"))
    for _ in range(randomness.randrange(1, 4)):
        time.sleep(1)
        for hog in hogs:
            with contextlib.suppress(OSError, AssertionError):
                hog.socket.sendall(echo_request())
    for hog in hogs:
        hog.socket.close()
    return len(hogs)


def drips(address: str, port: int, randomness: random.Random) -> int:
    """Twelve associations that send an instance byte by byte, each in a PDU of its own."""
    dripping = []
    for _ in range(12):
        with contextlib.suppress(OSError, AssertionError):
            peer = Caller(address, port, title=_title(randomness))
            peer.socket.sendall(peer.command())
            dripping.append(peer)
    for _ in range(8):
        time.sleep(0.5)
        for peer in dripping:
            with contextlib.suppress(OSError):
                peer.socket.sendall(p_data(1, b"\0" + b"\x08"))
    for peer in dripping:
        peer.socket.close()
    return len(dripping)


def long_headers(address: str, port: int, randomness: random.Random) -> int:
    """Five senders whose header does not end, and which then stand still."""
    private = b"\x29\x00\x10\x10UN\0\0\0\0\0\x40" + bytes(100_000)
    peers = []
    for _ in range(5):
        with contextlib.suppress(OSError, AssertionError):
            peer = Caller(address, port, title=_title(randomness))
            peer.socket.sendall(peer.command() + p_data(1, b"\0" + a_slice(pixels=b"")[:-12] + private))
            for _ in range(40):
                peer.socket.sendall(p_data(1, b"\0" + bytes(100_000)))
            peers.append(peer)
    time.sleep(2)
    for peer in peers:
        peer.socket.close()
    return len(peers)


def requests_without_end(address: str, port: int, randomness: random.Random) -> int:
    """Associations that are opened and given up at once, under ever other titles."""
    made = 0
    for _ in range(60):
        made += 1
        with contextlib.suppress(OSError, AssertionError):
            peer = Caller(address, port, title=_title(randomness))
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
            peer.socket.close()
    return made


HOSTILES: tuple[Hostile, ...] = (
    every_pdu_in_every_state,
    flood_of_connections,
    hogs_that_echo,
    drips,
    long_headers,
    requests_without_end,
)


def _title(randomness: random.Random) -> str:
    return f"X{randomness.randrange(10**9)}"
