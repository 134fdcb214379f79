"""What the log says of associations; what a peer repeats is counted, so that no peer can fill a disk with it.

Knows no protocol.
"""

from __future__ import annotations

from enum import StrEnum

import structlog

from triaged.dimse.repetition import Repetition

log = structlog.get_logger()


class Ending(StrEnum):
    """How an association ended; the value is what the log shows."""

    PROBE = "connected and said nothing"
    REJECTED = "rejected"
    RELEASED = "released"
    ABORTED = "aborted by the peer"
    LOST = "lost"
    DISMISSED = "aborted by us, to make room for another"
    BROKEN = "protocol error, aborted by us"
    STOPPED = "aborted by us, stopping"


_ODD = (Ending.LOST, Ending.BROKEN, Ending.DISMISSED)


class AssociationLog:
    """One is shared by all associations of a receiver; every line says how often its event `times` happened."""

    def __init__(self) -> None:
        self._refusals = Repetition()
        self._troubles = Repetition(at_once=5)
        self._events = Repetition(at_once=100)

    def connection_refused(self, peer: str, why: str) -> None:
        """A connection was closed at once."""
        if times := self._refusals.times("connection", peer):
            log.warning("connection refused", why=why, peer=peer, times=times)

    def connection_not_accepted(self, why: str) -> None:
        """The system gave us no connection."""
        if times := self._refusals.times("accept", ""):
            log.error("connection not accepted", why=why, times=times)

    def not_secured(self, peer: str, why: str) -> None:
        """There was no agreement about TLS."""
        if times := self._refusals.times("tls", peer):
            log.warning("TLS connection not established", why=why, peer=peer, times=times)

    def rejected(self, why: str, *, peer: str, calling_ae_title: str, called_ae_title: str) -> None:
        """An association was rejected."""
        if times := self._refusals.times(f"rejected {why}", peer):
            log.warning(
                "association rejected",
                why=why,
                peer=peer,
                calling_ae_title=calling_ae_title,
                called_ae_title=called_ae_title,
                times=times,
            )

    def opened(self, peer: str, **fields: object) -> None:
        """An association was accepted."""
        if times := self._events.times("opened", peer):
            log.info("association opened", peer=peer, **fields, **_repeated(times))

    def ended(self, ending: Ending, detail: str, *, peer: str, kept: int, refused: int, **fields: object) -> None:
        """A connection ended. Of what never was an association only trouble is said: load balancers probe."""
        if ending in (Ending.PROBE, Ending.REJECTED):
            return
        is_odd = ending in _ODD or refused > 0
        counted = self._troubles if is_odd else self._events
        if times := counted.times(f"ended {ending}", peer):
            write = log.warning if is_odd else log.info
            write(
                "association ended",
                how=ending.value,
                detail=detail,
                peer=peer,
                **fields,
                kept=kept,
                refused=refused,
                **_repeated(times),
            )


def _repeated(times: int) -> dict[str, int]:
    """Return what a line says that stands for several."""
    return {} if times == 1 else {"times": times}
