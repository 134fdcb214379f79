"""Sends HL7 v2 messages over MLLP (HL7 Transport Specification, MLLP release 1), and says what the answer means.

One connection for each message. The library's client has no limit of time and reads one packet; so the frame is
written and read here.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from datetime import datetime

import hl7

from triaged.notify.connection import Address, connect, reach, said
from triaged.notify.oru import Ends, control_id, oru_r01
from triaged.steps.ports import Refused, SendOutcome, Sent, Unreachable
from triaged.study.notification import Notification

_START, _END = b"\x0b", b"\x1c\x0d"
_LONGEST_ANSWER = 65_536
_MOST_WORDS = 300


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
        return reach(self.address, self.timeout_s)


def outcome_of(answer: bytes, control_id: str) -> SendOutcome:
    """Return what an answer says of the message with this control ID (HL7 v2 chapter 2.9.2 and table 0008).

    AE (error) is about what the message says: the same one again would be refused again. AR (reject) is mostly about
    the moment (system down, internal error), and is tried again. An answer to another message is none.
    """
    try:
        message = hl7.parse(answer.decode("utf-8", "replace").strip("\r\n"))
        msa = [str(field) for field in message.segment("MSA")]
    except (hl7.HL7Exception, AssertionError, LookupError, ValueError) as error:
        return Unreachable(f"expected an HL7 acknowledgement, found something else ({type(error).__name__})")
    code, answered, *text = (*msa[1:], "", "")
    if answered.strip() != control_id:
        return Unreachable("expected the acknowledgement of this message, found one of another")
    said = _readable(message.unescape(text[0])) if text[0] else "no reason given"
    match code.strip():
        case "AA" | "CA":
            return Sent()
        case "AE" | "CE" as error_code:
            return Refused(f"{error_code}: {said}", final=True)
        case "AR" | "CR" as reject_code:
            return Refused(f"{reject_code}: {said}", final=False)
        case _:
            return Unreachable("expected AA, AE or AR in MSA-1, found another code")


def _answer(line: socket.socket, deadline: float) -> bytes:
    """Return the content of the first frame; `OSError` where none comes in time, or it is longer than any answer."""
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


def _readable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)[:_MOST_WORDS]
