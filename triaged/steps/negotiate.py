"""Asks a destination what it accepts, and has the answer kept for everybody who decides by it.

Knows neither sockets nor how an object is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from pydicom.uid import UID

from triaged.steps.ports import Negotiation, Peer, Prober, Unreachable
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.peers import Peers
from triaged.study.commitment import STORAGE_COMMITMENT_PUSH_MODEL
from triaged.study.kinds import EXPLICIT, IMPLICIT, KINDS, ObjectKind
from triaged.study.records import Negotiated

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Destination:
    """A peer that gets result objects.

    `transfer_syntaxes` are those in which objects may go, the most wanted first; none: whatever is accepted. `wanted`
    is what it is asked for: transfer syntaxes by SOP class.
    """

    peer: Peer
    wanted: Mapping[str, Sequence[str]]
    transfer_syntaxes: tuple[str, ...] = ()


class Negotiator:
    """Knows what one destination accepts: by asking it, or from the store when it was asked before."""

    def __init__(self, peers: Peers, outbox: Outbox, prober: Prober, *, destination: Destination) -> None:
        self._peers = peers
        self._outbox = outbox
        self._prober = prober
        self._destination = destination

    def known(self) -> Negotiated | None:
        """Return the last answer, or None where the destination was never asked."""
        return self._peers.known(self._destination.peer.name)

    def ask(self, *, now: datetime) -> Negotiated | Unreachable:
        """Ask, have the answer kept, and send again what was refused for a class that is accepted now."""
        name = self._destination.peer.name
        before = self.known()
        match self._prober.negotiate(self._destination.wanted, self._destination.peer):
            case Unreachable() as unreachable:
                return unreachable
            case Negotiation(accepted=accepted):
                self._revive(before, accepted, now)
                answer = self._peers.remember(name, accepted, now=now)
        if before is None or dict(before.accepted) != dict(answer.accepted):
            self._tell(answer)
        return answer

    def _tell(self, answer: Negotiated) -> None:
        taken = {uid: ones for uid, ones in answer.accepted.items() if ones and uid in self._destination.wanted}
        in_words = {UID(uid).name: ", ".join(UID(one).name for one in ones) for uid, ones in taken.items()}
        log.info("destination answered what it accepts", destination=answer.destination, accepts=in_words)
        for uid in self._destination.wanted:
            if answer.refuses(uid):
                log.warning("destination refuses what it is to get", destination=answer.destination, what=UID(uid).name)

    def _revive(self, before: Negotiated | None, accepted: Mapping[str, Sequence[str]], now: datetime) -> None:
        """Send what was refused; before the answer is kept, so that a crash in between cannot lose it.

        Pictures as one object are left out: where they were refused the single pictures went in their place.
        """
        news = {uid for uid, syntaxes in accepted.items() if syntaxes and before is not None and before.refuses(uid)}
        kinds = [kind for kind in KINDS.values() if kind.sop_class_uid in news and not kind.combines]
        if kinds:
            revived = self._outbox.revive_refused(self._destination.peer.name, kinds, now=now)
            log.info("refused objects will be sent", destination=self._destination.peer.name, objects=revived)


def wanted_of(
    kinds: frozenset[ObjectKind], transfer_syntaxes: Sequence[str], *, commitment: bool
) -> dict[str, tuple[str, ...]]:
    """Return what a destination is asked for: of what we can send, the classes it wants in the syntaxes it wants."""
    wanted = {
        kind.sop_class_uid: tuple(
            one for one in transfer_syntaxes or kind.transfer_syntaxes if one in kind.transfer_syntaxes
        )
        for kind in sorted(kinds)
    }
    return wanted | ({STORAGE_COMMITMENT_PUSH_MODEL: (EXPLICIT, IMPLICIT)} if commitment else {})


def refusal(answer: Negotiated, sop_class_uid: str) -> str:
    """Return why an object is not sent whose class the destination declined."""
    asked = answer.asked_at.strftime("%Y-%m-%d %H:%M %Z")
    return f"{UID(sop_class_uid).name} is not accepted: {answer.destination} declined it when asked on {asked}"
