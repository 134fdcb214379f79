"""Workers that supersede results while couriers send them, and peers that ask at once, on both databases."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any
from unittest import mock

import pytest

from tests.programs import until
from tests.store.making import (
    CT_IMAGE_STORAGE,
    Studies,
    at,
    claimed,
    commit,
    derived,
    make_ready,
    ranking,
    study_uid,
)
from tests.store.studies.test_pictures import EXPLICIT, MULTI_FRAME_TRUE_COLOR, pictures
from triaged.errors import StaleClaim
from triaged.store.couriers import outbox as outboxes
from triaged.store.couriers.answers import Answers
from triaged.store.couriers.commitments import Commitments
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.peers import Peers
from triaged.store.tables.database import Database, open_database
from triaged.study.commitment import CommitmentReport, Reference
from triaged.study.kinds import ObjectKind

STUDIES = 12
KINDS = frozenset({ObjectKind.SC, ObjectKind.SC_MULTIFRAME})
STUDY = study_uid(1).value


def publish_pictures(database: Database, number: int) -> None:
    """Publish pictures that go to the PACS as one object."""
    Peers(database).remember("pacs", {MULTI_FRAME_TRUE_COLOR: [EXPLICIT]}, now=at(0))
    studies = Studies(database)
    make_ready(studies, number, minutes=number)
    claim = claimed(studies, minutes=number)
    commit(studies, claim, minutes=number, basis="A", objects=pictures(claim), destinations={"pacs": KINDS})


def _together(database_url: str, *works: Callable[..., None], wait_s: float = 120) -> list[Any]:
    """Run these at once, each in a process of its own, and return what each puts."""
    spawn = multiprocessing.get_context("spawn")
    gate, found = spawn.Barrier(len(works)), spawn.Queue()
    processes = [spawn.Process(target=work, args=(database_url, gate, found)) for work in works]
    for process in processes:
        process.start()
    results = [found.get(timeout=wait_s) for _ in works]
    for process in processes:
        process.join(wait_s)
    assert [process.exitcode for process in processes] == [0] * len(works)
    return results


def _refuse_all(url: str, gate: Barrier, found: Queue[int]) -> None:
    database = open_database(url)
    outbox = Outbox(database)
    database.is_alive()
    gate.wait()
    refused = 0
    while (item := outbox.claim_due(f"courier {os.getpid()}", lease_s=600, now=at(200))) is not None:
        if item.object.kind is ObjectKind.SC_MULTIFRAME:
            outbox.refused(item, error="0122H", now=at(200))
            refused += 1
        else:
            outbox.sent(item, now=at(200))
    found.put(refused)
    database.close()


def test_couriers_that_are_refused_at_once_send_each_picture_once(database: Database, database_url: str) -> None:
    for number in range(1, STUDIES + 1):
        publish_pictures(database, number)
    assert sum(_together(database_url, _refuse_all, _refuse_all)) == STUDIES
    for number in range(1, STUDIES + 1):
        found = Outbox(database).deliveries(study_uid(number).value)
        assert [(each.kind.name, each.state.value, each.attempts) for each in found] == [
            ("sc-multiframe", "REFUSED", 1),
            ("sc", "SENT", 1),
            ("sc", "SENT", 1),
        ]


def _give_up_all(url: str, gate: Barrier, found: Queue[int]) -> None:
    """Claim what is due and fail in every way, until nothing has been due for a while."""
    database = open_database(url)
    outbox = Outbox(database)
    database.is_alive()
    gate.wait()
    claims = 0
    for turn in range(4 * STUDIES):
        item = outbox.claim_due(f"courier {os.getpid()}", lease_s=600, now=at(200))
        if item is None:
            continue
        claims += 1
        with suppress(StaleClaim):
            if turn % 3 == 0:
                outbox.retry(item, error="no route", next_attempt_at=at(200), now=at(200))
            else:
                outbox.dead(item, error="no route", now=at(200))
    found.put(claims)
    database.close()


def _supersede_all(url: str, gate: Barrier, found: Queue[int]) -> None:
    database = open_database(url)
    studies = Studies(database)
    database.is_alive()
    gate.wait()
    for number in range(1, STUDIES + 1):
        studies.requeue(study_uid(number).value, ranking=ranking(0, study_uid(number)), now=at(201))
        while (claim := studies.claim_next("worker", lease_s=60, now=at(201))) is None:
            pass  # a courier had the study's row locked just then
        report = derived(claim, ObjectKind.SR)
        wanted = {"pacs": frozenset({ObjectKind.SR})}
        commit(studies, claim, minutes=201, basis="B", objects=(report,), destinations=wanted)
    found.put(0)
    database.close()


def test_no_superseded_delivery_waits_whatever_couriers_do_at_once(database: Database, database_url: str) -> None:
    for number in range(1, STUDIES + 1):
        publish_pictures(database, number)
    _together(database_url, _supersede_all, _give_up_all, _give_up_all)
    outbox = Outbox(database)
    while (item := outbox.claim_due("last", lease_s=600, now=at(300))) is not None:
        assert item.object.kind is ObjectKind.SR
    for number in range(1, STUDIES + 1):
        old = [each for each in outbox.deliveries(study_uid(number).value) if each.result_revision == 1]
        assert {each.state.value for each in old} == {"WITHDRAWN"}
    assert {each.result_revision for each in outbox.dead_items()} <= {2}


def _ask(url: str, gate: Barrier, found: Queue[int]) -> None:
    database = open_database(url)
    answers = Answers(database)
    database.is_alive()
    gate.wait()
    for number in range(20):
        report = CommitmentReport(f"2.25.{number}", (Reference(CT_IMAGE_STORAGE, "1.2.3"),))
        answers.queue_report("CT1", report, now=at(0))
    claims = 0
    while (queued := answers.claim_due(f"reporter {os.getpid()}", lease_s=600, now=at(1))) is not None:
        answers.sent(queued, now=at(1))
        claims += 1
    found.put(claims)
    database.close()


def test_a_question_that_reaches_two_receivers_at_once_is_answered_once(database: Database, database_url: str) -> None:
    assert sum(_together(database_url, _ask, _ask)) == 20


def _settle(url: str, gate: Barrier, found: Queue[tuple[int, int]]) -> None:
    database = open_database(url)
    commitments = Commitments(database)
    database.is_alive()
    references = tuple(
        Reference(MULTI_FRAME_TRUE_COLOR, each.sop_instance_uid) for each in Outbox(database).deliveries(STUDY)
    )
    gate.wait()
    found.put(commitments.settle(CommitmentReport("2.25.1", references), max_attempts=3, now=at(5)))
    database.close()


def test_an_answer_that_comes_twice_at_once_counts_once(database: Database, database_url: str) -> None:
    publish_pictures(database, 1)
    item = Outbox(database).claim_due("courier", lease_s=60, now=at(2))
    assert item is not None
    Outbox(database).sent(item, now=at(2))
    Commitments(database).asked([item.item_id], "2.25.1", now=at(3))
    assert sorted(_together(database_url, _settle, _settle)) == [(0, 0), (1, 0)]


def _die_when_refused(url: str) -> None:
    database = open_database(url)
    outbox = Outbox(database)
    item = outbox.claim_due("courier", lease_s=60, now=at(2))
    assert item is not None

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with mock.patch.object(outboxes, "withdraw_if_pending", die):  # refused, but no picture posted yet
        outbox.refused(item, error="0122H", now=at(2))


@pytest.mark.parametrize("times", [1, 2])
def test_a_courier_killed_between_refusal_and_single_pictures_loses_neither(
    database: Database, database_url: str, times: int
) -> None:
    publish_pictures(database, 1)
    outbox = Outbox(database)
    for _ in range(times):
        process = multiprocessing.get_context("spawn").Process(target=_die_when_refused, args=(database_url,))
        process.start()
        process.join(120)
        assert process.exitcode == -signal.SIGKILL
        assert [(each.kind.name, each.state.value) for each in outbox.deliveries(STUDY)] == [
            ("sc-multiframe", "PENDING")
        ]
        # PostgreSQL keeps its row locked until it has seen that the client is gone: whoever releases asks again.
        until(lambda: outbox.release("courier") == 1, within_s=30, what="what a killed courier had is released")
    item = outbox.claim_due("courier", lease_s=60, now=at(3))
    assert item is not None
    outbox.refused(item, error="0122H", now=at(3))
    assert [each.state.value for each in outbox.deliveries(STUDY)] == ["REFUSED", "PENDING", "PENDING"]
