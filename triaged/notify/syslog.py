"""Sends audit messages to a syslog server over TLS: RFC 5424 messages in the frames of RFC 5425 (PS3.15 A.6).

The protocol has no answer: what was handed to the connection before it broke may be lost on the way.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from triaged.notify.audit_message import audit_message
from triaged.notify.connection import Address, connect, said
from triaged.steps.ports import SendOutcome, Sent, Unreachable
from triaged.store.trail.audits import Told

_PRIORITY: Final = 13 * 8 + 5
"""Facility 13 (log audit), severity 5 (notice), as PS3.15 A.6 asks for messages of events that are no failure."""
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(slots=True)
class SyslogRepository:
    """An audit repository; fits `triaged.steps.telling.Repository`. One connection lasts until it breaks."""

    address: Address
    timeout_s: float
    site: str
    ae_title: str
    _line: socket.socket | None = field(default=None, init=False)

    def tell(self, rows: Sequence[Told]) -> SendOutcome:
        """Send one message for each row; never raises for what the server does."""
        frames = b"".join(framed(self._message(row)) for row in rows)
        try:
            if self._line is not None and _is_closed(self._line):
                self.close()
            elif self._line is not None:
                self._line.settimeout(self.timeout_s)
            if self._line is None:
                self._line = connect(self.address, self.timeout_s)
            self._line.sendall(frames)
        except (OSError, ValueError) as error:
            self.close()
            return Unreachable(said(error))
        return Sent()

    def close(self) -> None:
        """End the connection; the next message opens another."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _message(self, told: Told) -> bytes:
        row = told.audited
        when = row.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        host = socket.gethostname() or "-"
        header = f"<{_PRIORITY}>1 {when} {host[:255]} triaged {os.getpid()} DICOM+RFC3881 - "
        return header.encode("ascii", "replace") + _BOM + audit_message(told, site=self.site, ae_title=self.ae_title)


def framed(message: bytes) -> bytes:
    """Return a message with its length before it (RFC 5425 section 4.3)."""
    return f"{len(message)} ".encode() + message


def _is_closed(line: socket.socket) -> bool:
    """Tell whether the server has hung up meanwhile: it never says anything, so whatever can be read is the end."""
    line.setblocking(False)
    try:
        return line.recv(1) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
