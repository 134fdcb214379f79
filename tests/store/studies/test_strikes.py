"""What counts against a study: its own failures, and deaths of workers only where it is the suspect."""

from __future__ import annotations

import pytest

from tests.store.making import Studies, admit, at, claimed, instance, make_ready, ranking, study_uid
from triaged.store.tables.database import Database
from triaged.study.lifecycle import State
from triaged.study.records import Strike


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


def strikes(studies: Studies, study: int, minutes: float) -> tuple[Strike, ...]:
    claim = claimed(studies, minutes=minutes)
    assert claim.study_uid == study_uid(study)
    return claim.strikes


def die(studies: Studies, study: int, worker: str, minutes: float) -> None:
    """Let a worker die with a study in hand, and its successor start."""
    assert claimed(studies, worker, minutes=minutes).study_uid == study_uid(study)
    assert studies.release(worker, now=at(minutes)) == 1


def test_an_outage_counts_against_nobody_however_often_it_comes(studies: Studies) -> None:
    make_ready(studies, 1)
    for minute in range(1, 20):
        studies.retry_later(claimed(studies, minutes=minute), not_before=at(minute), why="away", now=at(minute))
    claim = claimed(studies, minutes=20)
    assert (claim.attempt, claim.strikes) == (20, ())


def test_a_failure_of_its_own_counts_with_its_cause(studies: Studies) -> None:
    make_ready(studies, 1)
    studies.retry_later(claimed(studies, minutes=1), not_before=at(1), why="away", now=at(1))
    studies.strike(claimed(studies, minutes=2), not_before=at(2), why="ValueError in a.py, line 3", now=at(2))
    studies.strike(claimed(studies, minutes=3), not_before=at(3), why="KeyError in b.py, line 4", now=at(3))
    assert strikes(studies, 1, 4) == (Strike(2, "ValueError in a.py, line 3"), Strike(3, "KeyError in b.py, line 4"))
    assert [event.detail for event in studies.events(study_uid(1).value)][-2] == "KeyError in b.py, line 4"


def test_the_death_of_one_worker_counts_against_no_study(studies: Studies) -> None:
    make_ready(studies, 1)
    die(studies, 1, "worker-1", 1)
    assert strikes(studies, 1, 1) == ()


def test_a_study_with_which_two_workers_died_in_a_row_is_the_suspect_and_lets_others_go_first(studies: Studies) -> None:
    make_ready(studies, 1)
    make_ready(studies, 2, minutes=1)
    die(studies, 1, "worker-1", 2)
    die(studies, 1, "worker-1", 3)
    assert claimed(studies, minutes=3).study_uid == study_uid(2)
    assert strikes(studies, 1, 4) == (Strike(2, "its worker has ended"),)


def test_deaths_that_meet_one_study_after_another_count_against_none(studies: Studies) -> None:
    for number in (1, 2):
        make_ready(studies, number, minutes=number)
    for minute in range(3, 9):
        first, second = claimed(studies, "worker-1", minutes=minute), claimed(studies, "worker-2", minutes=minute)
        assert (first.strikes, second.strikes) == ((), ())
        studies.release("worker-1", now=at(minute))
        studies.release("worker-2", now=at(minute))


def test_a_lease_that_ran_out_counts_as_a_death(studies: Studies) -> None:
    make_ready(studies, 1)
    for minute in (1, 10):
        claimed(studies, minutes=minute, lease_s=60)
        assert studies.reap(now=at(minute + 2)) == 1
    assert strikes(studies, 1, 20) == (Strike(2, "its worker was silent for longer than its lease"),)


def test_a_new_revision_begins_without_strikes_and_without_deaths(studies: Studies) -> None:
    make_ready(studies, 1)
    studies.strike(claimed(studies, minutes=1), not_before=at(1), why="ValueError", now=at(1))
    die(studies, 1, "worker-1", 2)
    admit(studies, instance(1, 2), minutes=3)
    studies.complete(study_uid(1), 2, ranking=ranking(0, study_uid(1)), cause="whole", now=at(3))
    die(studies, 1, "worker-1", 4)
    claim = claimed(studies, minutes=4)
    assert (claim.attempt, claim.strikes) == (2, ())
    assert studies.counts()[State.ANALYSING] == 1
