"""One TCP connection of a peer: whole PDUs in, answers out, with a limit on every wait.

Knows PDU framing (PS3.8 section 9.3.1) and nothing of what is inside.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from collections.abc import Iterator

CHUNK = 128 * 1024
"""Read at most this much at once: what a peer announces as a length decides over none of our memory."""

_READ_AWAY_AT_MOST = 64


class PeerGone(Exception):
    """The connection ended, or nothing came for too long; `args[0]` says which."""


class Link:
    """Reads and writes one connected socket from one thread, or raises `PeerGone`; any other thread may `interrupt`."""

    def __init__(self, connection: socket.socket, *, wake: int, timeout_s: float) -> None:
        self._socket = connection
        self._wake = wake
        connection.setblocking(True)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # The kernel's own time-outs keep the socket blocking, so that one call can wait for all the bytes asked for.
        timeout = struct.pack("@ll", int(timeout_s), int(timeout_s % 1 * 1e6))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)

    def wait(self, timeout_s: float) -> bool:
        """Wait until something can be read; return False when asked to wake up instead."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(timeout_s * 1000)}
        if not ready:
            raise PeerGone(f"nothing received for {timeout_s:g} s")
        return self._wake not in ready

    def has_input(self) -> bool:
        """Tell whether something can be read now: the peer speaks, or is gone."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def read(self, length: int) -> bytes:
        """Return exactly `length` bytes; at most `CHUNK`."""
        try:
            content = self._socket.recv(length, socket.MSG_WAITALL)
        except BlockingIOError:
            raise PeerGone("nothing received for too long") from None
        except OSError as error:
            raise PeerGone(f"connection lost: {error.strerror}") from None
        if len(content) != length:
            raise PeerGone("connection closed" if not content else "connection lost or stalled within a PDU")
        return content

    def read_chunks(self, length: int) -> Iterator[bytes]:
        """Return the next `length` bytes in pieces of at most `CHUNK`."""
        while length > 0:
            chunk = self.read(min(length, CHUNK))
            length -= len(chunk)
            yield chunk

    def read_pdu_header(self) -> tuple[int, int]:
        """Return type and length of the next PDU."""
        kind, _, length = struct.unpack(">BBL", self.read(6))
        return kind, length

    def write(self, content: bytes) -> None:
        """Send all of `content`."""
        try:
            self._socket.sendall(content)
        except OSError as error:
            raise PeerGone(f"connection lost: {error.strerror}") from None

    def finish(self, timeout_s: float) -> None:
        """Let the peer close first, for a moment: closing at once could destroy our last words on their way."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            for _ in range(_READ_AWAY_AT_MOST):
                if not poll.poll(timeout_s * 1000) or not self._socket.recv(CHUNK):
                    break
        except OSError:
            pass
        self._socket.close()

    def interrupt(self) -> None:
        """Break the connection, from any thread; the one that reads it gets `PeerGone`."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
