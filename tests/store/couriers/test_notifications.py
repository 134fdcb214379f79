"""Changes that other systems are told, on both databases: written with the change, in order, and only what holds."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from tests.store.making import (
    PATIENT,
    Studies,
    admit,
    at,
    claimed,
    commit,
    finding,
    instance,
    make_ready,
    ranking,
    study_uid,
)
from triaged.errors import StaleClaim
from triaged.store.couriers.notifications import Notifications
from triaged.store.listing import order
from triaged.store.listing.actions import Actions
from triaged.store.listing.rankings import Rankings
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import Database
from triaged.store.tables.rows import known_study
from triaged.study.assessment import Assessed
from triaged.study.notification import Notification, Occasion, Scored
from triaged.study.ranking import Override, Ranking, RequestPriority, TriageClass
from triaged.study.ranking_input import RankingInput
from triaged.study.read_state import ActionKind
from triaged.study.records import DeliveryState

EVERYTHING = frozenset(Occasion)
CHANGES = frozenset({Occasion.CLASS_CHANGE})
A, B, N, U = TriageClass.CRITICAL, TriageClass.SEVERE, TriageClass.NOT_FLAGGED, TriageClass.UNSCORED


@pytest.fixture
def pushes(database: Database) -> Notifications:
    found = Notifications(database)
    found.subscribe({"ris": EVERYTHING})
    return found


def scored(database: Database, study: int = 1, triage_class: TriageClass = B, *, minutes: float = 1.0) -> None:
    studies = Studies(database)
    make_ready(studies, study, minutes=minutes)
    commit(studies, claimed(studies, minutes=minutes), minutes=minutes, where=to(triage_class, study))


def to(triage_class: TriageClass, study: int = 1) -> Ranking:
    return ranking(0, study_uid(study), triage_class=triage_class, reason=f"{triage_class.value} as told")


def moved(database: Database, triage_class: TriageClass, *, minutes: float, study: int = 1) -> None:
    """Give a study another class, as a change of the order or of a threshold does."""
    put(database, to(triage_class, study), minutes=minutes, study=study)


def put(database: Database, where: Ranking, *, minutes: float, study: int = 1) -> None:
    """Give a study another place."""
    with database.begin() as connection:
        order.place(connection, known_study(connection, study_uid(study).value), where, cause="test", now=at(minutes))


def due(pushes: Notifications, receiver: str = "ris", *, minutes: float, lease_s: float = 60.0) -> Notification:
    push = pushes.claim_due("courier-1", to=receiver, lease_s=lease_s, now=at(minutes))
    assert push is not None
    return push


def nothing_due(pushes: Notifications, receiver: str = "ris", *, minutes: float) -> bool:
    return pushes.claim_due("courier-2", to=receiver, lease_s=60, now=at(minutes)) is None


def states(pushes: Notifications, study: int = 1) -> list[tuple[str, str, DeliveryState]]:
    return [(each.class_before, each.class_after, each.state) for each in pushes.pushes(study_uid(study).value)]


def test_a_result_is_told_with_the_classes_before_and_after(database: Database, pushes: Notifications) -> None:
    scored(database, minutes=3)
    push = due(pushes, minutes=4)
    change = push.change
    assert (push.receiver, push.attempts, change.occasion) == ("ris", 1, Occasion.RESULT)
    assert (change.study_uid, change.at, change.class_before, change.class_after) == (study_uid(1), at(3), U, B)
    assert (change.reason, change.patient, change.order_priority) == ("B as told", PATIENT, RequestPriority.ROUTINE)
    assert change.result is not None
    assert (change.result.revision, change.result.algorithm) == (1, "ct-test")
    assert change.result.assessment == Assessed(finding())


def test_a_study_that_arrives_is_no_change(database: Database, pushes: Notifications) -> None:
    make_ready(Studies(database), 1)
    assert nothing_due(pushes, minutes=1000)


def test_a_change_without_a_new_result_is_told_with_the_result_that_stands(
    database: Database, pushes: Notifications
) -> None:
    scored(database)
    pushes.sent(due(pushes, minutes=2), now=at(2))
    moved(database, A, minutes=3)
    change = due(pushes, minutes=4).change
    assert (change.occasion, change.class_before, change.class_after) == (Occasion.CLASS_CHANGE, B, A)
    assert change.result is not None
    assert change.result.assessment == Assessed(finding())


def test_another_place_within_the_class_is_no_change(database: Database, pushes: Notifications) -> None:
    scored(database)
    pushes.sent(due(pushes, minutes=2), now=at(2))
    other = ranking(-60, study_uid(1), triage_class=B, reason="B for another reason")
    put(database, other, minutes=3)
    assert nothing_due(pushes, minutes=1000)


def test_each_way_of_changing_a_class_is_told(database: Database, pushes: Notifications) -> None:
    for study in (1, 2, 3):
        scored(database, study, minutes=study)
        pushes.sent(due(pushes, minutes=5), now=at(5))
    uids = [study_uid(study).value for study in (1, 2, 3)]

    def policy(ranking_input: RankingInput) -> Ranking:
        study = uids.index(ranking_input.study_uid.value) + 1
        urgent = ranking_input.override is Override.PIN or ranking_input.order_priority is RequestPriority.STAT
        return to(TriageClass.EMERGENCY if urgent else B, study)

    Actions(database).act(uids[0], ActionKind.PINNED, "Dr. Grey", ranking_policy=policy, now=at(6))
    Rankings(database).prioritise(uids[1], RequestPriority.STAT, policy, cause="MWL", now=at(7))
    told = [due(pushes, minutes=9).change for _ in (1, 2)]
    assert [(each.study_uid.value, each.class_after) for each in told] == [(uid, "E0") for uid in uids[:2]]
    Rankings(database).rerank_all(
        lambda ranking_input: to(N, uids.index(ranking_input.study_uid.value) + 1), cause="s1", now=at(8)
    )
    assert due(pushes, minutes=9).change.study_uid.value == uids[2]


def test_what_is_rolled_back_is_told_to_nobody(database: Database, pushes: Notifications) -> None:
    scored(database)
    pushes.sent(due(pushes, minutes=2), now=at(2))
    nowhere = replace(to(A), sort_key=None)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError, match=r"(?i)null"):
        put(database, nowhere, minutes=3)
    assert states(pushes) == [(U, B, DeliveryState.SENT)]


def test_a_result_that_comes_too_late_is_told_to_nobody(database: Database, pushes: Notifications) -> None:
    studies = Studies(database)
    make_ready(studies, 1)
    claim = claimed(studies)
    admit(studies, instance(1, 2), minutes=1.5)
    with pytest.raises(StaleClaim):
        commit(studies, claim, where=to(A))
    assert nothing_due(pushes, minutes=1000)


def test_a_result_of_the_same_class_is_told_to_who_wants_results(database: Database, pushes: Notifications) -> None:
    pushes.subscribe({"ris": EVERYTHING, "pager": CHANGES, "archive": frozenset({Occasion.RESULT})})
    scored(database)
    for receiver in ("ris", "pager", "archive"):
        pushes.sent(due(pushes, receiver, minutes=2), now=at(2))
    again(database, B, minutes=3)
    assert due(pushes, "ris", minutes=4).change.occasion is Occasion.RESULT
    assert due(pushes, "archive", minutes=4).change.result == due_result(database, revision=2)
    assert nothing_due(pushes, "pager", minutes=1000)
    moved(database, A, minutes=5)
    assert nothing_due(pushes, "archive", minutes=4.5)
    assert due(pushes, "pager", minutes=6).change.class_after is A


def test_the_same_result_made_again_is_no_news(database: Database, pushes: Notifications) -> None:
    scored(database)
    pushes.sent(due(pushes, minutes=2), now=at(2))
    again(database, B, minutes=3, basis="slices and requeues 1")
    assert nothing_due(pushes, minutes=1000)


def test_what_was_not_told_yet_gives_way_to_what_holds_now(database: Database, pushes: Notifications) -> None:
    scored(database)
    moved(database, A, minutes=3)
    assert states(pushes) == [(U, B, DeliveryState.WITHDRAWN), (U, A, DeliveryState.PENDING)]
    push = due(pushes, minutes=4)
    assert (push.change.class_before, push.change.class_after, push.change.occasion) == (U, A, Occasion.RESULT)
    pushes.sent(push, now=at(4))
    assert nothing_due(pushes, minutes=1000)


def test_a_change_that_was_taken_back_before_it_was_told_is_no_change(
    database: Database, pushes: Notifications
) -> None:
    scored(database)
    pushes.sent(due(pushes, minutes=2), now=at(2))
    moved(database, A, minutes=3)
    moved(database, B, minutes=4)
    assert states(pushes)[1:] == [(B, A, DeliveryState.WITHDRAWN)]
    assert nothing_due(pushes, minutes=1000)


def test_one_that_may_have_arrived_is_told_back_as_well(database: Database, pushes: Notifications) -> None:
    scored(database)
    pushes.sent(due(pushes, minutes=2), now=at(2))
    moved(database, A, minutes=3)
    pushes.retry(due(pushes, minutes=3), error="no answer in time", next_attempt_at=at(9), now=at(3))
    moved(database, B, minutes=4)
    assert due(pushes, minutes=4).change.class_after is B


def test_a_later_change_waits_until_the_one_before_it_is_told(database: Database, pushes: Notifications) -> None:
    scored(database)
    first = due(pushes, minutes=2)
    moved(database, A, minutes=2.1)
    assert nothing_due(pushes, minutes=2.2)
    pushes.sent(first, now=at(2.3))
    assert due(pushes, minutes=2.4).change.class_before is B


@pytest.mark.parametrize("how", ["retry", "refused", "dead"])
def test_what_did_not_arrive_gives_way_to_what_waits_behind_it(
    database: Database, pushes: Notifications, how: str
) -> None:
    scored(database)
    first = due(pushes, minutes=2)
    moved(database, A, minutes=2.1)
    if how == "retry":
        pushes.retry(first, error="away", next_attempt_at=at(900), now=at(2.2))
    else:
        getattr(pushes, how)(first, error="away", now=at(2.2))
    change = due(pushes, minutes=2.3).change
    assert (change.class_before, change.class_after, change.occasion) == (U, A, Occasion.RESULT)
    assert pushes.undelivered() == []


def test_a_courier_that_died_holds_up_nothing_for_longer_than_its_lease(
    database: Database, pushes: Notifications
) -> None:
    scored(database)
    dead_courier_s = due(pushes, minutes=2, lease_s=60)
    moved(database, A, minutes=2.1)
    assert nothing_due(pushes, minutes=2.9)
    change = due(pushes, minutes=3).change
    assert (change.class_before, change.class_after) == (U, A)
    with pytest.raises(StaleClaim, match="attempt 1"):
        pushes.sent(dead_courier_s, now=at(3))


def test_a_courier_that_starts_again_goes_on_where_it_died(database: Database, pushes: Notifications) -> None:
    scored(database)
    first = due(pushes, minutes=2, lease_s=9000)
    assert (pushes.release("courier-2"), pushes.release("courier-1")) == (0, 1)
    assert due(pushes, minutes=2).attempts == first.attempts + 1


def test_a_receiver_that_is_away_delays_no_other(database: Database, pushes: Notifications) -> None:
    pushes.subscribe({"away": EVERYTHING, "ris": EVERYTHING})
    for study in (1, 2):
        scored(database, study, minutes=study)
    due(pushes, "away", minutes=3)
    for study in (1, 2):
        push = due(pushes, "ris", minutes=3)
        assert push.change.study_uid == study_uid(study)
        pushes.sent(push, now=at(3))
    assert nothing_due(pushes, "ris", minutes=1000)


def test_one_study_that_is_refused_holds_up_no_other(database: Database, pushes: Notifications) -> None:
    for study in (1, 2):
        scored(database, study, minutes=study)
    pushes.retry(due(pushes, minutes=3), error="AR", next_attempt_at=at(60), now=at(3))
    assert due(pushes, minutes=4).change.study_uid == study_uid(2)


@pytest.mark.parametrize(
    ("study", "receiver", "revived"), [(None, None, 2), (study_uid(1).value, None, 1), (None, "other", 0)]
)
def test_a_person_has_what_was_lost_sent_again(
    database: Database, pushes: Notifications, study: str | None, receiver: str | None, revived: int
) -> None:
    for number in (1, 2):
        scored(database, number, minutes=number)
    pushes.refused(due(pushes, minutes=3), error="AE: unknown patient", now=at(3))
    pushes.dead(due(pushes, minutes=3), error="no route", now=at(3))
    assert [each.error for each in pushes.undelivered()] == ["no route", "AE: unknown patient"]
    assert nothing_due(pushes, minutes=1000)
    assert pushes.resend(study, receiver, now=at(4)) == revived
    assert pushes.counts()["ris"][DeliveryState.PENDING] == revived


def test_who_is_not_subscribed_any_more_is_told_nothing_new(database: Database, pushes: Notifications) -> None:
    scored(database)
    pushes.subscribe({"other": EVERYTHING})
    moved(database, A, minutes=3)
    assert [each.receiver for each in pushes.pushes(study_uid(1).value)] == ["ris", "other"]
    assert set(pushes.counts()) == {"ris", "other"}
    pushes.subscribe({})
    moved(database, N, minutes=4)
    assert len(pushes.pushes(study_uid(1).value)) == 2


def test_whatever_happens_at_once_every_study_is_told_in_order_and_to_the_end(
    database: Database, pushes: Notifications
) -> None:
    studies, changed = (1, 2), threading.Event()
    for study in studies:
        scored(database, study, minutes=study)
    told: dict[str, list[tuple[TriageClass, TriageClass]]] = {study_uid(study).value: [] for study in studies}
    being_told: set[str] = set()

    def tell(courier: str, luck: random.Random) -> None:
        while True:
            last_round = changed.is_set()
            push = pushes.claim_due(courier, to="ris", lease_s=60, now=at(10))
            if push is None:
                if last_round and not pushes.counts()["ris"][DeliveryState.PENDING]:
                    return
                continue
            uid = push.change.study_uid.value
            assert uid not in being_told, "two couriers tell one study at once"
            being_told.add(uid)
            arrived = luck.random() < 0.6
            if arrived:
                told[uid].append((push.change.class_before, push.change.class_after))
            being_told.remove(uid)
            if arrived:
                pushes.sent(push, now=at(10))
            else:
                pushes.retry(push, error="away", next_attempt_at=at(10), now=at(10))

    with ThreadPoolExecutor(3) as couriers:
        running = [couriers.submit(tell, f"courier-{number}", random.Random(number)) for number in range(3)]
        luck = random.Random(7)
        for _ in range(80):
            moved(database, luck.choice([A, B, N]), minutes=9, study=luck.choice(studies))
        changed.set()
        for each in running:
            each.result(timeout=60)
    entries = {entry.study_instance_uid: entry.triage_class for entry in Worklist(database).entries()}
    for uid, changes in told.items():
        assert changes[0][0] is U
        assert changes[-1][1] is entries[uid]
        assert [before for before, _ in changes[1:]] == [after for _, after in changes[:-1]]


def again(database: Database, triage_class: TriageClass, *, minutes: float, basis: str | None = None) -> None:
    """Have the first study scored again."""
    studies = Studies(database)
    studies.requeue(study_uid(1).value, ranking=to(triage_class), now=at(minutes))
    claim = claimed(studies, minutes=minutes)
    commit(studies, claim, minutes=minutes, where=to(triage_class), basis=basis)


def due_result(database: Database, *, revision: int) -> Scored:
    (*_, last) = Studies(database).results(study_uid(1).value)
    assert last.revision == revision
    return Scored(revision, last.at, last.algorithm, Assessed(finding()))
