"""How roles wait for work on both databases: woken by tickets on PostgreSQL, and never dependent on one."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from tests.store.making import Studies, make_ready
from triaged.daemon import ticking, waiting
from triaged.daemon.waiting import LOOK_S, ByTickets, Looking, Waiting
from triaged.store.dispatch.engine import use_up
from triaged.store.dispatch.tickets import Task, Tickets, issue, queue
from triaged.store.posting.scoring import of_stratum, score_queues
from triaged.store.studies.claims import Claims
from triaged.store.tables.database import Database, open_database
from triaged.study.lifecycle import State
from triaged.study.modalities import Stratum

SCORE, PACS = queue(Task.SCORE), queue(Task.DELIVER, "pacs")
PATIENCE_S = 60.0
FOR_EVER_S = 3600.0


@pytest.fixture
def on_postgresql(postgresql_url: str) -> Iterator[Database]:
    opened = open_database(postgresql_url)
    yield opened
    opened.close()


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def never() -> bool:
    return False


def left(database: Database) -> int:
    """Return how many tickets there are."""
    with database.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar_one())


def waits_until(waits: Waiting, stop: threading.Event, *, most_s: float = FOR_EVER_S) -> Callable[[], None]:
    """Begin to wait; return what ends when the waiting has, and fails where it does not."""
    ended = threading.Event()

    def wait() -> None:
        waits.wait(stop.is_set, most_s=most_s)
        ended.set()

    threading.Thread(target=wait, daemon=True).start()

    def join() -> None:
        assert ended.wait(PATIENCE_S)

    return join


def test_who_waits_on_sqlite_looks_several_times_a_second(sqlite_url: str, stop: threading.Event) -> None:
    database = open_database(sqlite_url)
    with waiting.waiting(database, [SCORE], stop) as waits:
        assert isinstance(waits[SCORE], Looking)
        waits_until(waits[SCORE], stop)()
        waits[SCORE].take()
    database.close()


def test_a_ticket_ends_the_waiting_of_one_in_its_queue(on_postgresql: Database, stop: threading.Event) -> None:
    with waiting.waiting(on_postgresql, [SCORE, PACS], stop) as waits:
        scoring, delivering = waits_until(waits[SCORE], stop), waits_until(waits[PACS], stop)
        with on_postgresql.begin() as connection:
            issue(connection, Task.DELIVER, "pacs")
        delivering()
        assert left(on_postgresql) == 0
        with on_postgresql.begin() as connection:
            issue(connection, Task.SCORE)
        scoring()
        waits[SCORE].take()  # it has been taken by waiting
        assert left(on_postgresql) == 0


def test_tickets_that_were_there_before_and_several_at_once_are_all_used_up(
    on_postgresql: Database, stop: threading.Event
) -> None:
    with on_postgresql.begin() as connection:
        issue(connection, Task.DELIVER, "pacs", number=3)
    with waiting.waiting(on_postgresql, [PACS], stop) as waits:
        for _ in range(3):
            waits_until(waits[PACS], stop)()
    assert left(on_postgresql) == 0


def test_who_is_asked_to_end_waits_no_longer(on_postgresql: Database, stop: threading.Event) -> None:
    with waiting.waiting(on_postgresql, [SCORE], stop) as waits:
        join = waits_until(waits[SCORE], stop)
        stop.set()
        join()


def test_who_takes_studies_of_every_kind_is_called_for_each(on_postgresql: Database, stop: threading.Event) -> None:
    both = score_queues(tuple(Stratum))
    with waiting.waiting_for_any(on_postgresql, both, stop) as waits:
        for stratum in Stratum:
            waits.wait(stop.is_set, most_s=0.3)  # it rang when it began to listen
            join = waits_until(waits, stop)
            with on_postgresql.begin() as connection:
                issue(connection, Task.SCORE, of_stratum(stratum))
            join()
            waits.take()
    with on_postgresql.begin() as connection:
        assert not any(use_up(connection, each) for each in both)


def test_who_cannot_listen_looks_as_often_as_without_tickets(on_postgresql: Database, stop: threading.Event) -> None:
    waits_until(ByTickets(Tickets(on_postgresql), [SCORE], waiting._Listener({SCORE: threading.Event()})), stop)()


def test_a_listener_whose_connection_broke_listens_again(
    on_postgresql: Database, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_UNREACHABLE_S", 0.1)
    listener = waiting._Listener({SCORE: threading.Event()})
    thread = threading.Thread(target=waiting._listen, args=(on_postgresql, listener, stop))
    thread.start()
    for _ in range(3):
        assert listener.written[SCORE].wait(PATIENCE_S)  # set whenever it begins to listen
        listener.written[SCORE].clear()
        with on_postgresql.begin() as connection:
            listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            assert connection.execute(text(listeners)).all()
    stop.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def _score(waits: Waiting, database: Database, name: str, is_over: Callable[[], bool], most_s: float) -> list[str]:
    """Do as a worker does, with nothing to analyse; return what was claimed."""
    found = []
    while not is_over():
        waits.take()
        claim = Claims(database).claim_next(name, lease_s=600, now=datetime.now(UTC))
        if claim is None:
            waits.wait(is_over, most_s=most_s)
        else:
            found.append(claim.study_uid.value)
    return found


def _none_waits(database: Database) -> Callable[[], bool]:
    """Return what tells that no study is received or waits, and twenty were claimed."""
    studies = Studies(database)
    return lambda: studies.counts()[State.ANALYSING] == 20


def test_two_workers_that_wait_and_one_that_only_looks_claim_each_of_twenty_studies_once(
    on_postgresql: Database, stop: threading.Event
) -> None:
    """The third is a role of the version before, in a rolling upgrade."""
    is_over = _none_waits(on_postgresql)
    with (
        waiting.waiting(on_postgresql, [SCORE], stop) as here,
        waiting.waiting(on_postgresql, [SCORE], stop) as there,
        ThreadPoolExecutor(3) as threads,
    ):
        ways = [here[SCORE], there[SCORE], Looking(stop)]
        workers = [
            threads.submit(_score, waits, on_postgresql, f"worker-{number}", is_over, FOR_EVER_S)
            for number, waits in enumerate(ways)
        ]
        for number in range(1, 21):
            make_ready(Studies(on_postgresql), number, minutes=number)
        found = [each.result(PATIENCE_S) for each in workers]
    assert Counter(uid for each in found for uid in each).most_common(1)[0][1] == 1
    assert sum(map(len, found)) == 20


def test_without_any_ticket_everything_is_claimed_all_the_same(on_postgresql: Database, stop: threading.Event) -> None:
    for number in range(1, 21):
        make_ready(Studies(on_postgresql), number, minutes=number)
    with on_postgresql.begin() as connection:
        connection.execute(text("TRUNCATE procrastinate_jobs CASCADE"))
    is_over = _none_waits(on_postgresql)
    with waiting.waiting(on_postgresql, [SCORE], stop) as waits, ThreadPoolExecutor(1) as threads:
        worker = threads.submit(_score, waits[SCORE], on_postgresql, "worker-1", is_over, 0.05)
        assert len(worker.result(PATIENCE_S)) == 20
    assert LOOK_S < PATIENCE_S


def test_of_two_clocks_one_does_what_is_to_be_done_once_and_each_does_it_when_it_starts(
    on_postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)
    monkeypatch.setattr(ticking, "clock", lambda: now)
    rounds: list[str] = []
    clocks = [
        ticking._once(Tickets(on_postgresql), "reaping", 5.0, lambda name=name: rounds.append(name))  # type: ignore[misc]
        for name in ("first", "second")
    ]
    for each in clocks:
        each.work()
    assert rounds == ["first", "second"]
    for second in (6, 11, 16):
        now = now.replace(second=second)
        for each in clocks:
            each.work()
    assert rounds == ["first", "second", "first", "first", "first"]
