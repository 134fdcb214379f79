"""Which pictures a destination gets, and what is known of what it accepts, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.store.making import Studies, at, claimed, commit, derived, make_ready, ranking, study_uid
from triaged.store.couriers.commitments import Commitments
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.peers import Peers
from triaged.store.tables.database import Database
from triaged.study.commitment import CommitmentReport, NotCommitted
from triaged.study.kinds import ObjectKind
from triaged.study.records import Claim, DeliveryState, DerivedObject, Negotiated, OutboxItem

STUDY = study_uid(1).value
MULTI_FRAME_TRUE_COLOR = "1.2.840.10008.5.1.4.1.1.7.4"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
RLE, EXPLICIT = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1"
BOTH = frozenset({ObjectKind.SC, ObjectKind.SC_MULTIFRAME})
SINGLES = [(ObjectKind.SC, 1), (ObjectKind.SC, 2)]


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


@pytest.fixture
def peers(database: Database) -> Peers:
    return Peers(database)


def pictures(claim: Claim) -> tuple[DerivedObject, ...]:
    """Return two single pictures and the same two in one object."""
    whole = replace(derived(claim, ObjectKind.SC_MULTIFRAME), sop_class_uid=MULTI_FRAME_TRUE_COLOR)
    return derived(claim, ObjectKind.SC, number=1), derived(claim, ObjectKind.SC, number=2), whole


def publish(
    database: Database, *, minutes: float = 1.0, kinds: frozenset[ObjectKind] = BOTH, basis: str = "A", only: int = 3
) -> None:
    studies = Studies(database)
    if studies.publication(STUDY) is None:
        make_ready(studies, 1, minutes=minutes)
    else:
        studies.requeue(STUDY, ranking=ranking(0, study_uid(1)), now=at(minutes))
    claim = claimed(studies, minutes=minutes)
    wanted = {"pacs": kinds}
    commit(studies, claim, minutes=minutes, basis=basis, objects=pictures(claim)[:only], destinations=wanted)


def posted(outbox: Outbox) -> list[tuple[str, str]]:
    return [(each.kind.name, each.state.value) for each in outbox.deliveries(STUDY)]


def due(outbox: Outbox, *, minutes: float = 5.0) -> OutboxItem:
    item = outbox.claim_due("courier", lease_s=60, now=at(minutes))
    assert item is not None
    return item


PENDING_WHOLE = [("sc-multiframe", "PENDING")]
PENDING_SINGLES = [("sc", "PENDING")] * 2


def test_what_a_destination_accepts_is_kept_until_it_answers_again(peers: Peers) -> None:
    assert peers.known("pacs") is None
    peers.remember("pacs", {MULTI_FRAME_TRUE_COLOR: [RLE, EXPLICIT], SEGMENTATION: []}, now=at(1))
    peers.remember("archive", {}, now=at(2))
    expected = Negotiated("pacs", at(1), {MULTI_FRAME_TRUE_COLOR: (RLE, EXPLICIT), SEGMENTATION: ()})
    assert peers.known("pacs") == expected
    assert expected.refuses(SEGMENTATION)
    answer = peers.remember("pacs", {SEGMENTATION: [EXPLICIT]}, now=at(3))
    assert answer == Negotiated("pacs", at(3), {SEGMENTATION: (EXPLICIT,)})
    assert peers.all() == [Negotiated("archive", at(2), {}), answer]


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        (None, PENDING_SINGLES),
        ({}, PENDING_SINGLES),
        ({MULTI_FRAME_TRUE_COLOR: []}, PENDING_SINGLES),
        ({MULTI_FRAME_TRUE_COLOR: [EXPLICIT]}, PENDING_WHOLE),
    ],
)
def test_pictures_go_as_one_object_only_to_who_is_known_to_accept_it(
    database: Database,
    outbox: Outbox,
    peers: Peers,
    accepted: dict[str, Sequence[str]] | None,
    expected: list[tuple[str, str]],
) -> None:
    peers.remember("another", {MULTI_FRAME_TRUE_COLOR: [EXPLICIT]}, now=at(0))
    if accepted is not None:
        peers.remember("pacs", accepted, now=at(0))
    publish(database)
    assert posted(outbox) == expected


@pytest.mark.parametrize(
    ("kinds", "expected"), [({ObjectKind.SC_MULTIFRAME}, PENDING_WHOLE), ({ObjectKind.SC}, PENDING_SINGLES)]
)
def test_who_wants_one_kind_of_pictures_gets_that(
    database: Database, outbox: Outbox, kinds: set[ObjectKind], expected: list[tuple[str, str]]
) -> None:
    publish(database, kinds=frozenset(kinds))
    assert posted(outbox) == expected


def test_a_picture_that_is_in_no_other_object_is_sent(database: Database, outbox: Outbox, peers: Peers) -> None:
    peers.remember("pacs", {MULTI_FRAME_TRUE_COLOR: [EXPLICIT]}, now=at(0))
    publish(database, only=1)
    assert posted(outbox) == PENDING_SINGLES[:1]


@pytest.mark.parametrize("before", [[], [EXPLICIT]])
def test_the_same_pictures_made_again_never_go_in_the_other_form(
    database: Database, outbox: Outbox, peers: Peers, before: list[str]
) -> None:
    peers.remember("pacs", {MULTI_FRAME_TRUE_COLOR: before}, now=at(0))
    publish(database)
    outbox.sent(due(outbox), now=at(5))
    first = posted(outbox)
    peers.remember("pacs", {MULTI_FRAME_TRUE_COLOR: [] if before else [EXPLICIT]}, now=at(6))
    publish(database, minutes=7)
    assert posted(outbox) == first


@pytest.mark.parametrize(("how", "state"), [("refused", "REFUSED"), ("dead", "WITHDRAWN")])
def test_single_pictures_go_where_the_one_object_did_not(
    database: Database, outbox: Outbox, peers: Peers, how: str, state: str
) -> None:
    peers.remember("pacs", {MULTI_FRAME_TRUE_COLOR: [EXPLICIT]}, now=at(0))
    publish(database)
    getattr(outbox, how)(due(outbox), error="0122H", now=at(6))
    assert posted(outbox) == [("sc-multiframe", state), *PENDING_SINGLES]
    assert outbox.deliveries(STUDY)[0].error == "0122H; the single pictures are sent instead"
    assert {each.next_attempt_at for each in outbox.deliveries(STUDY)[1:]} == {at(6)}
    assert outbox.dead_items() == []
    publish(database, minutes=7)  # the same result again
    assert outbox.resend(now=at(8)) == 0
    assert outbox.revive_refused("pacs", [ObjectKind.SC_MULTIFRAME], now=at(8)) == 0
    assert posted(outbox) == [("sc-multiframe", state), *PENDING_SINGLES]


def test_one_object_that_nothing_can_take_the_place_of_stays_where_it_failed(
    database: Database, outbox: Outbox
) -> None:
    studies = Studies(database)
    make_ready(studies, 1)
    claim = claimed(studies)
    commit(studies, claim, objects=pictures(claim)[2:], destinations={"pacs": BOTH})
    outbox.dead(due(outbox), error="no route", now=at(6))
    assert posted(outbox) == [("sc-multiframe", "DEAD")]
    assert outbox.resend(now=at(7)) == 1


def test_single_pictures_of_a_superseded_set_are_not_sent_instead(
    database: Database, outbox: Outbox, peers: Peers
) -> None:
    peers.remember("pacs", {MULTI_FRAME_TRUE_COLOR: [EXPLICIT]}, now=at(0))
    publish(database)
    item = outbox.claim_due("courier", lease_s=6000, now=at(5))
    assert item is not None
    studies = Studies(database)
    studies.requeue(STUDY, ranking=ranking(0, study_uid(1)), now=at(6))
    commit(studies, claimed(studies, minutes=6), minutes=6, basis="B")
    outbox.refused(item, error="0122H", now=at(7))
    assert posted(outbox) == [("sc-multiframe", "WITHDRAWN")]


def test_pictures_that_a_destination_turns_out_not_to_keep_go_one_by_one(
    database: Database, outbox: Outbox, peers: Peers
) -> None:
    peers.remember("pacs", {MULTI_FRAME_TRUE_COLOR: [EXPLICIT]}, now=at(0))
    publish(database)
    item = due(outbox)
    outbox.sent(item, now=at(5))
    commitments = Commitments(database)
    ((item_id, reference),) = commitments.uncommitted("pacs", ask_again_before=at(6), limit=9, now=at(6))
    commitments.asked([item_id], "2.25.1", now=at(6))
    report = CommitmentReport("2.25.1", (), (NotCommitted(reference, 0x0112),))
    assert commitments.settle(report, max_attempts=1, now=at(7)) == (0, 1)
    assert posted(outbox) == [("sc-multiframe", "WITHDRAWN"), *PENDING_SINGLES]


def test_what_was_refused_is_shown_with_its_reason_and_is_no_dead_letter(database: Database, outbox: Outbox) -> None:
    publish(database)
    outbox.refused(due(outbox), error="0122H: SOP class not supported", now=at(5))
    (refused,) = outbox.refused_items()
    assert (refused.state, refused.error) == (DeliveryState.REFUSED, "0122H: SOP class not supported")
    assert outbox.dead_items() == []
    assert due(outbox).object.kind is ObjectKind.SC  # the other one goes
    assert outbox.claim_due("courier", lease_s=60, now=at(5)) is None


def test_what_was_refused_is_sent_when_a_person_asks(database: Database, outbox: Outbox) -> None:
    publish(database)
    refused = due(outbox)
    outbox.refused(refused, error="0122H", now=at(5))
    assert outbox.resend(STUDY, now=at(6)) == 1
    again = due(outbox, minutes=7)
    assert again.item_id != refused.item_id  # the other one has been due for longer
    assert due(outbox, minutes=7).item_id == refused.item_id


def test_what_was_refused_of_a_class_is_sent_when_the_class_is_accepted(database: Database, outbox: Outbox) -> None:
    publish(database)
    refused = due(outbox)
    outbox.refused(refused, error="0122H", now=at(5))
    outbox.dead(due(outbox), error="no route", now=at(5))
    assert outbox.revive_refused("another", [refused.object.kind], now=at(6)) == 0
    assert outbox.revive_refused("pacs", [ObjectKind.SC_MULTIFRAME], now=at(6)) == 0
    assert outbox.revive_refused("pacs", [ObjectKind.SC_MULTIFRAME, refused.object.kind], now=at(6)) == 1
    assert due(outbox, minutes=6).item_id == refused.item_id
    assert outbox.claim_due("courier", lease_s=60, now=at(6)) is None
