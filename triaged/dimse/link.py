"""One connection of a peer: whole PDUs in, answers out, with a limit on every wait and a least rate within a message.

Knows PDU framing (PS3.8 section 9.3.1) and nothing of what is inside, nor whether the bytes come by TCP or by TLS.
"""

from __future__ import annotations

import select
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

from triaged.dimse.stream import Stream

CHUNK = 128 * 1024
"""Read at most this much at once: what a peer announces as a length decides over none of our memory."""


class PeerGone(Exception):
    """The connection ended, or the peer was too slow; `args[0]` says which."""


class Dismissed(PeerGone):
    """We end the association, because somebody else needs it more; `args[0]` says why."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How slow a peer may be within a message: silent for `stall_s`, and below the least rate for `window_s`.

    Only time counts in which we wait for the peer, so that our own disk slows nobody down.
    """

    stall_s: float = 60.0
    least_bytes_per_s: float = 1000.0
    window_s: float = 30.0


class Link:
    """Reads and writes one stream from one thread, or raises `PeerGone`; other threads may `dismiss` or `interrupt`."""

    def __init__(self, stream: Stream, *, wake: int, patience: Patience) -> None:
        self._stream = stream
        self._wake = wake
        self._received, self._sent = _Rate(patience), _Rate(patience)
        self._waited_s, self._came = 0.0, 0
        self._deadline = float("inf")
        self._dismissal = ""

    def expect_within(self, timeout_s: float) -> None:
        """Let everything that is read from now on come within this time in all; infinity takes the limit away."""
        self._deadline = time.monotonic() + timeout_s

    def wait(self, timeout_s: float) -> bool:
        """Wait until a message begins; return False when asked to wake up instead."""
        self._received.restart()
        if not self._stream.has_buffered():
            poll = select.poll()
            poll.register(self._stream.fileno(), select.POLLIN)
            poll.register(self._wake, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll(timeout_s * 1000)}
            self._demand_welcome()
            if not ready:
                raise PeerGone(f"nothing received for {timeout_s:g} s")
            return self._wake not in ready
        return True

    def has_input(self) -> bool:
        """Tell whether something can be read now: the peer speaks, or is gone."""
        descriptor = self._stream.fileno()
        if descriptor < 0:
            return False
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return self._stream.has_buffered() or bool(poll.poll(0))

    def read(self, length: int) -> bytes:
        """Return exactly `length` bytes; at most `CHUNK`."""
        content = self._receive(length)
        if len(content) == length:
            return content
        pieces = [content]
        missing = length - len(content)
        while missing:
            pieces.append(self._receive(missing))
            missing -= len(pieces[-1])
        return b"".join(pieces)

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
        rest = memoryview(content)
        while rest:
            started = time.monotonic()
            try:
                sent = self._stream.send(rest)
            except TimeoutError:
                sent = 0
            except OSError as error:
                raise PeerGone(f"connection lost: {error.strerror or error}") from None
            rest = rest[sent:]
            if rest:
                self._sent.note(time.monotonic() - started, sent)

    def finish(self, timeout_s: float) -> None:
        """Let the peer close first, for a moment: closing at once could destroy our last words on their way."""
        deadline = time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(self._stream.fileno(), select.POLLIN)
        try:
            self._stream.end_output()
            while (left := deadline - time.monotonic()) > 0:
                if not poll.poll(left * 1000) or not self._stream.receive(CHUNK):
                    break
        except (OSError, ValueError):  # ValueError: TLS has ended already
            pass
        self._stream.close()

    def pace(self) -> tuple[float, int]:
        """Return how long we have waited for the peer within messages, in seconds, and how many bytes have come."""
        return self._waited_s, self._came

    def dismiss(self, why: str) -> None:
        """Let the thread that reads find the end, so that it can say goodbye; from any thread."""
        self._dismissal = why
        self._stream.end_input()

    def interrupt(self) -> None:
        """Break the connection, from any thread; the one that reads it gets `PeerGone`."""
        self._stream.break_off()

    def _receive(self, length: int) -> bytes:
        """Return the next bytes, up to `length`; none where nothing came for a turn."""
        self._demand_welcome()
        started = time.monotonic()
        try:
            content = self._stream.receive(length)
        except TimeoutError:
            content = b""
        except OSError as error:
            raise PeerGone(f"connection lost: {error.strerror or error}") from None
        else:
            if not content:
                self._demand_welcome()
                raise PeerGone("connection closed")
        now = time.monotonic()
        if now > self._deadline:
            raise PeerGone("the request was not whole in time")
        self._waited_s += now - started
        self._came += len(content)
        self._received.note(now - started, len(content))
        return content

    def _demand_welcome(self) -> None:
        if self._dismissal:
            raise Dismissed(self._dismissal)


class _Rate:
    """What came, or went, while we waited for the peer; raises `PeerGone` where that was too little."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self.restart()

    def restart(self) -> None:
        self._waited_s = self._silent_s = 0.0
        self._bytes = 0

    def note(self, waited_s: float, size: int) -> None:
        self._waited_s += waited_s
        self._silent_s = 0.0 if size else self._silent_s + waited_s
        self._bytes += size
        if self._silent_s >= self._patience.stall_s:
            raise PeerGone("nothing moved for too long")
        if self._waited_s >= self._patience.window_s:
            if self._bytes < self._patience.least_bytes_per_s * self._waited_s:
                raise PeerGone(f"too slow: {self._bytes} bytes in {self._waited_s:.0f} s")
            self.restart()
