"""The list as pages and commands read it, on both databases."""

from __future__ import annotations

import pytest

from triaged.store.database import Database
from triaged.store.studies import Studies
from triaged.store.worklist import Worklist
from triaged.study.lifecycle import State
from triaged.study.placement import Lane, TriageClass

from .making import admit, at, claimed, commit, instance, make_ready, placement, study_uid


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


@pytest.fixture
def worklist(database: Database) -> Worklist:
    return Worklist(database)


def test_an_empty_list_is_empty(worklist: Worklist) -> None:
    assert worklist.entries() == []
    assert worklist.total() == 0
    assert worklist.entry(study_uid(1).value) is None


def test_an_entry_says_where_a_study_stands_and_why(studies: Studies, worklist: Worklist) -> None:
    emergency = placement(3, study_uid(1), lane=Lane.EMERGENCY, triage_class=TriageClass.EMERGENCY, reason="STAT order")
    admit(studies, instance(1, 1), where=emergency)
    (entry,) = worklist.entries()
    assert (entry.lane, entry.triage_class, entry.reason) == (Lane.EMERGENCY, TriageClass.EMERGENCY, "STAT order")
    assert (entry.identification, entry.severity, entry.grade, entry.quality) == (None, None, None, ())


def test_pages_of_the_list_follow_each_other(studies: Studies, worklist: Worklist) -> None:
    for number in range(1, 8):
        admit(studies, instance(number, 1), minutes=number)
    pages = [worklist.entries(limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [[entry.position for entry in page] for page in pages] == [[1, 2, 3], [4, 5, 6], [7], []]
    assert [entry for page in pages for entry in page] == worklist.entries()
    assert worklist.total() == 7


def test_one_study_is_the_same_alone_as_on_the_list(studies: Studies, worklist: Worklist) -> None:
    for number in (1, 2, 3):
        make_ready(studies, number, minutes=number)
    commit(studies, claimed(studies, minutes=4), minutes=5, where=placement(2.5, study_uid(1)))
    for entry in worklist.entries():
        assert worklist.entry(entry.study_instance_uid) == entry


def test_the_token_changes_with_everything_that_the_list_shows(studies: Studies, worklist: Worklist) -> None:
    tokens = [worklist.version()]

    def note() -> None:
        tokens.append(worklist.version())

    admit(studies, instance(1, 1))
    note()
    admit(studies, instance(1, 2))
    note()
    studies.complete(study_uid(1), 2, placement=placement(1, study_uid(1)), cause="whole", now=at(1))
    note()
    claim = claimed(studies)
    note()
    commit(studies, claim)
    note()
    studies.requeue(study_uid(1).value, placement=placement(0, study_uid(1)), now=at(3))
    note()
    claimed(studies, minutes=4, lease_s=1)
    note()
    studies.reap(now=at(9))
    note()
    admit(studies, instance(1, 1, content="other"), minutes=9)
    note()
    assert len(set(tokens)) == len(tokens)


def test_the_token_stays_while_nothing_changes(studies: Studies, worklist: Worklist) -> None:
    make_ready(studies, 1)
    before = worklist.version()
    admit(studies, instance(1, 1))  # a duplicate
    studies.reap(now=at(9))
    studies.receiving(now=at(9))
    worklist.entries()
    assert worklist.version() == before


def test_the_counts_know_every_state(studies: Studies) -> None:
    make_ready(studies, 1)
    make_ready(studies, 2, minutes=1)
    admit(studies, instance(3, 1))
    claimed(studies)
    assert studies.counts() == {
        State.RECEIVING: 1,
        State.READY: 1,
        State.ANALYSING: 1,
        State.TRIAGED: 0,
        State.OUT_OF_SCOPE: 0,
        State.FAILED: 0,
    }


def test_the_history_is_told_from_its_end(studies: Studies) -> None:
    make_ready(studies, 1, slices=3)
    assert [event.event for event in studies.events(study_uid(1).value, limit=2)] == ["INSTANCE_ADDED", "COMPLETE"]
    assert studies.events("9.9") == []
    assert studies.moves("9.9") == []


def test_studies_in_some_states_are_asked_for_by_them_and_keep_their_positions(
    studies: Studies, worklist: Worklist
) -> None:
    for number in (1, 2, 3):
        make_ready(studies, number, minutes=number)
    admit(studies, instance(4, 1), minutes=2.5)
    commit(studies, claimed(studies, minutes=4), minutes=5, where=placement(9, study_uid(1)))
    both = frozenset({State.RECEIVING, State.TRIAGED})
    assert [(one.state, one.position) for one in worklist.entries(states=both)] == [
        (State.RECEIVING, 2),
        (State.TRIAGED, 4),
    ]
    assert worklist.total(states=both) == 2
    scored = worklist.entries(states=frozenset({State.TRIAGED}))
    assert [(one.identification, one.identification_threshold) for one in scored] == [(0.91, 0.5)]
