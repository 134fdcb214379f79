"""Every PDU in every state of an acceptor that its peer can bring about, and what has to come back (PS3.8 table 9-10).

Each state is reached by a connection of its own; then one PDU is sent, whole or spoiled, and the first thing that comes
back is heard. Knows neither our receiver nor how it is tried.
"""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import Enum

from tests.wire.peers import CT_IMAGE, EXPLICIT, IMPLICIT, RawPeer, a_slice, association_request, p_data

VERIFICATION = "1.2.840.10008.1.1"
CONTEXTS = ((CT_IMAGE, (EXPLICIT,)), (VERIFICATION, (IMPLICIT,)))
"""What each association proposes, as contexts 1 and 3."""
LONGEST_ANSWER_S = 5.0
_PROTOCOL_VERSION_AT = 6


class Heard(Enum):
    """What comes first after a PDU: another PDU, by its type, or the end of the connection."""

    ASSOCIATE_AC = 0x02
    ASSOCIATE_RJ = 0x03
    P_DATA = 0x04
    RELEASE_RP = 0x06
    ABORT = 0x07
    END = -1
    NOTHING = -2
    """Neither, within the time that an answer may take."""


@dataclass(frozen=True, slots=True)
class Pdu:
    """A PDU as PS3.8 section 9.3 describes it, or of a type that there is not."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class State:
    """A state of the acceptor, how to bring it there, and what each whole PDU is answered with there."""

    name: str
    reach: Callable[[str, int, str], AbstractContextManager[socket.socket]]
    """Connects from an address to a port under a calling AE title."""
    answers: Mapping[str, frozenset[Heard]]
    otherwise: frozenset[Heard]

    def may_hear(self, pdu: Pdu) -> frozenset[Heard]:
        """Return what may come back for a PDU that is whole."""
        return self.answers.get(pdu.name, self.otherwise)


class Caller(RawPeer):
    """A peer that opens an association from an address of its own."""

    def __init__(self, address: str, port: int, *, title: str) -> None:
        super().__init__(port, CONTEXTS, calling=title, source=address)


def echo_request(context_id: int = 3) -> bytes:
    """The P-DATA PDU of a C-ECHO request."""
    elements = [(0x0002, VERIFICATION.encode() + b"\0"), (0x0100, b"\x30\0"), (0x0110, b"\1\0"), (0x0800, b"\1\1")]
    encoded = b"".join(struct.pack("<HHL", 0, tag, len(value)) + value for tag, value in elements)
    group = struct.pack("<HHLL", 0, 0, 4, len(encoded))
    return p_data(context_id, b"\3" + group + encoded)


_REQUEST = association_request(CONTEXTS, "STATES", "TRIAGED")
_ABORT = Pdu("A-ABORT", b"\7\0\0\0\0\4\0\0\0\0")
_RELEASE = Pdu("A-RELEASE-RQ", b"\5\0\0\0\0\4\0\0\0\0")
_UNKNOWN = tuple(
    Pdu(f"PDU of type {kind:02X}H", bytes((kind, 0)) + struct.pack(">L", 4) + bytes(4))
    for kind in (0x00, 0x08, 0x10, 0x16, 0x47, 0xFF)  # 16H begins TLS, 47H a request of HTTP
)
PDUS = (
    Pdu("A-ASSOCIATE-RQ", _REQUEST),
    Pdu("A-ASSOCIATE-AC", b"\2" + _REQUEST[1:]),
    Pdu("A-ASSOCIATE-RJ", b"\3\0\0\0\0\4\0\1\1\1"),
    Pdu("P-DATA-TF", echo_request()),
    _RELEASE,
    Pdu("A-RELEASE-RP", b"\6\0\0\0\0\4\0\0\0\0"),
    _ABORT,
    *_UNKNOWN,
)


def spoiled(pdu: Pdu, randomness: random.Random) -> list[bytes]:
    """Return the PDU cut short, with a length that is not its own, and with a body of chance."""
    kind, body = pdu.content[0], pdu.content[6:]
    lengths = (0, 1, max(len(body) - 1, 0), len(body) + 7, 0x7FFFFFFF, 0xFFFFFFFF)
    cut = pdu.content[: randomness.randrange(1, len(pdu.content))]
    by_chance = randomness.randbytes(randomness.choice((4, 20, 68, 200)))
    return [
        cut,
        *(struct.pack(">BBL", kind, 0, length) + body for length in lengths),
        struct.pack(">BBL", kind, 0, len(by_chance)) + by_chance,
    ]


def heard_after(peer: socket.socket, content: bytes, *, is_last: bool) -> Heard:
    """Send bytes, hang up one's own side where they are the last, and return what comes first, within 5 s."""
    peer.settimeout(LONGEST_ANSWER_S)
    try:
        peer.sendall(content)
        if is_last:
            peer.shutdown(socket.SHUT_WR)
        first = peer.recv(1)
    except TimeoutError:
        return Heard.NOTHING
    except OSError:  # it has closed, or reset what nobody reads any more
        return Heard.END
    return Heard(first[0]) if first else Heard.END


@contextmanager
def _awaiting_request(address: str, port: int, _title: str) -> Iterator[socket.socket]:
    with socket.socket() as peer:
        peer.settimeout(LONGEST_ANSWER_S)
        peer.bind((address, 0))
        peer.connect(("127.0.0.1", port))
        yield peer


@contextmanager
def _ready(address: str, port: int, title: str) -> Iterator[socket.socket]:
    with Caller(address, port, title=title) as peer:
        assert peer.is_accepted, f"expected an association, found {peer.answer[:10]!r}"
        yield peer.socket


@contextmanager
def _within_a_message(address: str, port: int, title: str) -> Iterator[socket.socket]:
    with Caller(address, port, title=title) as peer:
        peer.socket.sendall(peer.command() + p_data(1, b"\0" + a_slice()[:5000]))
        yield peer.socket


@contextmanager
def _rejected(address: str, port: int, title: str) -> Iterator[socket.socket]:
    with _awaiting_request(address, port, title) as peer:
        at = _PROTOCOL_VERSION_AT
        peer.sendall(_REQUEST[:at] + b"\0\0" + _REQUEST[at + 2 :])
        assert peer.recv(100)[:1] == b"\3", "expected a rejection of protocol version 0"
        yield peer


@contextmanager
def _after(content: bytes, answer: bytes, address: str, port: int, title: str) -> Iterator[socket.socket]:
    with _ready(address, port, title) as peer:
        peer.sendall(content)
        if answer:
            assert peer.recv(10)[:1] == answer
        yield peer


def _released(address: str, port: int, title: str) -> AbstractContextManager[socket.socket]:
    return _after(_RELEASE.content, b"\6", address, port, title)


def _aborted_by_us(address: str, port: int, title: str) -> AbstractContextManager[socket.socket]:
    return _after(_UNKNOWN[0].content, b"\7", address, port, title)


def _aborted_by_peer(address: str, port: int, title: str) -> AbstractContextManager[socket.socket]:
    return _after(_ABORT.content, b"", address, port, title)


_ABORTED, _ENDED = frozenset({Heard.ABORT}), frozenset({Heard.END})
_OVER = _ABORTED | _ENDED
"""In Sta13 most PDUs are ignored (AA-6), some answered with A-ABORT again (AA-7)."""
STATES = (
    State(
        "Sta2, awaiting A-ASSOCIATE-RQ",
        _awaiting_request,
        {"A-ASSOCIATE-RQ": frozenset({Heard.ASSOCIATE_AC}), "A-ABORT": _ENDED},
        _ABORTED,
    ),
    State(
        "Sta6, ready",
        _ready,
        {"P-DATA-TF": frozenset({Heard.P_DATA}), "A-RELEASE-RQ": frozenset({Heard.RELEASE_RP}), "A-ABORT": _ENDED},
        _ABORTED,
    ),
    State("Sta6, within a message", _within_a_message, {"A-ABORT": _ENDED}, _ABORTED),
    State("Sta13, after A-ASSOCIATE-RJ", _rejected, {}, _OVER),
    State("Sta13, after A-RELEASE-RP", _released, {}, _OVER),
    State("Sta13, after our A-ABORT", _aborted_by_us, {}, _OVER),
    State("Sta1, after the peer's A-ABORT", _aborted_by_peer, {}, _OVER),
)
