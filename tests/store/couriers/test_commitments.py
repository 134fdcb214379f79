"""Storage commitment, as the one who is asked and as the one who asks, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.store.making import (
    CT_IMAGE_STORAGE,
    EXPLICIT_VR_LITTLE_ENDIAN,
    Studies,
    admit,
    at,
    claimed,
    commit,
    derived,
    instance,
    make_ready,
    study_uid,
)
from triaged.errors import StaleClaim
from triaged.store.couriers.answers import Answers, QueuedReport
from triaged.store.couriers.commitments import Commitments, Held
from triaged.store.couriers.outbox import Outbox
from triaged.store.tables.database import Database
from triaged.store.tables.views import Quarantined
from triaged.study.commitment import CommitmentReport, FailureReason, NotCommitted, Reference
from triaged.study.kinds import ObjectKind
from triaged.study.records import DeliveryState, OutboxItem
from triaged.study.uids import SOPInstanceUID

KINDS = (ObjectKind.SEG, ObjectKind.SR)
MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"


@pytest.fixture
def commitments(database: Database) -> Commitments:
    return Commitments(database)


@pytest.fixture
def answers(database: Database) -> Answers:
    return Answers(database)


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


def reference(item: OutboxItem) -> Reference:
    return Reference(item.object.sop_class_uid, item.object.sop_instance_uid)


def sent(database: Database, study: int, *destinations: str, minutes: float) -> list[OutboxItem]:
    """Publish two objects of a study and send them to its destinations."""
    studies, outbox = Studies(database), Outbox(database)
    make_ready(studies, study, minutes=minutes)
    claim = claimed(studies, minutes=minutes)
    objects = tuple(derived(claim, kind) for kind in KINDS)
    wanted = dict.fromkeys(destinations, frozenset(KINDS))
    commit(studies, claim, minutes=minutes, objects=objects, destinations=wanted)
    items = []
    while (item := outbox.claim_due("courier", lease_s=60, now=at(minutes))) is not None:
        outbox.sent(item, now=at(minutes))
        items.append(item)
    return items


def waiting(commitments: Commitments, destination: str = "pacs", *, before: float = 5.0, limit: int = 100) -> list[int]:
    found = commitments.uncommitted(destination, ask_again_before=at(before), limit=limit, now=at(9))
    return [item_id for item_id, _ in found]


def settled(commitments: Commitments, uid: str, *failed: tuple[OutboxItem, int], times: int = 10) -> tuple[int, int]:
    answers = tuple(NotCommitted(reference(item), reason) for item, reason in failed)
    return commitments.settle(CommitmentReport(uid, (), answers), max_attempts=times, now=at(20))


# What is asked of us


def test_what_was_received_is_held_with_its_class_and_path(database: Database, commitments: Commitments) -> None:
    kept = instance(1, 1)
    admit(Studies(database), kept)
    asked = [Reference(CT_IMAGE_STORAGE, kept.sop_instance_uid.value), Reference(CT_IMAGE_STORAGE, "1.2.3.4")]
    assert commitments.held(asked) == {kept.sop_instance_uid.value: Held(CT_IMAGE_STORAGE, kept.path, kept.size_bytes)}


def test_an_instance_that_came_twice_or_with_other_content_is_held(
    database: Database, commitments: Commitments
) -> None:
    kept = instance(1, 1)
    for content in ("as first sent", "as first sent", "other"):
        admit(Studies(database), instance(1, 1, content=content))
    asked = [Reference(CT_IMAGE_STORAGE, kept.sop_instance_uid.value)]
    assert commitments.held(asked) == {kept.sop_instance_uid.value: Held(CT_IMAGE_STORAGE, kept.path, kept.size_bytes)}


@pytest.mark.parametrize("sent_uid", ["1.02.3", "not a uid", "1.2.3\0", "1.2.3 "])
def test_an_instance_is_held_under_the_uid_that_its_sender_gave_it(
    database: Database, commitments: Commitments, sent_uid: str
) -> None:
    kept = replace(instance(1, 1), sop_instance_uid=SOPInstanceUID.parse(sent_uid))
    admit(Studies(database), kept)
    assert commitments.held([Reference(CT_IMAGE_STORAGE, sent_uid)]) == {
        sent_uid: Held(CT_IMAGE_STORAGE, kept.path, kept.size_bytes)
    }


def test_of_two_instances_with_one_uid_the_one_of_the_class_that_is_asked_for_is_told(
    database: Database, commitments: Commitments
) -> None:
    first = instance(1, 1)
    other = replace(
        instance(2, 1),
        sop_instance_uid=first.sop_instance_uid,
        image=replace(first.image, sop_class_uid=MR_IMAGE_STORAGE),
    )
    for kept in (first, other):
        admit(Studies(database), kept)
    uid = first.sop_instance_uid.value
    assert commitments.held([Reference(MR_IMAGE_STORAGE, uid)]) == {
        uid: Held(MR_IMAGE_STORAGE, other.path, other.size_bytes)
    }
    assert commitments.held([Reference("1.2.3", uid)]) == {uid: Held(CT_IMAGE_STORAGE, first.path, first.size_bytes)}


@pytest.mark.parametrize("sent_uid", ["1.2.77", "not a uid", ""])
def test_what_is_in_quarantine_is_held_where_its_sender_named_it(
    database: Database, commitments: Commitments, sent_uid: str
) -> None:
    quarantine(database, sent_uid)
    held = commitments.held([Reference(CT_IMAGE_STORAGE, sent_uid)])
    assert held == ({sent_uid: Held(CT_IMAGE_STORAGE, "quarantine/1", 1)} if sent_uid else {})
    assert [each.sop_instance_uid_sent for each in Studies(database).quarantined()] == [sent_uid]


def quarantine(database: Database, sent_uid: str) -> None:
    Studies(database).quarantine(
        Quarantined(
            path="quarantine/1",
            reason="no study",
            peer="127.0.0.1",
            calling_ae_title="CT1",
            sop_class_uid=CT_IMAGE_STORAGE,
            sop_instance_uid_sent=sent_uid,
            transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN,
            sha256="ab",
            size_bytes=1,
            at=at(0),
        )
    )


def test_our_own_objects_are_held(database: Database, commitments: Commitments) -> None:
    item, _ = sent(database, 1, "pacs", minutes=0)
    held = commitments.held([reference(item)])
    assert held == {item.object.sop_instance_uid: Held(item.object.sop_class_uid, item.object.path, None)}


def test_a_question_about_more_instances_than_a_statement_takes_is_answered(
    database: Database, commitments: Commitments
) -> None:
    kept = instance(1, 1)
    admit(Studies(database), kept)
    asked = [Reference(CT_IMAGE_STORAGE, f"1.2.3.{number}") for number in range(1201)]
    asked.insert(700, Reference(CT_IMAGE_STORAGE, kept.sop_instance_uid.value))
    assert list(commitments.held(asked)) == [kept.sop_instance_uid.value]


# The answers that we owe

REPORT = CommitmentReport(
    "1.2.3",
    (Reference(CT_IMAGE_STORAGE, "1.2.3.1"),),
    (NotCommitted(Reference("x\0y", "\udce9"), FailureReason.NO_SUCH_INSTANCE),),
)


def owed(answers: Answers, *, minutes: float = 1.0, lease_s: float = 60.0) -> QueuedReport:
    queued = answers.claim_due("reporter", lease_s=lease_s, now=at(minutes))
    assert queued is not None
    return queued


def nothing_owed(answers: Answers, *, minutes: float) -> bool:
    return answers.claim_due("another", lease_s=60, now=at(minutes)) is None


def test_an_answer_comes_back_as_it_was_given(answers: Answers) -> None:
    answers.queue_report("CT1", REPORT, now=at(0))
    queued = owed(answers)
    assert (queued.ae_title, queued.report, queued.attempts) == ("CT1", REPORT, 1)
    assert nothing_owed(answers, minutes=1.5)


def test_a_question_asked_twice_is_answered_once_and_the_same_of_another_peer_is_another(
    answers: Answers,
) -> None:
    for _ in range(2):
        answers.queue_report("CT1", REPORT, now=at(0))
    answers.sent(owed(answers), now=at(1))
    answers.queue_report("CT1", REPORT, now=at(2))
    assert nothing_owed(answers, minutes=1000)
    answers.queue_report("CT2", REPORT, now=at(3))
    assert owed(answers, minutes=4).ae_title == "CT2"


def test_a_peer_that_asks_again_gets_what_was_found_last(answers: Answers) -> None:
    later = replace(REPORT, committed=(*REPORT.committed, Reference(CT_IMAGE_STORAGE, "1.2.3.2")), failed=())
    answers.queue_report("CT1", REPORT, now=at(0))
    answers.queue_report("CT1", later, now=at(0.5))
    queued = owed(answers)
    assert queued.report == later
    answers.dead(queued, error="no route", now=at(1))
    assert nothing_owed(answers, minutes=1000)
    answers.queue_report("CT1", REPORT, now=at(2))
    assert owed(answers, minutes=3).report == REPORT


def test_an_answer_that_is_being_sent_is_not_changed_under_the_courier(answers: Answers) -> None:
    answers.queue_report("CT1", REPORT, now=at(0))
    queued = owed(answers)
    answers.queue_report("CT1", replace(REPORT, failed=()), now=at(1))
    assert nothing_owed(answers, minutes=1.5)
    answers.sent(queued, now=at(1.5))


def test_an_answer_that_did_not_arrive_is_due_again_when_it_says(answers: Answers) -> None:
    answers.queue_report("CT1", REPORT, now=at(0))
    answers.retry(owed(answers), error="no route", next_attempt_at=at(5), now=at(1))
    assert nothing_owed(answers, minutes=4.9)
    assert owed(answers, minutes=5).attempts == 2


def test_a_reporter_that_died_holds_up_no_answer(answers: Answers) -> None:
    answers.queue_report("CT1", REPORT, now=at(0))
    lost = owed(answers)
    again = owed(answers, minutes=2)
    with pytest.raises(StaleClaim, match="attempt 1"):
        answers.sent(lost, now=at(2))
    assert answers.release("reporter") == 1
    assert owed(answers, minutes=2).attempts == again.attempts + 1


# What we ask


def test_what_was_sent_is_asked_for_study_by_study_the_oldest_first(
    database: Database, commitments: Commitments
) -> None:
    items = {number: sent(database, number, "pacs", minutes=number) for number in (1, 2)}
    found = commitments.uncommitted("pacs", ask_again_before=at(5), limit=100, now=at(5))
    assert found == tuple((item.item_id, reference(item)) for item in items[1])
    assert waiting(commitments, limit=1) == [items[1][0].item_id]
    assert waiting(commitments, "research") == []
    commitments.asked(waiting(commitments), "2.25.1", now=at(5))
    assert waiting(commitments) == [item.item_id for item in items[2]]


def test_a_destination_that_does_not_answer_is_asked_again(database: Database, commitments: Commitments) -> None:
    sent(database, 1, "pacs", minutes=1)
    asked = waiting(commitments)
    commitments.asked(asked, "2.25.1", now=at(5))
    assert waiting(commitments, before=5) == []
    assert waiting(commitments, before=5.1) == asked


def test_what_is_not_sent_is_not_asked_for(database: Database, commitments: Commitments, outbox: Outbox) -> None:
    studies = Studies(database)
    make_ready(studies, 1)
    claim = claimed(studies)
    commit(studies, claim, objects=(derived(claim, KINDS[0]),), destinations={"pacs": frozenset(KINDS)})
    assert waiting(commitments) == []
    item = outbox.claim_due("courier", lease_s=60, now=at(3))
    assert item is not None
    outbox.refused(item, error="not wanted", now=at(3))
    assert waiting(commitments) == []


def test_what_a_destination_keeps_is_known_and_asked_for_no_more(
    database: Database, commitments: Commitments, outbox: Outbox
) -> None:
    first, second = sent(database, 1, "pacs", minutes=1)
    commitments.asked(waiting(commitments), "2.25.1", now=at(5))
    answer = CommitmentReport("2.25.1", (reference(first), Reference("1.2", "9.9.9")))
    assert commitments.settle(answer, max_attempts=10, now=at(6)) == (1, 0)
    assert [each.committed_at for each in outbox.deliveries(study_uid(1).value)] == [at(6), None]
    assert waiting(commitments, before=10) == [second.item_id]
    assert commitments.settle(answer, max_attempts=10, now=at(7)) == (0, 0)
    assert outbox.deliveries(study_uid(1).value)[0].committed_at == at(6)


def test_one_destination_s_answer_says_nothing_of_another(
    database: Database, commitments: Commitments, outbox: Outbox
) -> None:
    sent(database, 1, "pacs", "research", minutes=1)
    commitments.asked(waiting(commitments, "pacs"), "2.25.1", now=at(5))
    references = tuple(
        reference for _, reference in commitments.uncommitted("research", ask_again_before=at(9), limit=9, now=at(9))
    )
    assert commitments.settle(CommitmentReport("2.25.1", references), max_attempts=10, now=at(6)) == (2, 0)
    kept = {(each.destination, each.committed_at) for each in outbox.deliveries(study_uid(1).value)}
    assert kept == {("pacs", at(6)), ("research", None)}


def test_an_answer_to_nothing_that_was_asked_changes_nothing(
    database: Database, commitments: Commitments, outbox: Outbox
) -> None:
    first, _ = sent(database, 1, "pacs", minutes=1)
    assert settled(commitments, "2.25.9", (first, 0x0112)) == (0, 0)
    commitments.asked(waiting(commitments), "2.25.1", now=at(5))
    assert settled(commitments, "2.25.9", (first, 0x0112)) == (0, 0)
    assert {each.state for each in outbox.deliveries(study_uid(1).value)} == {DeliveryState.SENT}


def test_what_a_destination_lost_is_sent_again_with_its_reason(
    database: Database, commitments: Commitments, outbox: Outbox
) -> None:
    first, second = sent(database, 1, "pacs", minutes=1)
    commitments.asked(waiting(commitments), "2.25.1", now=at(5))
    assert settled(commitments, "2.25.1", (first, 0x0112), (second, 0x0001)) == (0, 2)
    lost = outbox.deliveries(study_uid(1).value)
    assert [each.error for each in lost] == [
        "sent, but the destination does not keep it: no such instance (0112H)",
        "sent, but the destination does not keep it: 0001H",
    ]
    assert {(each.state, each.sent_at, each.next_attempt_at) for each in lost} == {
        (DeliveryState.PENDING, None, at(20))
    }
    again = outbox.claim_due("courier", lease_s=60, now=at(21))
    assert again is not None
    outbox.sent(again, now=at(21))
    assert waiting(commitments) == [again.item_id]


def test_what_is_never_kept_is_given_up_after_so_many_times_however_often_it_was_tried(
    database: Database, commitments: Commitments, outbox: Outbox
) -> None:
    first, _ = sent(database, 1, "pacs", minutes=1)
    states = []
    for number in range(3):
        commitments.asked([first.item_id], f"2.25.{number}", now=at(5))
        assert settled(commitments, f"2.25.{number}", (first, 0x0110), times=3) == (0, 1)
        states.append(outbox.deliveries(study_uid(1).value)[0].state)
        while (item := outbox.claim_due("courier", lease_s=60, now=at(30))) is not None and item.attempts < 20:
            outbox.retry(item, error="no route", next_attempt_at=at(30), now=at(30))
        if item is not None:
            outbox.sent(item, now=at(30))
    assert states == [DeliveryState.PENDING, DeliveryState.PENDING, DeliveryState.DEAD]
    assert [each.item_id for each in outbox.dead_items()] == [first.item_id]


def test_a_transaction_that_the_destination_knew_loses_nothing_and_is_asked_in_another(
    database: Database, commitments: Commitments, outbox: Outbox
) -> None:
    first, second = sent(database, 1, "pacs", minutes=1)
    commitments.asked(waiting(commitments), "2.25.1", now=at(5))
    assert settled(commitments, "2.25.1", (first, 0x0131), (second, 0x0131)) == (0, 0)
    assert {each.state for each in outbox.deliveries(study_uid(1).value)} == {DeliveryState.SENT}
    assert waiting(commitments, before=6) == [first.item_id, second.item_id]
