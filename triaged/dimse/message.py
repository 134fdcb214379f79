"""Puts DIMSE messages together from the P-DATA PDUs of one connection (PS3.8 annex E), without holding them in memory.

Knows no command: it tells command set from data set and passes both on.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from triaged.dimse.link import Link
from triaged.dimse.negotiation import AbortReason, PduType

_IS_COMMAND = 0x01
_IS_LAST = 0x02
_LONGEST_COMMAND_SET = 64 * 1024


class ProtocolError(Exception):
    """The peer broke the protocol; the association has to be aborted for `reason`."""

    def __init__(self, reason: AbortReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Aborted(Exception):
    """The peer sent A-ABORT."""


class Message:
    """One message, read as it comes: first `command_set`, then, if the command says so, `data_set` to its end.

    `kind` and `length` are those of a PDU whose header has been read already. Where the rest will not come, both raise
    `ProtocolError`, `Aborted` or `PeerGone`.
    """

    def __init__(self, link: Link, kind: int, length: int) -> None:
        self._link = link
        self._left = 0
        """Bytes of the current PDU that have not been read."""
        self._begin_pdu(kind, length)
        self.context_id = 0

    def command_set(self) -> bytes:
        """Return the encoded command set; sets `context_id`."""
        content = joined(self._values(_IS_COMMAND), at_most=_LONGEST_COMMAND_SET)
        if content is None:
            raise ProtocolError(AbortReason.INVALID_PARAMETER, "command set is longer than any real one")
        return content

    def data_set(self) -> Iterator[bytes]:
        """Return the encoded data set piece by piece."""
        yield from self._values(0)

    def _values(self, stream: int) -> Iterator[bytes]:
        last = False
        while not last:
            if not self._left:
                self._begin_pdu(*self._link.read_pdu_header())
            length, context_id, control = self._read_value_header()
            if control & _IS_COMMAND != stream:
                raise ProtocolError(AbortReason.UNEXPECTED_PDU, "command set and data set are mixed up")
            if stream != _IS_COMMAND and context_id != self.context_id:
                raise ProtocolError(
                    AbortReason.INVALID_PARAMETER, "the data set is on another context than its command"
                )
            self.context_id = context_id
            yield from self._link.read_chunks(length)
            last = bool(control & _IS_LAST)

    def _read_value_header(self) -> tuple[int, int, int]:
        """Return length, context and control byte of the next presentation data value."""
        if self._left < 6:
            raise ProtocolError(AbortReason.INVALID_PARAMETER, f"P-DATA with {self._left} bytes too many")
        length, context_id, control = struct.unpack(">LBB", self._link.read(6))
        if not 2 <= length <= self._left - 4:
            raise ProtocolError(
                AbortReason.INVALID_PARAMETER, f"a value of {length} bytes where {self._left - 4} are left"
            )
        self._left -= length + 4
        return length - 2, context_id, control

    def _begin_pdu(self, kind: int, length: int) -> None:
        if kind != PduType.P_DATA:
            raise unexpected("P-DATA", kind)
        self._left = length


def unexpected(expected: str, kind: int) -> Exception:
    """Return what a PDU of this type means where another was expected (PS3.8 table 9-10): its abort, or our own."""
    if kind == PduType.ABORT:
        return Aborted()
    reason = AbortReason.UNEXPECTED_PDU if kind in set(PduType) else AbortReason.UNRECOGNIZED_PDU
    return ProtocolError(reason, f"expected {expected}, found PDU type {kind:#04x}")


def joined(pieces: Iterator[bytes], *, at_most: int) -> bytes | None:
    """Return pieces as one, or None as soon as they are longer than `at_most` bytes."""
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > at_most:
            return None
    return bytes(content)
