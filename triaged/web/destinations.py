"""What each destination accepts and refuses, by the names of the standard, and what went to it and to each receiver.

Knows values only: no server, no store, no markup. Names of UIDs are pydicom's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydicom.uid import UID
from typing_extensions import TypedDict

from triaged.study.commitment import STORAGE_COMMITMENT_PUSH_MODEL
from triaged.study.kinds import KINDS, forms_of
from triaged.study.records import DeliveryState, Negotiated
from triaged.web.outcomes import FOR_A_PERSON

_NO_COMMITMENT = (
    "It does not confirm that it keeps what it was sent: an object counts as delivered once it was accepted."
)
_COLUMNS = (
    DeliveryState.PENDING,
    DeliveryState.SENT,
    DeliveryState.REFUSED,
    DeliveryState.DEAD,
    DeliveryState.WITHDRAWN,
)


class Accepts(TypedDict):
    """What a destination answered: transfer syntaxes by SOP class, the classes it refused, and when it was asked."""

    asked_at: str
    accepted: dict[str, list[str]]
    refused: list[str]


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination for people: deliveries by state, and what it answered at `asked_at`, None where it never has."""

    name: str
    counts: Mapping[DeliveryState, int]
    uncommitted: int
    asked_at: datetime | None
    accepted: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str], ...]

    @property
    def numbers(self) -> tuple[tuple[int, bool], ...]:
        """Return the counts in the order of the table, and whether each asks for a person."""
        waiting, sent, *others = _numbers(self.counts)
        return (waiting, sent, (self.uncommitted, False), *others)


@dataclass(frozen=True, slots=True)
class ReceiverLine:
    """One receiver of notifications: the counts in the order of the table, and whether each asks for a person."""

    name: str
    numbers: tuple[tuple[int, bool], ...]


def destinations(
    counts: Mapping[str, Mapping[DeliveryState, int]], uncommitted: Mapping[str, int], asked: Sequence[Negotiated]
) -> list[Destination]:
    """Return every destination that was sent something or asked, by name."""
    answers = {answer.destination: answer for answer in asked}
    return [
        _destination(name, counts.get(name, {}), uncommitted.get(name, 0), answers.get(name))
        for name in sorted({*counts, *answers})
    ]


def receivers(counts: Mapping[str, Mapping[DeliveryState, int]]) -> list[ReceiverLine]:
    """Return every receiver that is notified or ever was, by name."""
    return [ReceiverLine(name, _numbers(states)) for name, states in sorted(counts.items())]


def accepts(answer: Negotiated) -> Accepts:
    """Return an answer for programs."""
    return {
        "asked_at": answer.asked_at.isoformat(),
        "accepted": {UID(uid).name: [UID(one).name for one in ones] for uid, ones in answer.accepted.items() if ones},
        "refused": [UID(uid).name for uid in answer.accepted if answer.refuses(uid)],
    }


def _destination(
    name: str, counts: Mapping[DeliveryState, int], uncommitted: int, answer: Negotiated | None
) -> Destination:
    every_state = {state: counts.get(state, 0) for state in DeliveryState}
    if answer is None:
        return Destination(name, every_state, uncommitted, None, (), ())
    accepted = {uid: _names(syntaxes) for uid, syntaxes in answer.accepted.items() if syntaxes}
    refused = [uid for uid in answer.accepted if answer.refuses(uid)]
    return Destination(
        name,
        every_state,
        uncommitted,
        answer.asked_at,
        tuple((UID(uid).name, syntaxes) for uid, syntaxes in accepted.items()),
        tuple((UID(uid).name, _consequence(uid, accepted)) for uid in refused),
    )


def _numbers(states: Mapping[DeliveryState, int]) -> tuple[tuple[int, bool], ...]:
    return tuple((states[state], state in FOR_A_PERSON and states[state] > 0) for state in _COLUMNS)


def _names(uids: Sequence[str]) -> str:
    return ", ".join(UID(uid).name for uid in uids)


def _consequence(sop_class_uid: str, accepted: Collection[str]) -> str:
    """Return what the site loses with a class; forms of the same pictures replace each other."""
    if sop_class_uid == STORAGE_COMMITMENT_PUSH_MODEL:
        return _NO_COMMITMENT
    for kind in KINDS.values():
        if kind.sop_class_uid == sop_class_uid:
            has_other_form = any(form.sop_class_uid in accepted for form in forms_of(kind))
            return kind.refused_alone if has_other_form else kind.refused
    return "Objects of this class do not go there; the others still do."
