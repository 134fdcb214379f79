"""A store that goes away in the middle of an errand costs no lease: what is known is written down once it is back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.store.making import Studies, at, claimed, commit, derived, make_ready
from triaged.errors import TryLater
from triaged.steps.errand import DeliveryOptions, Errand, Fields, Words
from triaged.steps.ports import SendOutcome, Sent
from triaged.store.couriers.outbox import Outbox
from triaged.store.tables.database import Database
from triaged.study.kinds import ObjectKind
from triaged.study.records import DeliveryState, OutboxItem

NOW = at(10)


class Away(Outbox):
    """An outbox whose store goes away before or after one call has done its work."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.fails: dict[str, str] = {}

    def claim_due(self, courier: str, **more: Any) -> OutboxItem | None:
        """Claim, and perhaps do not live to say what."""
        item: OutboxItem | None = self._perhaps("claim", lambda: Outbox.claim_due(self, courier, **more))
        return item

    def sent(self, item: OutboxItem, *, now: datetime) -> None:
        """Record, and perhaps do not live to say so."""
        self._perhaps("sent", lambda: Outbox.sent(self, item, now=now))

    def _perhaps(self, call: str, work: Callable[[], Any]) -> Any:
        when = self.fails.pop(call, "")
        if when == "before":
            raise TryLater("the database is away")
        done = work()
        if when == "after":
            raise TryLater("the database is away")
        return done


def _silent(**_: object) -> None:
    """Log nothing."""


class Carrier(Errand[OutboxItem]):
    """Hands everything over at once."""

    words = Words(_silent, _silent, _silent, _silent, late=lambda _why, _to: None)

    def __init__(self, outbox: Outbox, to: str) -> None:
        super().__init__(outbox, DeliveryOptions(), courier="courier", to=to)
        self.carried: list[int] = []

    def _do(self, item: OutboxItem, _clock: object) -> SendOutcome:
        self.carried.append(item.item_id)
        return Sent()

    def _told(self, item: OutboxItem, outcome: SendOutcome, counted: Fields) -> Fields:
        return {}


@pytest.fixture
def outbox(database: Database) -> Away:
    """One object for each of two destinations."""
    studies = Studies(database)
    make_ready(studies, 1)
    claim = claimed(studies)
    wanted = dict.fromkeys(("pacs", "archive"), frozenset({ObjectKind.SEG}))
    commit(studies, claim, objects=(derived(claim, ObjectKind.SEG),), destinations=wanted)
    return Away(database)


def states(outbox: Outbox) -> dict[str, DeliveryState]:
    return {peer: next(state for state, count in of.items() if count) for peer, of in outbox.counts().items()}


@pytest.mark.parametrize(
    ("call", "when"), [("claim", "before"), ("claim", "after"), ("sent", "before"), ("sent", "after")]
)
def test_what_was_under_way_is_settled_as_soon_as_the_store_is_back(outbox: Away, call: str, when: str) -> None:
    carrier = Carrier(outbox, "pacs")
    outbox.fails[call] = when
    with pytest.raises(TryLater):
        carrier.run_next(clock=lambda: NOW)
    while carrier.run_next(clock=lambda: NOW):  # the clock stands still: no lease runs out
        pass
    assert states(outbox) == {"pacs": DeliveryState.SENT, "archive": DeliveryState.PENDING}
    assert len(carrier.carried) == 1  # the peer gets it once


def test_what_another_errand_of_the_same_courier_has_stays_with_it(outbox: Away) -> None:
    other = Outbox.claim_due(outbox, "courier", to="archive", lease_s=300.0, now=NOW)
    assert other is not None
    outbox.fails["claim"] = "after"
    carrier = Carrier(outbox, "pacs")
    with pytest.raises(TryLater):
        carrier.run_next(clock=lambda: NOW)
    carrier.run_next(clock=lambda: NOW)
    outbox.sent(other, now=NOW)
    assert set(states(outbox).values()) == {DeliveryState.SENT}
