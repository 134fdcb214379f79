"""Deliveries, on both databases."""

from __future__ import annotations

import pytest

from tests.store.making import Studies, at, claimed, commit, derived, make_ready, study_uid
from triaged.errors import StaleClaim
from triaged.store.couriers.outbox import Outbox
from triaged.store.tables.database import Database
from triaged.study.kinds import KINDS, ObjectKind
from triaged.study.records import DeliveryState, OutboxItem

EVERY_KIND = frozenset(KINDS.values())


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


def publish(database: Database, study: int, *destinations: str, minutes: float = 0.0, slices: int = 1) -> None:
    studies = Studies(database)
    make_ready(studies, study, minutes=minutes, slices=slices)
    claim = claimed(studies, minutes=minutes)
    wanted = dict.fromkeys(destinations, EVERY_KIND)
    commit(
        studies, claim, minutes=minutes, objects=(derived(claim, ObjectKind.SEG, number=slices),), destinations=wanted
    )


def due(outbox: Outbox, destination: str | None = None, *, minutes: float, lease_s: float = 60.0) -> OutboxItem:
    item = outbox.claim_due("courier-1", to=destination, lease_s=lease_s, now=at(minutes))
    assert item is not None
    return item


def nothing_due(outbox: Outbox, destination: str | None = None, *, minutes: float) -> bool:
    return outbox.claim_due("courier-2", to=destination, lease_s=60, now=at(minutes)) is None


def test_a_delivery_carries_the_object_and_where_it_goes(database: Database, outbox: Outbox) -> None:
    publish(database, 1, "pacs")
    item = due(outbox, minutes=1)
    assert (item.study_uid, item.destination, item.attempts) == (study_uid(1).value, "pacs", 1)
    assert [item.object] == Studies(database).derived(study_uid(1).value)


def test_what_is_being_sent_is_not_given_to_another_courier(database: Database, outbox: Outbox) -> None:
    publish(database, 1, "pacs")
    due(outbox, minutes=1)
    assert nothing_due(outbox, minutes=1)


def test_the_delivery_that_has_been_due_for_longest_comes_first(database: Database, outbox: Outbox) -> None:
    for number in (1, 2, 3):
        publish(database, number, "pacs", minutes=number)
    assert [due(outbox, minutes=9).study_uid for _ in range(3)] == [study_uid(n).value for n in (1, 2, 3)]


def test_a_sent_delivery_is_done(database: Database, outbox: Outbox) -> None:
    publish(database, 1, "pacs")
    outbox.sent(due(outbox, minutes=1), now=at(2))
    assert nothing_due(outbox, minutes=1000)
    (delivery,) = outbox.deliveries(study_uid(1).value)
    assert (delivery.state, delivery.sent_at, delivery.error) == (DeliveryState.SENT, at(2), None)


def test_a_delivery_that_did_not_work_is_due_again_when_it_says(database: Database, outbox: Outbox) -> None:
    publish(database, 1, "pacs")
    outbox.retry(due(outbox, minutes=1), error="connection refused", next_attempt_at=at(5), now=at(1))
    assert nothing_due(outbox, minutes=4.9)
    assert outbox.deliveries(study_uid(1).value)[0].error == "connection refused"
    assert due(outbox, minutes=5).attempts == 2


def test_a_destination_that_is_away_delays_no_other(database: Database, outbox: Outbox) -> None:
    for number in (1, 2):
        publish(database, number, "away", "pacs", minutes=number)
    outbox.retry(due(outbox, "away", minutes=3), error="no route", next_attempt_at=at(60), now=at(3))
    due(outbox, "away", minutes=3)  # a courier hangs on the second one
    for number in (1, 2):
        item = due(outbox, "pacs", minutes=4)
        assert (item.destination, item.study_uid) == ("pacs", study_uid(number).value)
        outbox.sent(item, now=at(4))
    assert nothing_due(outbox, "pacs", minutes=1000)


def test_a_retried_delivery_does_not_hold_up_those_that_came_later(database: Database, outbox: Outbox) -> None:
    for number in (1, 2):
        publish(database, number, "pacs", minutes=number)
    outbox.retry(due(outbox, minutes=3), error="refused", next_attempt_at=at(4), now=at(3))
    assert due(outbox, minutes=9).study_uid == study_uid(2).value


def test_a_courier_that_died_holds_up_nothing_for_longer_than_its_lease(database: Database, outbox: Outbox) -> None:
    publish(database, 1, "pacs")
    dead_courier_s = due(outbox, minutes=1, lease_s=60)
    assert nothing_due(outbox, minutes=1.9)
    again = due(outbox, minutes=2)
    assert (again.item_id, again.attempts) == (dead_courier_s.item_id, 2)
    with pytest.raises(StaleClaim, match="attempt 1"):
        outbox.sent(dead_courier_s, now=at(2))
    outbox.sent(again, now=at(2))


def test_nothing_overtakes_an_object_of_the_result_before_that_another_courier_is_sending(
    database: Database, outbox: Outbox
) -> None:
    """It would arrive after its successor."""
    publish(database, 1, "pacs", "archive")
    first = due(outbox, "pacs", minutes=1)
    sent = due(outbox, "archive", minutes=1)
    outbox.sent(sent, now=at(1))
    publish(database, 1, "pacs", "archive", minutes=1.1, slices=2)
    assert due(outbox, "archive", minutes=1.2).study_uid == study_uid(1).value
    assert nothing_due(outbox, "pacs", minutes=1.3)
    publish(database, 2, "pacs", minutes=1.4)
    assert due(outbox, "pacs", minutes=1.5).study_uid == study_uid(2).value, "expected others not to wait for it"
    outbox.sent(first, now=at(1.6))
    assert due(outbox, "pacs", minutes=1.7).object != first.object


def test_nothing_waits_for_an_object_of_the_result_before_whose_courier_has_died(
    database: Database, outbox: Outbox
) -> None:
    publish(database, 1, "pacs")
    first = due(outbox, "pacs", minutes=1, lease_s=60)
    publish(database, 1, "pacs", minutes=1.1, slices=2)
    assert nothing_due(outbox, "pacs", minutes=1.9)
    second = due(outbox, "pacs", minutes=2.1)
    assert second.object != first.object
    assert nothing_due(outbox, "pacs", minutes=2.2)
    with pytest.raises(StaleClaim):
        outbox.sent(first, now=at(2.3))
    assert outbox.counts()["pacs"][DeliveryState.WITHDRAWN] == 1


def test_a_delivery_is_settled_once(database: Database, outbox: Outbox) -> None:
    publish(database, 1, "pacs")
    item = due(outbox, minutes=1)
    outbox.retry(item, error="refused", next_attempt_at=at(2), now=at(1))
    with pytest.raises(StaleClaim):
        outbox.dead(item, error="late", now=at(1))
    assert outbox.deliveries(study_uid(1).value)[0].state is DeliveryState.PENDING


def test_a_dead_delivery_is_listed_and_waits_for_a_person(database: Database, outbox: Outbox) -> None:
    for number in (1, 2):
        publish(database, number, "pacs", minutes=number)
        outbox.dead(due(outbox, minutes=number), error=f"refused {number}", now=at(number))
    assert nothing_due(outbox, minutes=10_000)
    assert [each.error for each in outbox.dead_items()] == ["refused 2", "refused 1"]
    assert [each.error for each in outbox.dead_items(limit=1)] == ["refused 2"]


@pytest.mark.parametrize(
    ("study", "destination", "revived"),
    [
        (None, None, {(1, "pacs"), (1, "research"), (2, "pacs"), (2, "research")}),
        (study_uid(1).value, None, {(1, "pacs"), (1, "research")}),
        (None, "research", {(1, "research"), (2, "research")}),
        (study_uid(2).value, "pacs", {(2, "pacs")}),
        ("9.9", None, set()),
    ],
)
def test_dead_deliveries_are_sent_again_when_a_person_asks(
    database: Database, outbox: Outbox, study: str | None, destination: str | None, revived: set[tuple[int, str]]
) -> None:
    for number in (1, 2):
        publish(database, number, "pacs", "research", minutes=number)
    for _ in range(4):
        outbox.dead(due(outbox, minutes=5), error="refused", now=at(5))
    assert outbox.resend(study, destination, now=at(6)) == len(revived)
    found = {(item.study_uid, item.destination) for item in _all_due(outbox, minutes=6)}
    assert found == {(study_uid(number).value, name) for number, name in revived}


def _all_due(outbox: Outbox, *, minutes: float) -> list[OutboxItem]:
    items = []
    while (item := outbox.claim_due("courier-1", lease_s=60, now=at(minutes))) is not None:
        assert item.attempts == 1
        items.append(item)
    return items


def test_resending_leaves_alone_what_was_sent_or_is_on_its_way(database: Database, outbox: Outbox) -> None:
    publish(database, 1, "pacs", "research")
    outbox.sent(due(outbox, minutes=1), now=at(1))
    assert outbox.resend(now=at(2)) == 0
    assert outbox.counts()["pacs"][DeliveryState.SENT] == 1


def test_deliveries_are_counted_per_destination_and_state(database: Database, outbox: Outbox) -> None:
    publish(database, 1, "pacs", "research", minutes=1)
    publish(database, 2, "pacs", minutes=2)
    outbox.sent(due(outbox, "pacs", minutes=3), now=at(3))
    outbox.dead(due(outbox, "research", minutes=3), error="refused", now=at(3))
    none = dict.fromkeys(DeliveryState, 0)
    assert outbox.counts() == {
        "pacs": none | {DeliveryState.PENDING: 1, DeliveryState.SENT: 1},
        "research": none | {DeliveryState.DEAD: 1},
    }
