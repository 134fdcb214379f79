"""What a courier finds that is started after one of its name has died."""

from __future__ import annotations

from tests.store.making import Studies, at, claimed, commit, derived, make_ready
from triaged.store.couriers.outbox import Outbox
from triaged.store.tables.database import Database
from triaged.study.kinds import ObjectKind


def test_a_courier_takes_over_at_once_what_its_predecessor_was_sending(database: Database) -> None:
    outbox = Outbox(database)
    _publish(database, "pacs", "archive")
    held = outbox.claim_due("courier@a", to="pacs", lease_s=300, now=at(2))
    other = outbox.claim_due("courier@b", to="archive", lease_s=300, now=at(2))
    assert held is not None
    assert other is not None
    assert outbox.release("courier@a") == 1
    again = outbox.claim_due("courier@a", lease_s=300, now=at(2))
    assert again is not None
    assert (again.item_id, again.attempts) == (held.item_id, 2)
    assert outbox.claim_due("courier@a", lease_s=300, now=at(3)) is None  # the other's is the other's


def test_what_was_sent_or_waits_for_its_turn_is_nobody_s_to_take_over(database: Database) -> None:
    outbox = Outbox(database)
    _publish(database, "pacs", "archive")
    for destination in ("pacs", "archive"):
        item = outbox.claim_due("courier@a", to=destination, lease_s=300, now=at(2))
        assert item is not None
        if destination == "pacs":
            outbox.sent(item, now=at(2))
        else:
            outbox.retry(item, error="no route", next_attempt_at=at(60), now=at(2))
    assert outbox.release("courier@a") == 0
    assert outbox.claim_due("courier@a", lease_s=300, now=at(59)) is None


def _publish(database: Database, *destinations: str) -> None:
    studies = Studies(database)
    make_ready(studies, 1)
    claim = claimed(studies)
    wanted = dict.fromkeys(destinations, frozenset({ObjectKind.SEG}))
    commit(studies, claim, objects=(derived(claim, ObjectKind.SEG),), destinations=wanted)
