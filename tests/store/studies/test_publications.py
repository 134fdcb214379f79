"""Sets of results that follow each other, and what is withdrawn because of it, on both databases."""

from __future__ import annotations

import pytest

from tests.store.making import (
    Studies,
    at,
    claimed,
    commit,
    derived,
    make_ready,
    next_set,
    object_set,
    ranking,
    study_uid,
)
from tests.store.studies.test_outcomes import decline
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import Database
from triaged.study.assessment import Failed, OutOfScope, Reason, ReasonCode
from triaged.study.kinds import KINDS, ObjectKind
from triaged.study.lifecycle import State
from triaged.study.records import Claim, DeliveryState, DerivedObject, OutboxItem

STUDY = study_uid(1).value
REPORTS = (ObjectKind.SR, ObjectKind.TEXT)
PACS = {"pacs": frozenset({ObjectKind.SEG, ObjectKind.SR, ObjectKind.TEXT})}


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


def claim_again(studies: Studies, *, minutes: float) -> Claim:
    """Claim the study: for the first time, or after a requeue."""
    if studies.publication(STUDY) is None:
        make_ready(studies, 1, minutes=minutes)
    else:
        studies.requeue(STUDY, ranking=ranking(0, study_uid(1)), now=at(minutes))
    return claimed(studies, minutes=minutes)


def score(
    studies: Studies, basis: str, *, minutes: float, kinds: tuple[ObjectKind, ...] = (ObjectKind.SEG, ObjectKind.SR)
) -> tuple[DerivedObject, ...]:
    """Publish a result of this basis with the objects that are a function of its set."""
    claim = claim_again(studies, minutes=minutes)
    revision = next_set(studies, claim, basis).revision
    objects = tuple(derived(claim, kind, number=revision) for kind in kinds)
    commit(studies, claim, minutes=minutes, basis=basis, objects=objects, destinations=PACS)
    return objects


def states(outbox: Outbox) -> list[tuple[int, str, str]]:
    return [(each.result_revision, each.kind.name, each.state.value) for each in outbox.deliveries(STUDY)]


def due(outbox: Outbox, *, minutes: float, lease_s: float = 60.0, courier: str = "courier") -> OutboxItem:
    item = outbox.claim_due(courier, lease_s=lease_s, now=at(minutes))
    assert item is not None
    return item


def test_a_study_without_a_result_has_published_nothing(studies: Studies) -> None:
    make_ready(studies, 1)
    assert studies.publication(STUDY) is None
    assert studies.publication("9.9") is None
    assert studies.results(STUDY) == []


def test_the_first_set_is_in_force_with_its_reports_and_follows_none(studies: Studies) -> None:
    objects = score(studies, "A", minutes=1, kinds=(ObjectKind.SEG, *REPORTS))
    published = studies.publication(STUDY)
    assert published is not None
    assert published.object_set == object_set(1, "A")
    assert (published.reports, published.followed_reports) == (objects[1:], ())


def test_the_same_result_again_is_the_same_set_with_the_same_predecessor(studies: Studies) -> None:
    old = score(studies, "A", minutes=1)
    new = score(studies, "B", minutes=2)
    once = studies.publication(STUDY)
    assert score(studies, "B", minutes=3) == new
    again = studies.publication(STUDY)
    assert again == once
    assert again is not None
    assert (again.object_set.revision, again.object_set.follows) == (2, object_set(1, "A").uid)
    assert (again.reports, again.followed_reports) == (new[1:], old[1:])


def test_going_back_to_earlier_settings_gives_a_third_set(studies: Studies) -> None:
    for minutes, basis in enumerate("ABA", start=1):
        score(studies, basis, minutes=minutes)
    published = studies.publication(STUDY)
    assert published is not None
    first = object_set(1, "A")
    second = object_set(1, "B", follows=first)
    assert published.object_set == object_set(1, "A", follows=second)
    assert published.object_set.uid != first.uid
    assert [each.sop_instance_uid for each in published.reports] == [derived_uid_of(ObjectKind.SR, 3)]
    assert [each.sop_instance_uid for each in published.followed_reports] == [derived_uid_of(ObjectKind.SR, 2)]


def derived_uid_of(kind: ObjectKind, revision: int) -> str:
    return f"2.25.10{list(KINDS).index(kind.name)}{revision}"


def test_a_set_without_reports_leaves_the_last_ones_to_be_named(studies: Studies) -> None:
    old = score(studies, "A", minutes=1)
    reason = OutOfScope(Reason(ReasonCode.LOCALIZER_ONLY, "expected axial images"))
    decline(studies, claim_again(studies, minutes=2), reason)
    published = studies.publication(STUDY)
    assert published is not None
    assert (published.object_set.revision, published.reports) == (2, old[1:])
    score(studies, "B", minutes=3)
    published = studies.publication(STUDY)
    assert published is not None
    assert (published.object_set.revision, published.followed_reports) == (3, old[1:])


def test_the_history_tells_each_set_once_and_what_superseded_it(studies: Studies) -> None:
    for minutes, basis in enumerate("AABA", start=1):
        score(studies, basis, minutes=minutes)
    found = studies.results(STUDY)
    assert [(each.revision, each.at, each.superseded_by_revision) for each in found] == [
        (1, at(2), 2),
        (2, at(3), 3),
        (3, at(4), None),
    ]
    assert {(each.outcome, each.algorithm, each.urgency, each.triage_class.value) for each in found} == {
        (State.TRIAGED, "ct-test", 0.54, "B")
    }


def test_the_list_says_which_set_is_in_force(studies: Studies, database: Database) -> None:
    make_ready(studies, 2, minutes=90)
    for minutes, basis in enumerate("AB", start=1):
        score(studies, basis, minutes=minutes)
    worklist = Worklist(database)
    assert [(each.study_instance_uid, each.result_revision) for each in worklist.entries()] == [
        (STUDY, 2),
        (study_uid(2).value, None),
    ]
    entry = worklist.entry(STUDY)
    assert entry is not None
    assert (entry.result_revision, entry.revision) == (2, 2)


# What a new set does to deliveries of the old one


def test_what_was_not_sent_before_it_was_superseded_is_withdrawn(studies: Studies, outbox: Outbox) -> None:
    score(studies, "A", minutes=1)
    outbox.sent(due(outbox, minutes=2), now=at(2))
    score(studies, "B", minutes=3)
    assert states(outbox) == [
        (1, "seg", "SENT"),
        (1, "sr", "WITHDRAWN"),
        (2, "seg", "PENDING"),
        (2, "sr", "PENDING"),
    ]
    assert outbox.deliveries(STUDY)[1].error == "superseded by revision 2 before it was sent"
    assert {due(outbox, minutes=9).object.sop_instance_uid for _ in range(2)} == {
        derived_uid_of(kind, 2) for kind in (ObjectKind.SEG, ObjectKind.SR)
    }
    assert outbox.claim_due("courier", lease_s=60, now=at(9)) is None


def test_the_same_set_again_withdraws_nothing(studies: Studies, outbox: Outbox) -> None:
    score(studies, "A", minutes=1, kinds=(ObjectKind.SEG, ObjectKind.SR, ObjectKind.TEXT))
    score(studies, "A", minutes=2)  # nobody wants the text any more
    assert states(outbox) == [(1, "seg", "PENDING"), (1, "sr", "PENDING"), (1, "text", "PENDING")]


def test_another_study_s_deliveries_stay(studies: Studies, outbox: Outbox) -> None:
    make_ready(studies, 2)
    claim = claimed(studies)
    commit(studies, claim, objects=(derived(claim, ObjectKind.SEG),), destinations=PACS)
    for minutes, basis in enumerate("AB", start=3):
        score(studies, basis, minutes=minutes)
    assert [each.state for each in outbox.deliveries(study_uid(2).value)] == [DeliveryState.PENDING]


@pytest.mark.parametrize(
    "assessment",
    [
        OutOfScope(Reason(ReasonCode.LOCALIZER_ONLY, "expected axial images")),
        Failed(Reason(ReasonCode.GAVE_UP, "expected a score")),
    ],
)
def test_a_score_that_the_list_no_longer_shows_is_not_sent(
    studies: Studies, outbox: Outbox, assessment: OutOfScope | Failed
) -> None:
    score(studies, "A", minutes=1)
    decline(studies, claim_again(studies, minutes=2), assessment)
    assert states(outbox) == [(1, "seg", "WITHDRAWN"), (1, "sr", "WITHDRAWN")]


def test_nobody_has_to_see_to_a_superseded_delivery_that_failed(studies: Studies, outbox: Outbox) -> None:
    score(studies, "A", minutes=1)
    outbox.dead(due(outbox, minutes=2), error="no route", now=at(2))
    outbox.refused(due(outbox, minutes=2), error="not wanted", now=at(2))
    score(studies, "B", minutes=3)
    assert outbox.dead_items() == []
    assert outbox.refused_items() == []
    assert outbox.counts()["pacs"][DeliveryState.WITHDRAWN] == 2
    assert [each.error for each in outbox.deliveries(STUDY)[:2]] == [
        "superseded by revision 2 before it was sent; no route",
        "superseded by revision 2 before it was sent; not wanted",
    ]
    assert outbox.resend(now=at(4)) == 0
    assert outbox.resend(STUDY, "pacs", now=at(4)) == 0


def test_what_a_courier_is_sending_is_left_to_it(studies: Studies, outbox: Outbox) -> None:
    score(studies, "A", minutes=1)
    first, second = due(outbox, minutes=2), due(outbox, minutes=2)
    score(studies, "B", minutes=2.5)
    assert [state for _, _, state in states(outbox)] == ["PENDING"] * 4
    outbox.sent(first, now=at(2.6))
    outbox.retry(second, error="no route", next_attempt_at=at(3), now=at(2.6))
    assert [state for _, _, state in states(outbox)] == ["SENT", "WITHDRAWN", "PENDING", "PENDING"]
    assert outbox.deliveries(STUDY)[1].error == "superseded by revision 2 before it was sent; no route"


def test_a_superseded_delivery_that_fails_waits_for_nobody(studies: Studies, outbox: Outbox) -> None:
    score(studies, "A", minutes=1)
    first, second = due(outbox, minutes=2), due(outbox, minutes=2)
    score(studies, "B", minutes=2.5)
    outbox.dead(first, error="given up", now=at(2.6))
    outbox.refused(second, error="not wanted", now=at(2.6))
    assert [state for _, _, state in states(outbox)] == ["WITHDRAWN", "WITHDRAWN", "PENDING", "PENDING"]


def test_what_a_courier_died_with_is_not_sent_after_it_was_superseded(studies: Studies, outbox: Outbox) -> None:
    score(studies, "A", minutes=1)
    due(outbox, minutes=2, courier="dies")
    due(outbox, minutes=2, lease_s=3600)
    score(studies, "B", minutes=2.5)
    # the first one's lease has run out; while the other is on its way, its successors wait
    assert outbox.claim_due("courier", lease_s=60, now=at(4)) is None
    assert [state for _, _, state in states(outbox)] == ["WITHDRAWN", "PENDING", "PENDING", "PENDING"]
    outbox.release("courier")
    assert due(outbox, minutes=4).object.sop_instance_uid == derived_uid_of(ObjectKind.SEG, 2)
    assert states(outbox)[1] == (1, "sr", "WITHDRAWN")
