"""Tickets in transactions of the store, on PostgreSQL: written with what they are for, used up once, never needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.store.making import Studies, admit, at, claimed, commit, derived, instance, make_ready, ranking, study_uid
from triaged.errors import TryLater
from triaged.store.couriers.answers import Answers
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.topping_up import SURPLUS, ToppingUp
from triaged.store.dispatch.engine import waiting
from triaged.store.dispatch.listening import listening
from triaged.store.dispatch.tickets import Task, Tickets, issue, queue
from triaged.store.posting.drawing import queue_drawing
from triaged.store.posting.scoring import call_worker, of_stratum, score_queues
from triaged.store.roles.pauses import Pausable, Pause, Pauses
from triaged.store.studies import completion
from triaged.store.tables.database import Database, open_database
from triaged.study.commitment import CommitmentReport
from triaged.study.kinds import KINDS, ObjectKind
from triaged.study.lifecycle import State
from triaged.study.modalities import Stratum
from triaged.study.notification import Occasion
from triaged.study.ranking import Lane

pytestmark = pytest.mark.slow
SCORE, PACS, RIS = queue(Task.SCORE), queue(Task.DELIVER, "pacs"), queue(Task.PUSH, "ris")
EVERY_KIND = frozenset(KINDS.values())


@pytest.fixture
def on_postgresql(postgresql_url: str) -> Iterator[Database]:
    opened = open_database(postgresql_url)
    yield opened
    opened.close()


@pytest.fixture
def studies(on_postgresql: Database) -> Studies:
    return Studies(on_postgresql)


def tickets(database: Database) -> Mapping[str, int]:
    """Return how many lie in each queue that has any."""
    with database.read() as connection:
        return dict(waiting(connection))


def emptied(database: Database) -> None:
    """Empty the engine's tables, as somebody may by hand."""
    with database.begin() as connection:
        connection.execute(text("TRUNCATE procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers"))


def publish(studies: Studies, *destinations: str) -> None:
    make_ready(studies, 1)
    claim = claimed(studies)
    wanted = dict.fromkeys(destinations, EVERY_KIND)
    commit(studies, claim, objects=(derived(claim, ObjectKind.SEG), derived(claim, ObjectKind.SR)), destinations=wanted)


def _completed(studies: Studies) -> None:
    make_ready(studies, 1)


def _restarted(studies: Studies) -> None:
    claimed(studies, "worker-1")
    studies.release("worker-1", now=at(1))


def _silent(studies: Studies) -> None:
    claimed(studies, "worker-1", lease_s=1)
    studies.reap(now=at(60))


def _requeued(studies: Studies) -> None:
    commit(studies, claimed(studies))
    studies.requeue(study_uid(1).value, ranking=ranking(0, study_uid(1)), now=at(5))


@pytest.mark.parametrize("event", [_completed, _restarted, _silent, _requeued])
def test_whatever_makes_a_study_ready_writes_a_ticket(
    on_postgresql: Database, studies: Studies, event: Callable[[Studies], None]
) -> None:
    if event is not _completed:
        make_ready(studies, 1)
        assert Tickets(on_postgresql).take(SCORE)
    event(studies)
    assert studies.counts()[State.READY] == 1
    assert tickets(on_postgresql) == {SCORE: 1}


def test_a_transaction_that_is_rolled_back_leaves_neither_a_ready_study_nor_a_ticket(
    on_postgresql: Database, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_fail(*arguments: object) -> None:
        call_worker(*arguments)  # type: ignore[arg-type]
        raise RuntimeError("a bug after the ticket")

    monkeypatch.setattr(completion, "call_worker", then_fail)
    with pytest.raises(RuntimeError, match="after the ticket"):
        make_ready(studies, 1)
    assert studies.counts()[State.RECEIVING] == 1
    assert tickets(on_postgresql) == {}


def test_what_is_posted_to_a_destination_writes_one_ticket_for_its_courier(
    on_postgresql: Database, studies: Studies
) -> None:
    Notifications(on_postgresql).subscribe({"ris": frozenset(Occasion)})
    publish(studies, "pacs", "archive 2, Köln")
    assert tickets(on_postgresql) == {SCORE: 1, PACS: 1, queue(Task.DELIVER, "archive 2, Köln"): 1, RIS: 1}


def test_what_is_asked_for_again_by_hand_or_moved_writes_a_ticket_again(
    on_postgresql: Database, studies: Studies
) -> None:
    outbox, pushes = Outbox(on_postgresql), Notifications(on_postgresql)
    pushes.subscribe({"ris": frozenset(Occasion)})
    publish(studies, "pacs")
    item = outbox.claim_due("courier-1", lease_s=60, now=at(3))
    push = pushes.claim_due("courier-1", lease_s=60, now=at(3))
    assert item is not None
    assert push is not None
    outbox.dead(item, error="away", now=at(3))
    pushes.dead(push, error="away", now=at(3))
    emptied(on_postgresql)
    outbox.resend(now=at(4))
    pushes.resend(now=at(4))
    assert tickets(on_postgresql) == {PACS: 1, RIS: 1}
    outbox.move("pacs", "archive", now=at(5))
    assert tickets(on_postgresql) == {PACS: 1, RIS: 1, queue(Task.DELIVER, "archive"): 1}


def test_an_answer_to_a_peer_and_a_draft_write_tickets_too(on_postgresql: Database, studies: Studies) -> None:
    publish(studies)
    emptied(on_postgresql)
    Answers(on_postgresql).queue_report("PEER", CommitmentReport("2.25.1", (), ()), now=at(3))
    with on_postgresql.begin() as connection:
        result = connection.execute(text("SELECT id, study_id FROM result")).one()
        queue_drawing(connection, result.study_id, result.id, "draft")
    assert tickets(on_postgresql) == {queue(Task.COMMITMENT): 1, SCORE: 1}


def test_x_rays_have_tickets_of_their_own_which_only_their_workers_take(
    on_postgresql: Database, studies: Studies
) -> None:
    for study, modality in ((1, "CT"), (2, "DX"), (3, "MR")):
        sent = instance(study, 1)
        admit(studies, replace(sent, image=replace(sent.image, modality=modality, sop_class_uid="1.2.3")))
        uid = study_uid(study)
        studies.complete(uid, 1, ranking=ranking(study, uid), cause="whole", now=at(0))
    xrays = queue(Task.SCORE, of_stratum(Stratum.RADIOGRAPH))
    assert tickets(on_postgresql) == {SCORE: 2, xrays: 1}
    assert score_queues([Stratum.RADIOGRAPH]) == [xrays]
    assert score_queues(tuple(Stratum)) == [SCORE, xrays]
    emptied(on_postgresql)
    assert ToppingUp(on_postgresql).top_up(now=at(1)) == 3
    assert tickets(on_postgresql) == {SCORE: 2, xrays: 1}


def test_a_ticket_takes_whatever_comes_first_in_the_list_by_then(on_postgresql: Database, studies: Studies) -> None:
    make_ready(studies, 1, minutes=1)
    make_ready(studies, 2, minutes=2)
    admit(studies, instance(3, 1), minutes=3)
    urgent = ranking(3, study_uid(3), lane=Lane.EMERGENCY)
    studies.complete(study_uid(3), 1, ranking=urgent, cause="whole", now=at(3))
    order = []
    while Tickets(on_postgresql).take(SCORE):
        order.append(claimed(studies, minutes=4).study_uid)
    assert order == [study_uid(number) for number in (3, 1, 2)]


def test_two_who_take_at_once_never_take_the_same(on_postgresql: Database) -> None:
    with on_postgresql.begin() as connection:
        issue(connection, Task.SCORE, number=20)
    begin = threading.Barrier(2)

    def take_all() -> int:
        begin.wait()
        found = 0
        while Tickets(on_postgresql).take(SCORE):
            found += 1
        return found

    with ThreadPoolExecutor(2) as threads:
        taken = [threads.submit(take_all) for _ in range(2)]
        assert sum(each.result() for each in taken) == 20
    assert tickets(on_postgresql) == {}


def test_who_listens_is_told_of_its_own_queues_once_the_transaction_is_committed(on_postgresql: Database) -> None:
    odd = queue(Task.DELIVER, 'the "archive" of the hospital at the other end of the town, second floor')
    with listening(on_postgresql, [SCORE, odd]) as next_queues:
        with on_postgresql.begin() as connection:
            issue(connection, Task.DELIVER, "pacs")
            issue(connection, Task.DELIVER, 'the "archive" of the hospital at the other end of the town, second floor')
            assert next_queues(0.0) == set()
        assert next_queues(60.0) == {odd}


def test_a_listener_whose_connection_broke_says_so(on_postgresql: Database) -> None:
    def wait_for_nothing() -> None:
        with listening(on_postgresql, [SCORE]) as next_queues, on_postgresql.begin() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            assert connection.execute(text(others)).all()
            next_queues(60.0)

    with pytest.raises(TryLater, match="away"):
        wait_for_nothing()


def test_after_the_tables_of_the_engine_were_emptied_what_waits_gets_tickets_again(
    on_postgresql: Database, studies: Studies
) -> None:
    Notifications(on_postgresql).subscribe({"ris": frozenset(Occasion)})
    publish(studies, "pacs", "archive")
    for number in (2, 3):
        make_ready(studies, number, minutes=number)
    Answers(on_postgresql).queue_report("PEER", CommitmentReport("2.25.1", (), ()), now=at(3))
    emptied(on_postgresql)
    assert ToppingUp(on_postgresql).top_up(now=at(5)) == 6
    expected = {SCORE: 2, PACS: 1, queue(Task.DELIVER, "archive"): 1, RIS: 1, queue(Task.COMMITMENT): 1}
    assert tickets(on_postgresql) == expected
    assert ToppingUp(on_postgresql).top_up(now=at(5)) == 0
    assert tickets(on_postgresql) == expected


def test_what_becomes_due_by_time_gets_a_ticket_then_and_what_is_on_hold_none(
    on_postgresql: Database, studies: Studies
) -> None:
    outbox, topping_up = Outbox(on_postgresql), ToppingUp(on_postgresql)
    publish(studies, "pacs")
    while (item := outbox.claim_due("courier-1", lease_s=600, now=at(3))) is not None:
        outbox.retry(item, error="away", next_attempt_at=at(10), now=at(3))
    make_ready(studies, 2)
    studies.retry_later(claimed(studies, minutes=4), not_before=at(10), why="no memory", now=at(4))
    emptied(on_postgresql)
    assert topping_up.top_up(now=at(9)) == 0
    Pauses(on_postgresql).begin(Pause(Pausable.SENDING, "pacs", "ann", "moving", at(9)))
    assert topping_up.top_up(now=at(10)) == 1
    assert tickets(on_postgresql) == {SCORE: 1}
    Pauses(on_postgresql).end(Pausable.SENDING, "pacs")
    topping_up.top_up(now=at(10))
    assert tickets(on_postgresql) == {SCORE: 1, PACS: 1}


def test_tickets_that_nobody_takes_do_not_pile_up(on_postgresql: Database) -> None:
    with on_postgresql.begin() as connection:
        issue(connection, Task.DELIVER, "a destination that is gone", number=SURPLUS + 30)
    ToppingUp(on_postgresql).top_up(now=at(0))
    assert list(tickets(on_postgresql).values()) == [SURPLUS]


def test_a_job_that_somebody_died_with_stops_nothing_and_is_removed(on_postgresql: Database, studies: Studies) -> None:
    make_ready(studies, 1)
    with on_postgresql.begin() as connection:
        connection.execute(
            text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
        )
        connection.execute(
            text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM procrastinate_workers)")
        )
    assert not Tickets(on_postgresql).take(SCORE)
    assert ToppingUp(on_postgresql).top_up(now=at(2)) == 1
    assert Tickets(on_postgresql).take(SCORE)
    assert claimed(studies, minutes=2).study_uid == study_uid(1)
    assert Tickets(on_postgresql).remove_left() == 1
    with on_postgresql.read() as connection:
        for table in ("jobs", "events", "workers"):
            assert connection.execute(text(f"SELECT count(*) FROM procrastinate_{table}")).scalar_one() == 0


def test_of_all_who_ask_in_an_interval_the_first_has_the_turn(on_postgresql: Database) -> None:
    here, there = Tickets(on_postgresql), Tickets(on_postgresql)
    asked = [(here, 0.0), (there, 0.05), (there, 0.09), (here, 0.1), (here, 0.0), (there, 0.0)]
    assert [who.turn("reaping", every_s=5.0, now=at(minutes)) for who, minutes in asked] == [
        True, False, True, False, True, False,
    ]  # fmt: skip
    assert here.turn("another task", every_s=5.0, now=at(0))
    assert tickets(on_postgresql) == {}


_LOSE = (
    "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN DELETE FROM procrastinate_jobs WHERE id = NEW.id; RETURN NULL; END';"
    "CREATE TRIGGER z_lose AFTER INSERT ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION lose()"
)


@pytest.mark.parametrize("damage", [_LOSE, "ALTER TABLE procrastinate_periodic_defers RENAME TO elsewhere"])
def test_where_the_tables_of_the_engine_are_damaged_everybody_has_the_turn(
    on_postgresql: Database, damage: str
) -> None:
    with on_postgresql.begin() as connection:
        connection.exec_driver_sql(damage)
    asked = [Tickets(on_postgresql).turn("completing", every_s=5.0, now=at(minutes)) for minutes in (0, 0, 1)]
    assert asked == [True, True, True]
