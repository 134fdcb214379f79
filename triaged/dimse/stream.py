"""The byte stream below an association: TCP, or TLS over it.

Every wait ends after a short turn, so that its owner can judge a slow peer. Knows no PDU and no limits.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct

from triaged.dimse.tls import names_of

_RECORD = 16 * 1024
"""The longest TLS record; no more is written at once, since an interrupted write is repeated with the same bytes."""


class Stream:
    """A TCP connection; all but `end_input` and `break_off` are for the thread that reads it.

    The socket stays blocking, with the kernel's own time-outs: one call waits for all the bytes asked for.

    Raises:
        TimeoutError: nothing came, or could be sent, within a turn.
        OSError: the connection broke.
    """

    def __init__(self, connection: socket.socket, *, turn_s: float) -> None:
        self._socket = connection
        connection.setblocking(True)
        turn = struct.pack("@ll", int(turn_s), int(turn_s % 1 * 1e6))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, turn)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, turn)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def handshake(self, timeout_s: float) -> frozenset[str]:  # noqa: ARG002  TCP needs none
        """Begin the conversation, and return for whom the peer's certificate was issued, where it has shown one."""
        return frozenset()

    def has_buffered(self) -> bool:
        """Tell whether bytes can be received that have left the socket already, where waiting does not see them."""
        return False

    def receive(self, length: int) -> bytes:
        """Return the next bytes, at most `length`; as many as come within a turn, none at the end of the stream."""
        try:
            return self._socket.recv(length, socket.MSG_WAITALL)
        except BlockingIOError:
            raise TimeoutError from None

    def send(self, content: memoryview) -> int:
        """Send the beginning of `content`, and return how much was sent."""
        try:
            return self._socket.send(content)
        except BlockingIOError:
            raise TimeoutError from None

    def end_output(self) -> None:
        """Say that nothing more will be sent."""
        self._shut(socket.SHUT_WR)

    def end_input(self) -> None:
        """Let whoever reads find the end of the stream, from any thread; what is sent still leaves."""
        self._shut(socket.SHUT_RD)

    def break_off(self) -> None:
        """End both directions at once, from any thread."""
        self._shut(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the descriptor back."""
        self._socket.close()

    def _shut(self, direction: int) -> None:
        """Shut the socket itself: `SSLSocket.shutdown` would leave the reading thread with a plain socket."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, direction)


class TlsStream(Stream):
    """TLS over TCP, from its handshake on. There is no MSG_WAITALL, and a received record may wait in here."""

    def __init__(self, connection: ssl.SSLSocket, *, turn_s: float) -> None:
        self._socket: ssl.SSLSocket = connection
        self._turn_s = turn_s

    def handshake(self, timeout_s: float) -> frozenset[str]:
        """Agree about keys and certificates within the time; raises `OSError` where that does not succeed."""
        self._socket.settimeout(timeout_s)
        self._socket.do_handshake()
        self._socket.settimeout(self._turn_s)
        return names_of(self._socket)

    def has_buffered(self) -> bool:
        """Tell whether a part of a record waits that was decrypted already."""
        return self._socket.pending() > 0

    def receive(self, length: int) -> bytes:
        """Return the next bytes, at most `length` and at most those of one record; none at the end of the stream."""
        return self._socket.recv(length)

    def send(self, content: memoryview) -> int:
        """Send one record, and return how much was sent."""
        return self._socket.send(content[:_RECORD])

    def end_output(self) -> None:
        """Say within TLS that nothing more will be sent; a peer that does not answer has closed, or sends on."""
        with contextlib.suppress(OSError, ValueError):
            self._socket.unwrap()
        super().end_output()
