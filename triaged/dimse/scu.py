"""Sends objects to a peer by C-STORE; asks it whether it is there, what it takes, and what of ours it keeps.

Knows neither outbox nor retries: it answers, for every object, what the peer said. Nothing is dropped silently: what a
peer does not take is `Refused`, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from pynetdicom.association import Association

from triaged.dimse import commitment_scu
from triaged.dimse.requestor import MOST_CONTEXTS, Requestor, accepted_by, outcome_of
from triaged.dimse.syntaxes import converted, named, proposals_for, ways_of
from triaged.steps.ports import Negotiation, Outgoing, Peer, Refused, SendOutcome, Unreachable
from triaged.study.commitment import STORAGE_COMMITMENT_PUSH_MODEL, CommitmentReport, CommitmentRequest
from triaged.study.kinds import EXPLICIT, IMPLICIT

VERIFICATION = "1.2.840.10008.1.1"
_SERVICES = (VERIFICATION, STORAGE_COMMITMENT_PUSH_MODEL)
_MOST_PROPOSALS = 4
"""How many contexts one object can take."""

_FINAL = (0x0106, 0x0112, 0x0117, 0x0118, 0x0120, 0x0121, 0x0122, *range(0xA900, 0xAA00), *range(0xC000, 0xD000))
"""Failures that lie in the object or in what the peer supports (PS3.4 table B.2-1, PS3.7 annex C)."""


class DimseSender:
    """Sends under our AE title; safe to use from several threads, each call is an association of its own."""

    def __init__(self, ae_title: str, *, timeout_s: float, connect_timeout_s: float = 10.0) -> None:
        self._requestor = Requestor(ae_title, timeout_s=timeout_s, connect_timeout_s=connect_timeout_s)

    def send(self, objects: Sequence[Outgoing], peer: Peer) -> Sequence[SendOutcome]:
        """Return one outcome per object, in order; never raises for what a peer does."""
        outcomes: list[SendOutcome] = []
        remaining = iter(objects)
        while batch := list(islice(remaining, MOST_CONTEXTS // _MOST_PROPOSALS)):
            outcomes += self._send_batch(batch, peer)
        return outcomes

    def echo(self, peer: Peer) -> SendOutcome:
        """Ask a peer whether it is there and knows us."""
        with self._requestor.association(peer, {VERIFICATION: (IMPLICIT,)}) as association:
            if isinstance(association, Unreachable):
                return association
            if not association.accepted_contexts:
                return Refused("Verification is not accepted", final=True)
            return outcome_of(association.send_c_echo(), association, final=_FINAL)

    def negotiate(self, wanted: Mapping[str, Sequence[str]], peer: Peer) -> Negotiation | Unreachable:
        """Propose SOP classes, and the services besides, release, and return the answer; never raises for a peer."""
        services: dict[str, tuple[str, ...]] = dict.fromkeys(_SERVICES, (IMPLICIT, EXPLICIT))
        accepted: dict[str, tuple[str, ...]] = {}
        for proposals in _batches(services | {uid: tuple(syntaxes) for uid, syntaxes in wanted.items()}):
            with self._requestor.association(peer, proposals) as association:
                if isinstance(association, Unreachable):
                    return association
                accepted |= {uid: accepted.get(uid, ()) + accepted_by(association, uid) for uid in proposals}
        return Negotiation(accepted)

    def request_commitment(
        self, request: CommitmentRequest, peer: Peer, *, wait_s: float
    ) -> CommitmentReport | SendOutcome:
        """Ask a peer to keep instances; return its report if it comes within `wait_s`, else our receiver gets it."""
        return commitment_scu.ask(self._requestor, request, peer, wait_s=wait_s)

    def report_commitment(self, report: CommitmentReport, peer: Peer) -> SendOutcome:
        """Answer a peer that asked us, on an association of our own, on which we are the SCP."""
        return commitment_scu.answer(self._requestor, report, peer)

    def _send_batch(self, objects: Sequence[Outgoing], peer: Peer) -> list[SendOutcome]:
        proposals: dict[str, dict[str, None]] = {}
        for outgoing in objects:
            proposals.setdefault(outgoing.sop_class_uid, {}).update(dict.fromkeys(proposals_for(outgoing)))
        with self._requestor.association(peer, proposals) as association:
            if isinstance(association, Unreachable):
                return [association] * len(objects)
            return [_send(association, outgoing) for outgoing in objects]


def _batches(wanted: Mapping[str, Sequence[str]]) -> Iterator[dict[str, list[str]]]:
    """Return proposals in portions that fit an association."""
    contexts = iter([(uid, syntax) for uid, syntaxes in wanted.items() for syntax in syntaxes])
    while batch := list(islice(contexts, MOST_CONTEXTS)):
        portion: dict[str, list[str]] = {}
        for uid, syntax in batch:
            portion.setdefault(uid, []).append(syntax)
        yield portion


def _send(association: Association, outgoing: Outgoing) -> SendOutcome:
    ways = ways_of(outgoing)
    accepted = accepted_by(association, outgoing.sop_class_uid)
    chosen = next((syntax for syntax in ways if syntax in accepted), None)
    if chosen is None:
        return _not_negotiated(association, outgoing, accepted)
    if not association.is_established:
        return Unreachable("the association ended before this object was sent")
    try:
        as_stored = chosen == outgoing.transfer_syntax_uid
        status = association.send_c_store(outgoing.path if as_stored else converted(outgoing.path, chosen))
    except OSError as error:
        return Refused(f"the object cannot be read: {error.strerror or error}", final=False)
    except (ValueError, AttributeError, RuntimeError) as error:
        if not association.is_established:
            return Unreachable(f"the association ended while the object was sent: {type(error).__name__}")
        # The words of the library may quote an attribute: they are for the page, the kind of the error for the log.
        code = f"the object cannot be sent: {type(error).__name__}"
        return Refused(f"the object cannot be sent: {error}", final=True, code=code)
    return outcome_of(status, association, final=_FINAL)


def _not_negotiated(association: Association, outgoing: Outgoing, accepted: Sequence[str]) -> Refused:
    """Say why no way is open: the settings leave none, the peer takes other syntaxes, or does not take the class."""
    what = named([outgoing.sop_class_uid])
    ways = ways_of(outgoing)
    if not ways:
        wished = named(outgoing.transfer_syntaxes)
        return Refused(f"{what} cannot go as {wished}, and nothing else is wanted for this destination", final=True)
    if accepted:
        return Refused(f"{what} is accepted only as {named(accepted)}; wanted is {named(ways)}", final=True)
    results = {
        context.result for context in association.rejected_contexts if context.abstract_syntax == outgoing.sop_class_uid
    }
    offered = named(proposals_for(outgoing))
    if 3 in results:
        return Refused(f"{what} is not accepted (SOP class not supported; offered as {offered})", final=True)
    if 4 in results:
        return Refused(f"{what} is not accepted as {offered}", final=True)
    return Refused(f"{what} is not accepted for now (offered as {offered})", final=False)
