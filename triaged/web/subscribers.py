"""How the changes that receivers are told read for people. Knows values only: no server, no store, no markup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from triaged.store.tables.views import PushDelivery
from triaged.study.records import DeliveryState
from triaged.web.outcomes import DELIVERY_WORDS

_COLUMNS = (
    DeliveryState.PENDING,
    DeliveryState.SENT,
    DeliveryState.REFUSED,
    DeliveryState.DEAD,
    DeliveryState.WITHDRAWN,
)
_FOR_A_PERSON = (DeliveryState.REFUSED, DeliveryState.DEAD)


@dataclass(frozen=True, slots=True)
class ReceiverLine:
    """One receiver: the counts in the order of the table, and whether each asks for a person."""

    name: str
    numbers: tuple[tuple[int, bool], ...]


@dataclass(frozen=True, slots=True)
class UndeliveredLine:
    """One change that a receiver refused, or that was given up; `why` may be the receiver's own words, or empty."""

    receiver: str
    what: str
    style: str
    state: str
    why: str
    attempts: int
    study_uid: str


def receivers(counts: Mapping[str, Mapping[DeliveryState, int]]) -> list[ReceiverLine]:
    """Return every receiver that is told or ever was, by name."""
    return [ReceiverLine(name, _numbers(states)) for name, states in sorted(counts.items())]


def as_undelivered(push: PushDelivery) -> UndeliveredLine:
    """Return a push for people."""
    return UndeliveredLine(
        receiver=push.receiver,
        what=f"{push.class_before.value} → {push.class_after.value}",
        style=push.state.value.lower(),
        state=DELIVERY_WORDS[push.state],
        why=push.error or "",
        attempts=push.attempts,
        study_uid=push.study_uid,
    )


def _numbers(states: Mapping[DeliveryState, int]) -> tuple[tuple[int, bool], ...]:
    return tuple((states[state], state in _FOR_A_PERSON and states[state] > 0) for state in _COLUMNS)
