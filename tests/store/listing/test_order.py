"""Positions and their history against a second list, kept by hand, on both databases."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.store.making import Studies, admit, at, claimed, commit, instance, make_ready, ranking, study_uid
from triaged.store.listing.worklist import Worklist
from triaged.store.tables import schema
from triaged.store.tables.database import Database, open_database
from triaged.study.ranking import Lane, Ranking, TriageClass
from triaged.study.uids import StudyUID


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


def test_a_study_enters_with_its_position_and_moves_those_below_it(studies: Studies) -> None:
    admit(studies, instance(1, 1), minutes=0)
    admit(studies, instance(2, 1), minutes=10)
    admit(studies, instance(3, 1), minutes=11, where=ranking(5, study_uid(3), reason="HIGH order"))
    (entered,) = studies.moves(study_uid(3).value)
    assert (entered.before, entered.after, entered.at, entered.cause) == (None, 2, at(11), "received: HIGH order")
    assert [(move.before, move.after) for move in studies.moves(study_uid(1).value)] == [(None, 1)]
    _, passed = studies.moves(study_uid(2).value)
    assert (passed.before, passed.after, passed.at) == (2, 3, at(11))
    assert (passed.cause, passed.cause_study_uid) == ("received: HIGH order", study_uid(3).value)


def test_a_score_moves_its_study_and_says_why_to_all_that_it_passes(studies: Studies) -> None:
    for number in (1, 2, 3):
        make_ready(studies, number, minutes=number)
    claimed(studies, minutes=4)
    claimed(studies, minutes=4)
    third = claimed(studies, minutes=4)
    commit(studies, third, minutes=5, where=ranking(1.5, study_uid(3), reason="B severe — left lung 54 %"))
    move = studies.moves(study_uid(3).value)[-1]
    assert (move.before, move.after, move.cause) == (3, 2, "B severe — left lung 54 %")
    move = studies.moves(study_uid(2).value)[-1]
    assert (move.before, move.after, move.cause_study_uid) == (2, 3, study_uid(3).value)
    assert len(studies.moves(study_uid(1).value)) == 1


def test_a_new_class_at_the_same_position_is_no_move(studies: Studies, database: Database) -> None:
    make_ready(studies, 1)
    scored = ranking(-30, study_uid(1), triage_class=TriageClass.SUSPECTED_MILD, reason="D mild")
    commit(studies, claimed(studies), where=scored)
    assert len(studies.moves(study_uid(1).value)) == 1
    assert Worklist(database).entries()[0].reason == "D mild"


def test_a_new_reason_under_the_same_key_is_shown(studies: Studies, database: Database) -> None:
    make_ready(studies, 1)
    commit(studies, claimed(studies), where=ranking(0, study_uid(1), reason="could not be read"))
    assert Worklist(database).entries()[0].reason == "could not be read"


class _ByHand:
    """The list as a person would keep it: sort, number, compare with the numbers before."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.history: dict[str, list[tuple[int | None, int]]] = {}

    def place(self, uid: str, key: str) -> None:
        before = self.numbered()
        self.keys[uid] = key
        for moved, after in self.numbered().items():
            if before.get(moved) != after:
                self.history.setdefault(moved, []).append((before.get(moved), after))

    def numbered(self) -> dict[str, int]:
        return {uid: number for number, uid in enumerate(sorted(self.keys, key=self.keys.__getitem__), start=1)}


def last(uid: StudyUID) -> Ranking:
    """A place behind every other, which moves nothing that has one."""
    return ranking(9999, uid, lane=Lane.BELOW)


CHANGES = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 12), st.sampled_from(list(Lane))), min_size=1, max_size=20
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=CHANGES)
def test_every_change_of_position_is_in_the_history(database: Database, changes: list[tuple[int, int, Lane]]) -> None:
    _empty(database)
    studies, by_hand, slices = Studies(database), _ByHand(), dict.fromkeys(range(7), 0)
    for study, minutes, lane in changes:
        uid, slices[study] = study_uid(study), slices[study] + 1
        place = ranking(minutes, uid, lane=lane)
        # The first instance gives the study a place; completing it without a score gives it any other.
        admit(studies, instance(study, slices[study]), where=place if slices[study] == 1 else last(uid))
        if slices[study] > 1:
            studies.complete(uid, slices[study], ranking=place, cause="whole", now=at(0))
        by_hand.place(uid.value, place.sort_key)
    listed = Worklist(database).entries()
    assert {entry.study_instance_uid: entry.position for entry in listed} == by_hand.numbered()
    for uid_text, history in by_hand.history.items():
        assert [(move.before, move.after) for move in studies.moves(uid_text)] == history


def _empty(database: Database) -> None:
    with database.begin() as connection:
        schema.metadata.drop_all(connection)  # the rows of the history cannot be deleted
        schema.metadata.create_all(connection)


def test_plain_sql_by_the_sort_key_is_the_list(studies: Studies, database: Database) -> None:
    for number, minutes in ((1, 30), (2, 10), (3, 20), (4, 40)):
        lane = Lane.EMERGENCY if number == 4 else Lane.ORDERED
        admit(studies, instance(number, 1), where=ranking(minutes, study_uid(number), lane=lane))
    with database.read() as connection:
        plain = list(connection.execute(text("SELECT study_uid FROM study ORDER BY sort_key")).scalars())
    assert plain == [study_uid(number).value for number in (4, 2, 3, 1)]
    assert plain == [entry.study_instance_uid for entry in Worklist(database).entries()]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT study_uid FROM study ORDER BY sort_key LIMIT 100",
        "SELECT count(*) FROM study WHERE sort_key < 'x'",
        "SELECT id FROM study WHERE state = 'READY' ORDER BY sort_key LIMIT 1",
        "SELECT id FROM study WHERE sort_key > 'a' AND sort_key < 'b' ORDER BY sort_key",
    ],
)
def test_the_list_is_read_from_an_index_and_never_sorted(sqlite_url: str, query: str) -> None:
    database = open_database(sqlite_url)
    with database.read() as connection:
        plan = " ".join(row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}")))
    database.close()
    assert "INDEX" in plan
    assert "TEMP B-TREE" not in plan
