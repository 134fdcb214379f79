"""Sends HL7 v2 messages over MLLP (HL7 Transport Specification, MLLP release 1): one connection for each message.

The library's client has no limit of time and reads one packet; so the frame is written and read here.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from datetime import datetime

from triaged.notify.acknowledgement import outcome_of
from triaged.notify.connection import Address, connect, said
from triaged.notify.oru import Ends, control_id, oru_r01
from triaged.steps.ports import SendOutcome, Sent, Unreachable
from triaged.study.notification import Notification

_START, _END = b"\x0b", b"\x1c\x0d"
_LONGEST_ANSWER = 65_536


@dataclass(frozen=True, slots=True)
class MllpSubscriber:
    """A receiver of HL7; fits `triaged.steps.notify.Receiver`. `timeout_s` is for connecting, and for the answer."""

    address: Address
    ends: Ends
    timeout_s: float
    names_patient: bool = True

    def push(self, push: Notification, *, now: datetime) -> SendOutcome:
        """Send one change and wait for its acknowledgement; never raises for what a receiver does."""
        patient = push.change.patient if self.names_patient else None
        framed = _START + oru_r01(push, patient, self.ends, now=now) + _END
        try:
            with connect(self.address, self.timeout_s) as line:
                line.sendall(framed)
                answer = _answer(line, time.monotonic() + self.timeout_s)
        except (OSError, ValueError) as error:
            return Unreachable(said(error))
        return outcome_of(answer, control_id(push))

    def reach(self) -> Sent | Unreachable:
        """Connect and say nothing."""
        try:
            connect(self.address, self.timeout_s).close()
        except (OSError, ValueError) as error:
            return Unreachable(said(error))
        return Sent()


def _answer(line: socket.socket, deadline: float) -> bytes:
    """Return what stands in the first frame.

    Raises:
        OSError: it did not come, or not in time, or is longer than any acknowledgement.
    """
    received = b""
    while _END not in received:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        line.settimeout(left)
        part = line.recv(4096)
        received += part
        if not part or len(received) > _LONGEST_ANSWER:
            raise ConnectionError(0, "the connection ended before an answer" if not part else "an answer without end")
    return received.partition(_END)[0].rpartition(_START)[2]
