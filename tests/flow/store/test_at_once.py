"""Processes that work on one store at the same moment, on both databases."""

from __future__ import annotations

import multiprocessing
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text

from tests.store.couriers.test_outbox import publish
from tests.store.making import Studies, admit, at, instance, make_ready, ranking, study_uid
from triaged.errors import ActionRefused
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.actions import Actions
from triaged.store.listing.worklist import Part, Worklist
from triaged.store.tables import schema
from triaged.store.tables.database import Database, migrate, open_database
from triaged.store.tables.views import Shown
from triaged.study.lifecycle import State
from triaged.study.ranking import Lane, Override, Ranking
from triaged.study.ranking_input import RankingInput
from triaged.study.read_state import ActionKind


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


@pytest.fixture
def worklist(database: Database) -> Worklist:
    return Worklist(database)


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


def _migrate(url: str, gate: Barrier) -> None:
    database = open_database(url)
    gate.wait()
    migrate(database)
    database.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_start_at_once_migrate_once(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db" if kind == "sqlite" else _empty(request.getfixturevalue("postgresql_url"))
    spawn = multiprocessing.get_context("spawn")
    gate = spawn.Barrier(3)
    processes = [spawn.Process(target=_migrate, args=(url, gate)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    database = open_database(url)
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
        assert connection.execute(select(schema.study)).all() == []
    database.close()


def _empty(url: str) -> str:
    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


def _admit_all(url: str, gate: Barrier, found: Queue[list[str]]) -> None:
    database = open_database(url)
    studies = Studies(database)
    database.is_alive()
    gate.wait()
    found.put([admit(studies, instance(study, number)) for number in range(1, 6) for study in range(1, 6)])
    database.close()


def test_two_receivers_that_get_the_same_studies_at_once_keep_each_instance_once(
    studies: Studies, worklist: Worklist, database_url: str
) -> None:
    spawn = multiprocessing.get_context("spawn")
    gate, found = spawn.Barrier(2), spawn.Queue()
    receivers = [spawn.Process(target=_admit_all, args=(database_url, gate, found)) for _ in range(2)]
    for receiver in receivers:
        receiver.start()
    told = zip(*(found.get(timeout=120) for _ in receivers), strict=True)
    for receiver in receivers:
        receiver.join(60)
    assert {tuple(sorted(pair)) for pair in told} == {("duplicate", "new")}
    assert [(entry.instances, entry.revision) for entry in worklist.entries()] == [(5, 5)] * 5
    assert studies.conflicts() == []


def _claim_studies(url: str, worker: str, gate: Barrier, found: Queue[list[str]]) -> None:
    database = open_database(url)
    studies = Studies(database)
    database.is_alive()
    gate.wait()
    mine = []
    while (claim := studies.claim_next(worker, lease_s=600, now=at(100))) is not None:
        mine.append(claim.study_uid.value)
    found.put(mine)
    database.close()


def test_processes_that_claim_at_once_never_get_the_same_study(studies: Studies, database_url: str) -> None:
    wanted = 40
    for number in range(wanted):
        make_ready(studies, number, minutes=number)
    spawn = multiprocessing.get_context("spawn")
    gate, found = spawn.Barrier(3), spawn.Queue()
    workers = [
        spawn.Process(target=_claim_studies, args=(database_url, f"worker-{number}", gate, found))
        for number in range(3)
    ]
    for worker in workers:
        worker.start()
    shares = [found.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join(60)
    assert sorted(uid for share in shares for uid in share) == sorted(study_uid(n).value for n in range(wanted))
    assert studies.counts()[State.ANALYSING] == wanted


def _claim_deliveries(url: str, courier: str, gate: Barrier, found: Queue[list[int]]) -> None:
    database = open_database(url)
    outbox = Outbox(database)
    database.is_alive()
    gate.wait()
    mine = []
    while (item := outbox.claim_due(courier, lease_s=600, now=at(100))) is not None:
        mine.append(item.item_id)
    found.put(mine)
    database.close()


def test_couriers_that_claim_at_once_never_get_the_same_delivery(
    database: Database, outbox: Outbox, database_url: str
) -> None:
    for number in range(10):
        publish(database, number, "a", "b", "c", minutes=number)
    spawn = multiprocessing.get_context("spawn")
    gate, found = spawn.Barrier(2), spawn.Queue()
    couriers = [spawn.Process(target=_claim_deliveries, args=(database_url, name, gate, found)) for name in ("x", "y")]
    for courier in couriers:
        courier.start()
    claimed_items = sorted(item for _ in couriers for item in found.get(timeout=120))
    for courier in couriers:
        courier.join(60)
    assert len(claimed_items) == 30
    assert len(set(claimed_items)) == 30


def _admit_many(url: str, first: int, gate: Barrier) -> None:
    database = open_database(url)
    studies = Studies(database)
    database.is_alive()
    gate.wait()
    for number in range(first, first + 30, 2):
        admit(studies, instance(number, 1), minutes=(number * 7) % 30)
        if number % 3 == 0:
            admit(studies, instance(number, 2), where=ranking(-number, study_uid(number), lane=Lane.EMERGENCY))
    database.close()


def _act_much(url: str, reader: str, gate: Barrier, found: Queue[list[int]]) -> None:
    database = open_database(url)
    actions = Actions(database)
    database.is_alive()
    gate.wait()
    done = []
    for turn in range(40):
        kind = _KINDS[turn * (3 if reader == "ann" else 5) % len(_KINDS)]
        uid = study_uid(1 + turn % 4).value
        try:
            if turn % 6 == 5:
                done.append(actions.undo(uid, reader, ranking_policy=_place, now=at(50 + turn)).action_id)
            else:
                done.append(actions.act(uid, kind, reader, ranking_policy=_place, now=at(50 + turn)).action_id)
        except ActionRefused:
            continue
    found.put(done)
    database.close()


def _place(ranking_input: RankingInput) -> Ranking:
    lane = Lane.EMERGENCY if ranking_input.override is Override.PIN else Lane.ORDERED
    shift = {Override.RAISE: -10, Override.LOWER: 10}.get(ranking_input.override, 0)
    return ranking((ranking_input.since - at(0)).total_seconds() / 60 + shift, ranking_input.study_uid, lane=lane)


_KINDS = [kind for kind in ActionKind if kind is not ActionKind.UNDONE]


def test_readers_who_act_at_once_while_studies_come_leave_one_consistent_history(
    database: Database, database_url: str
) -> None:
    studies, worklist, actions = Studies(database), Worklist(database), Actions(database)
    for number in range(1, 5):
        admit(studies, instance(number, 1), minutes=number, where=_place)
    spawn = multiprocessing.get_context("spawn")
    gate, found = spawn.Barrier(3), spawn.Queue()
    processes = [spawn.Process(target=_act_much, args=(database_url, name, gate, found)) for name in ("ann", "bob")]
    processes.append(spawn.Process(target=_admit_many, args=(database_url, 101, gate)))
    for process in processes:
        process.start()
    done = [action for _ in range(2) for action in found.get(timeout=120)]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(done) > 10
    entries = worklist.entries(part=Part(shown=Shown.ALL))
    assert sorted(entry.position for entry in entries if entry.position) == list(range(1, worklist.total() + 1))
    for entry in entries:
        moves = [(move.before, move.after) for move in studies.moves(entry.study_instance_uid)]
        assert [before for before, _ in moves] == [None, *(after for _, after in moves[:-1])]
        assert (moves[-1][1] or 0) == entry.position
    told = [each for number in range(1, 5) for each in actions.actions(study_uid(number).value)]
    assert {each.action_id for each in told} == set(done)
    assert {each.undoes for each in told if each.undoes} == {each.action_id for each in told if each.undone}


def test_positions_are_exact_when_processes_change_the_order_at_once(database: Database, database_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    gate = spawn.Barrier(2)
    receivers = [spawn.Process(target=_admit_many, args=(database_url, first, gate)) for first in (1, 2)]
    for receiver in receivers:
        receiver.start()
    for receiver in receivers:
        receiver.join(120)
    assert [receiver.exitcode for receiver in receivers] == [0, 0]
    studies = Studies(database)
    entries = Worklist(database).entries()
    assert len(entries) == 30
    for entry in entries:
        history = [(move.before, move.after) for move in studies.moves(entry.study_instance_uid)]
        assert history[0][0] is None
        assert [before for before, _ in history[1:]] == [after for _, after in history[:-1]]
        assert history[-1][1] == entry.position
