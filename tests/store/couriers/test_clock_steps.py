"""A clock that was an hour or a day ahead and was set back: nothing waits until it is there again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.store.couriers.test_outbox import publish
from tests.store.making import NOON, Studies, admit, at, claimed, commit, instance, make_ready, ranking, study_uid
from triaged.errors import StaleClaim
from triaged.store.couriers.answers import Answers
from triaged.store.couriers.clock_steps import ClockSteps, Longest
from triaged.store.couriers.commitments import Commitments
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import Database
from triaged.study.commitment import CommitmentReport
from triaged.study.ranking import Ranking
from triaged.study.ranking_input import RankingInput

LONGEST = Longest(study_lease_s=300, delivery_lease_s=300, wait_s=600)
AHEAD = pytest.mark.parametrize("ahead", [60.0, 24 * 60.0], ids=["an hour", "a day"])
"""By how many minutes the clock was ahead."""


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


def place_by_time(ranking_input: RankingInput) -> Ranking:
    return ranking((ranking_input.since - NOON) / timedelta(minutes=1), ranking_input.study_uid)


def put_right(database: Database, minutes: float) -> int:
    steps = ClockSteps(database)
    if not steps.is_any_ahead(LONGEST, now=at(minutes)):
        return 0
    found = steps.put_right(LONGEST, ranking=place_by_time, now=at(minutes))
    assert not steps.is_any_ahead(LONGEST, now=at(minutes))
    return found


@AHEAD
def test_a_study_that_was_put_off_is_due(studies: Studies, database: Database, ahead: float) -> None:
    make_ready(studies, 1)
    claim = claimed(studies, minutes=1)
    studies.retry_later(claim, not_before=at(ahead + 1), why="away", now=at(ahead))
    assert studies.claim_next("worker-1", lease_s=300, now=at(2)) is None
    assert put_right(database, 2) == 1
    assert claimed(studies, minutes=2).study_uid == study_uid(1)


def test_a_study_whose_worker_died_waits_no_longer_for_the_leases_of_deliveries(
    studies: Studies, database: Database
) -> None:
    make_ready(studies, 1)
    assert studies.claim_next("worker-1", lease_s=60, now=at(60)) is not None
    short = Longest(study_lease_s=60, delivery_lease_s=300, wait_s=600)
    assert ClockSteps(database).put_right(short, ranking=place_by_time, now=at(1)) > 0
    assert studies.reap(now=at(1.9)) == 0
    assert studies.reap(now=at(2.1)) == 1


@AHEAD
def test_a_lease_ends_as_if_it_began_now_and_its_holder_keeps_it_until_then(
    studies: Studies, database: Database, ahead: float
) -> None:
    for number in (1, 2):
        make_ready(studies, number, minutes=number)
    alive, dead = (claimed(studies, f"worker-{number}", minutes=ahead, lease_s=300) for number in (1, 2))
    assert put_right(database, 3) == 2
    studies.extend(alive, lease_s=300, now=at(7))
    assert studies.reap(now=at(8.1)) == 1
    commit(studies, alive, minutes=9)
    with pytest.raises(StaleClaim):
        commit(studies, dead, minutes=9)


@AHEAD
def test_an_object_to_be_sent_again_is_due_and_a_dead_courier_s_is_soon(database: Database, ahead: float) -> None:
    publish(database, 1, "pacs")
    publish(database, 2, "pacs")
    outbox = Outbox(database)
    first, held = (outbox.claim_due("courier", lease_s=300, now=at(ahead)) for _ in range(2))
    assert first is not None
    assert held is not None
    outbox.retry(first, error="away", next_attempt_at=at(ahead + 1), now=at(ahead))
    assert put_right(database, 5) == 2
    again = outbox.claim_due("courier", lease_s=300, now=at(5))
    assert again is not None
    assert again.item_id == first.item_id
    assert outbox.claim_due("courier", lease_s=300, now=at(9.9)) is None
    taken_over = outbox.claim_due("courier", lease_s=300, now=at(10))
    assert taken_over is not None
    assert taken_over.item_id == held.item_id
    with pytest.raises(StaleClaim):
        outbox.sent(held, now=at(10))


@AHEAD
def test_an_answer_about_what_we_keep_is_due(database: Database, ahead: float) -> None:
    answers = Answers(database)
    answers.queue_report("PACS", CommitmentReport("2.25.1", (), ()), now=at(ahead))
    assert answers.claim_due("courier", lease_s=300, now=at(1)) is None
    assert put_right(database, 1) == 1
    assert answers.claim_due("courier", lease_s=300, now=at(1)) is not None


@AHEAD
def test_a_destination_that_was_asked_is_asked_again(database: Database, ahead: float) -> None:
    publish(database, 1, "pacs")
    outbox, commitments = Outbox(database), Commitments(database)
    item = outbox.claim_due("courier", lease_s=300, now=at(5))
    assert item is not None
    outbox.sent(item, now=at(5))
    commitments.asked([item.item_id], "2.25.1", now=at(ahead))
    assert put_right(database, 6) == 1
    assert commitments.uncommitted("pacs", ask_again_before=at(6.1), limit=9, now=at(21)) != ()


@AHEAD
def test_a_study_that_came_then_came_now_and_is_placed_by_that(
    studies: Studies, database: Database, ahead: float
) -> None:
    admit(studies, instance(1, 1), minutes=ahead, where=place_by_time)
    admit(studies, instance(2, 1), minutes=5, where=place_by_time)
    assert put_right(database, 4) == 1
    entries = Worklist(database).entries()
    assert [entry.study_instance_uid for entry in entries] == [study_uid(1).value, study_uid(2).value]
    candidate = next(each for each in studies.receiving(now=at(5)) if each.study_uid == study_uid(1))
    assert (candidate.first_instance_at, candidate.last_instance_at) == (at(4), at(4))
    assert studies.events(study_uid(1).value)[-1].detail == "its times were ahead of the clock"


@AHEAD
def test_a_study_that_was_complete_then_waits_since_now(studies: Studies, database: Database, ahead: float) -> None:
    make_ready(studies, 1, minutes=ahead)
    assert put_right(database, 4) == 1
    assert claimed(studies, minutes=4).ready_at == at(4)


@AHEAD
def test_a_clock_that_was_behind_holds_nothing_up(studies: Studies, database: Database, ahead: float) -> None:
    make_ready(studies, 1, minutes=-ahead)
    studies.retry_later(claimed(studies, minutes=-ahead), not_before=at(1 - ahead), why="away", now=at(-ahead))
    assert put_right(database, 0) == 0
    claimed(studies, minutes=0)
    assert studies.reap(now=at(0) + timedelta(seconds=61)) == 1


def test_with_a_right_clock_nothing_is_ahead(studies: Studies, database: Database) -> None:
    publish(database, 1, "pacs")
    make_ready(studies, 2, minutes=5)
    studies.retry_later(claimed(studies, minutes=5, lease_s=300), not_before=at(15), why="away", now=at(5))
    make_ready(studies, 3, minutes=5)
    claimed(studies, minutes=5, lease_s=300)
    assert put_right(database, 5) == 0
