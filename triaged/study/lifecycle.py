"""The life of a study as one table; pure, no storage. The picture of it is docs/lifecycle.md."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from triaged.errors import IllegalTransition


class State(StrEnum):
    """Where a study is in its life. Delivery (outbox) and reading by people are separate axes."""

    RECEIVING = "RECEIVING"
    READY = "READY"
    ANALYSING = "ANALYSING"
    TRIAGED = "TRIAGED"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    FAILED = "FAILED"


class Event(StrEnum):
    """What can happen to a study."""

    INSTANCE_ADDED = "INSTANCE_ADDED"
    COMPLETE = "COMPLETE"
    CLAIMED = "CLAIMED"
    ASSESSED = "ASSESSED"
    DECLINED = "DECLINED"
    RETRY_LATER = "RETRY_LATER"
    GIVEN_UP = "GIVEN_UP"
    LEASE_EXPIRED = "LEASE_EXPIRED"
    REQUEUED = "REQUEUED"


TRANSITIONS: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (State.RECEIVING, Event.INSTANCE_ADDED): State.RECEIVING,
        (State.RECEIVING, Event.COMPLETE): State.READY,
        (State.READY, Event.INSTANCE_ADDED): State.RECEIVING,
        (State.READY, Event.CLAIMED): State.ANALYSING,
        (State.ANALYSING, Event.INSTANCE_ADDED): State.RECEIVING,
        (State.ANALYSING, Event.ASSESSED): State.TRIAGED,
        (State.ANALYSING, Event.DECLINED): State.OUT_OF_SCOPE,
        (State.ANALYSING, Event.RETRY_LATER): State.READY,
        (State.ANALYSING, Event.GIVEN_UP): State.FAILED,
        (State.ANALYSING, Event.LEASE_EXPIRED): State.READY,
        (State.TRIAGED, Event.INSTANCE_ADDED): State.RECEIVING,
        (State.OUT_OF_SCOPE, Event.INSTANCE_ADDED): State.RECEIVING,
        (State.FAILED, Event.INSTANCE_ADDED): State.RECEIVING,
        (State.TRIAGED, Event.REQUEUED): State.READY,
        (State.OUT_OF_SCOPE, Event.REQUEUED): State.READY,
        (State.FAILED, Event.REQUEUED): State.READY,
    }
)


def after(state: State, event: Event) -> State:
    """Return the state that follows; `IllegalTransition` where the event cannot happen in this state."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"{event} cannot happen to a study that is {state}") from None
