"""Peers that break the protocol, take all there is, or drip: the hostile half of the trial `peers`.

Each is a function that takes an address to call from, the port and a source of randomness, and returns how many
connections it made; whatever the other side does to it is what it expects. What a state is, is PS3.8 table 9-10, seen
from the acceptor. Knows neither what is promised nor how it is checked.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.wire.peers import CT_IMAGE, EXPLICIT, IMPLICIT, RawPeer, a_slice, p_data

Hostile = Callable[[str, int, random.Random], int]

VERIFICATION = "1.2.840.10008.1.1"
_LINGER_OFF = struct.pack("ii", 1, 0)
"""Closing resets the connection: the peer is gone without a word."""
PDU_TYPES = (0x00, *range(0x01, 0x09), 0x10, 0x16, 0x47, 0xFF)
"""All that there are, and some that are none: TLS and HTTP among them."""


def pdus(kind: int, randomness: random.Random) -> list[bytes]:
    """PDUs of a type: empty, short, random, one that says too little or too much of its length."""
    body = randomness.randbytes(randomness.choice((4, 20, 68, 200)))
    lengths = (0, 1, len(body), len(body) + 7, 0x7FFFFFFF, 0xFFFFFFFF)
    return [struct.pack(">BBL", kind, 0, length) + body for length in lengths]


@contextmanager
def calling(address: str, port: int) -> Iterator[socket.socket]:
    """A connection from an address; its end, however it comes, is no error."""
    peer = socket.socket()
    peer.settimeout(5)
    with contextlib.suppress(OSError), contextlib.closing(peer):
        peer.bind((address, 0))
        peer.connect(("127.0.0.1", port))
        yield peer


class Caller(RawPeer):
    """A peer that opens an association from an address of its own."""

    def __init__(
        self, address: str, port: int, *, title: str, contexts: Sequence[tuple[str, Sequence[str]]] | None = None
    ) -> None:
        self.address = address
        super().__init__(port, contexts or ((CT_IMAGE, (EXPLICIT,)),), calling=title, source=address)


def every_pdu_in_every_state(address: str, port: int, randomness: random.Random) -> int:
    """Send every type of PDU in the states that a peer can bring an acceptor to."""
    made = 0
    for kind in randomness.sample(PDU_TYPES, 4):
        pdu = randomness.choice(pdus(kind, randomness))
        for reach in STATES:
            made += 1
            with contextlib.suppress(OSError, AssertionError, IndexError), reach(address, port, randomness) as peer:
                peer.sendall(pdu)
                peer.settimeout(0.2)
                peer.recv(100)
    return made


@contextmanager
def awaiting_request(address: str, port: int, _randomness: random.Random) -> Iterator[socket.socket]:
    """Sta2: connected, no association asked for."""
    with calling(address, port) as peer:
        yield peer


@contextmanager
def idle(address: str, port: int, randomness: random.Random) -> Iterator[socket.socket]:
    """Sta6: ready for messages."""
    with Caller(address, port, title=_title(randomness)) as peer:
        yield peer.socket


@contextmanager
def within_a_message(address: str, port: int, randomness: random.Random) -> Iterator[socket.socket]:
    """Sta6: the command of an instance has come, and a part of its data set."""
    with Caller(address, port, title=_title(randomness)) as peer:
        peer.socket.sendall(peer.command() + p_data(1, b"\0" + a_slice()[:5000]))
        yield peer.socket


@contextmanager
def within_a_pdu(address: str, port: int, randomness: random.Random) -> Iterator[socket.socket]:
    """Sta6: a PDU has begun that is not whole."""
    with Caller(address, port, title=_title(randomness)) as peer:
        peer.socket.sendall(p_data(1, b"\0" + bytes(5000))[: randomness.randrange(1, 5000)])
        yield peer.socket


@contextmanager
def released(address: str, port: int, randomness: random.Random) -> Iterator[socket.socket]:
    """Sta13: the release was answered, the connection is still open."""
    with Caller(address, port, title=_title(randomness)) as peer:
        peer.socket.sendall(b"\x05\0\0\0\0\4\0\0\0\0")
        peer.read_pdu()
        yield peer.socket


@contextmanager
def aborted(address: str, port: int, randomness: random.Random) -> Iterator[socket.socket]:
    """Sta13: it has aborted, and speaks on."""
    with Caller(address, port, title=_title(randomness)) as peer:
        peer.socket.sendall(b"\x07\0\0\0\0\4\0\0\0\0")
        yield peer.socket


STATES = (awaiting_request, idle, within_a_message, within_a_pdu, released, aborted)


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
            hogs.append(Caller(address, port, title=f"HOG{number % 3}", contexts=[(VERIFICATION, [IMPLICIT])]))
    for _ in range(randomness.randrange(1, 4)):
        time.sleep(1)
        for hog in hogs:
            with contextlib.suppress(OSError, AssertionError):
                hog.socket.sendall(_echo(hog))
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


def _echo(peer: RawPeer) -> bytes:
    """The P-DATA PDU of a C-ECHO request."""
    elements = [(0x0002, VERIFICATION.encode() + b"\0"), (0x0100, b"\x30\0"), (0x0110, b"\1\0"), (0x0800, b"\1\1")]
    encoded = b"".join(struct.pack("<HHL", 0, tag, len(value)) + value for tag, value in elements)
    group = struct.pack("<HHLL", 0, 0, 4, len(encoded))
    return p_data(1, b"\3" + group + encoded)
