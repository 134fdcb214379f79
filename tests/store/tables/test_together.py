"""What several threads commit at once: nothing is answered before, and an error is one's own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from triaged.errors import TryLater
from triaged.store.tables.database import Database, open_database
from triaged.store.tables.together import Together

DEADLINE_S = 20.0


class Scene:
    """A table of numbers, and a first piece of work that others queue up behind."""

    def __init__(self, folder: Path) -> None:
        self.database = open_database(f"sqlite:///{folder}/numbers.db")
        self.other = open_database(f"sqlite:///{folder}/numbers.db")
        with self.database.begin() as connection:
            connection.execute(text("CREATE TABLE number (n INTEGER UNIQUE)"))
        self.counted = Counting(self.database)
        self.together = Together(self.counted)
        self.threads = ThreadPoolExecutor(16)
        self._begun, self._may_end = threading.Event(), threading.Event()

    def committed(self) -> set[int]:
        """What another connection sees."""
        with self.other.read() as connection:
            return set(connection.execute(text("SELECT n FROM number")).scalars())

    def start(self, work: Callable[[Connection], int]) -> Future[int]:
        return self.threads.submit(self.together.run, work)

    @contextmanager
    def all_waiting(self, works: list[Callable[[Connection], int]]) -> Iterator[list[Future[int]]]:
        """Queue these up behind one that is at work; they are done together when the block has ended."""

        def first(connection: Connection) -> int:
            self._begun.set()
            assert self._may_end.wait(DEADLINE_S)
            return inserting(0)(connection)

        leader = self.start(first)
        assert self._begun.wait(DEADLINE_S)
        started = [self.start(work) for work in works]
        while len(self.together._waiting) < len(works):
            threading.Event().wait(0.001)
        yield started
        self._may_end.set()
        assert leader.result(DEADLINE_S) == 0


class Counting(Database):
    """A database that counts its commits, and is away after so many of them, where it is told so."""

    def __init__(self, database: Database) -> None:
        super().__init__(database._engine)
        self.commits = 0
        self.away: str = ""
        self.away_after = 0

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        self._demand("begin")
        with super().begin() as connection:
            yield connection
            self._demand("commit")
        self.commits += 1

    def _demand(self, what: str) -> None:
        if self.away == what and self.commits >= self.away_after:
            raise TryLater("the database is away")


def inserting(number: int) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        connection.execute(text("INSERT INTO number VALUES (:n)"), {"n": number})
        return number

    return work


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.threads.shutdown()
    scene.database.close()
    scene.other.close()


def test_all_that_wait_at_a_moment_share_one_commit(scene: Scene) -> None:
    with scene.all_waiting([inserting(n) for n in range(1, 9)]) as started:
        pass
    assert [each.result(DEADLINE_S) for each in started] == list(range(1, 9))
    assert scene.committed() == set(range(9))
    assert scene.counted.commits == 2, "that of the one that was at work, and one for all others"


def test_nobody_is_answered_before_the_commit(scene: Scene) -> None:
    seen: list[tuple[set[int], list[bool]]] = []

    def looking(connection: Connection) -> int:
        seen.append((scene.committed(), [each.done() for each in started]))
        return 3

    with scene.all_waiting([inserting(1), inserting(2), looking]) as started:
        pass
    assert [each.result(DEADLINE_S) for each in started] == [1, 2, 3]
    assert seen == [({0}, [False, False, False])], "two were done when the third looked, and nothing was committed"


def test_one_that_fails_takes_no_other_with_it(scene: Scene) -> None:
    def broken(connection: Connection) -> int:
        connection.execute(text("INSERT INTO number VALUES (99)"))
        raise ValueError("expected a good instance, found a bad one")

    with scene.all_waiting([inserting(1), broken, inserting(2)]) as started:
        pass
    with pytest.raises(ValueError, match="a bad one"):
        started[1].result(DEADLINE_S)
    assert [started[0].result(DEADLINE_S), started[2].result(DEADLINE_S)] == [1, 2]
    assert scene.committed() == {0, 1, 2}


def test_a_row_that_the_database_refuses_takes_no_other_with_it(scene: Scene) -> None:
    with scene.all_waiting([inserting(1), inserting(1), inserting(2)]) as started:
        pass
    errors = [each.exception(DEADLINE_S) for each in started]
    assert sum(error is not None for error in errors) == 1
    assert errors[2] is None
    assert scene.committed() == {0, 1, 2}


@pytest.mark.parametrize("when", ["begin", "commit"])
def test_a_store_that_is_away_refuses_all_that_were_not_committed_and_no_other(scene: Scene, when: str) -> None:
    with scene.all_waiting([inserting(1), inserting(2), inserting(3)]) as started:
        scene.counted.away, scene.counted.away_after = when, 1
    for each in started:
        with pytest.raises(TryLater, match="the database is away"):
            each.result(DEADLINE_S)
    assert scene.committed() == {0}, "what was committed before"
    scene.counted.away = ""
    assert scene.together.run(inserting(4)) == 4
    assert scene.committed() == {0, 4}


def test_many_threads_are_all_answered_and_all_committed(scene: Scene) -> None:
    started = [scene.start(inserting(number)) for number in range(200)]
    assert [each.result(DEADLINE_S) for each in started] == list(range(200))
    assert scene.committed() == set(range(200))
