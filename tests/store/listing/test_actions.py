"""What readers do with studies, what follows for the list, and that nothing of it is lost, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.store.making import Studies, admit, at, claimed, commit, instance, make_ready, ranking, study_uid
from triaged.errors import ActionRefused, UnknownStudy
from triaged.store.listing.actions import Actions
from triaged.store.listing.worklist import Part, Worklist
from triaged.store.tables.database import Database
from triaged.store.tables.views import Shown
from triaged.study.ranking import Lane, Override, Ranking
from triaged.study.ranking_input import RankingInput
from triaged.study.read_state import PROGRAM, Action, ActionKind, ReadState

READING, DONE, PINNED = ActionKind.READING, ActionKind.DONE, ActionKind.PINNED


def policy(ranking_input: RankingInput) -> Ranking:
    """A policy of one line: pinned above all, raised and lowered by an hour, by the minute of arrival."""
    minutes = (ranking_input.since - at(0)).total_seconds() / 60
    shift = {Override.RAISE: -60, Override.LOWER: 60}.get(ranking_input.override, 0)
    if ranking_input.assessment is not None:
        shift -= 180
    lane = Lane.EMERGENCY if ranking_input.override is Override.PIN else Lane.ORDERED
    return ranking(minutes + shift, ranking_input.study_uid, lane=lane, reason=f"override {ranking_input.override}")


class Clinic:
    """Two readers before one list."""

    def __init__(self, database: Database) -> None:
        self.studies, self.worklist, self.actions = Studies(database), Worklist(database), Actions(database)

    def act(
        self, study: int, kind: ActionKind, person: str = "ann", *, minutes: float = 50, detail: str = ""
    ) -> Action:
        uid = study_uid(study).value
        return self.actions.act(uid, kind, person, ranking_policy=policy, now=at(minutes), detail=detail)

    def undo(self, study: int, person: str = "ann", *, minutes: float = 51, action_id: int | None = None) -> Action:
        uid = study_uid(study).value
        return self.actions.undo(uid, person, ranking_policy=policy, now=at(minutes), action_id=action_id)

    def arrive(self, study: int, *, minutes: float, slices: int = 1) -> None:
        """Let a study come and be complete at once, by the policy."""
        for number in range(1, slices + 1):
            admit(self.studies, instance(study, number), minutes=minutes, where=policy)
        self.studies.complete(study_uid(study), slices, ranking=policy, cause="whole", now=at(minutes))

    def score(self, *, minutes: float) -> None:
        commit(self.studies, claimed(self.studies, minutes=minutes), minutes=minutes, where=policy)

    def order(self) -> list[int]:
        return [_number(entry.study_instance_uid) for entry in self.worklist.entries()]

    def moves(self, study: int) -> list[tuple[int | None, int | None]]:
        return [(move.before, move.after) for move in self.studies.moves(study_uid(study).value)]


def _number(uid: str) -> int:
    return int(uid.rpartition(".")[2])


@pytest.fixture
def clinic(database: Database) -> Clinic:
    """Three studies wait, in the order in which they came."""
    clinic = Clinic(database)
    for number in (1, 2, 3):
        clinic.arrive(number, minutes=number)
    return clinic


def test_who_reads_a_study_since_when_is_on_the_list(clinic: Clinic) -> None:
    before = clinic.worklist.entry(study_uid(1).value)
    assert before is not None
    assert (before.read_state, before.read_by, before.read_at) == (ReadState.UNREAD, "", None)
    done = clinic.act(1, READING)
    entry = clinic.worklist.entries()[0]
    assert (entry.read_state, entry.read_by, entry.read_at) == (ReadState.READING, "ann", at(50))
    assert (done.person, done.at, done.kind, done.undone) == ("ann", at(50), READING, False)
    assert clinic.order() == [1, 2, 3]


def test_a_study_that_is_done_leaves_the_list_and_those_below_move_up(clinic: Clinic) -> None:
    clinic.act(1, DONE, minutes=50, detail="reported")
    assert clinic.order() == [2, 3]
    assert [entry.position for entry in clinic.worklist.entries()] == [1, 2]
    gone = clinic.studies.moves(study_uid(1).value)[-1]
    assert (gone.before, gone.after, gone.at, gone.cause) == (1, None, at(50), "done by ann: reported")
    passed = clinic.studies.moves(study_uid(3).value)[-1]
    assert (passed.before, passed.after, passed.cause_study_uid) == (3, 2, study_uid(1).value)
    done = clinic.worklist.entry(study_uid(1).value)
    assert done is not None
    assert (done.position, done.read_state, done.read_by) == (0, ReadState.DONE, "ann")
    assert clinic.worklist.entries(part=Part(shown=Shown.DONE)) == [done]
    assert [clinic.worklist.total(), clinic.worklist.total(Part(shown=Shown.ALL))] == [2, 3]


def test_a_study_that_is_opened_again_comes_back_to_its_place(clinic: Clinic) -> None:
    clinic.act(2, DONE)
    clinic.act(2, ActionKind.REOPENED, "bob", minutes=60)
    assert clinic.order() == [1, 2, 3]
    assert clinic.moves(2) == [(None, 2), (2, None), (None, 2)]
    assert clinic.moves(3) == [(None, 3), (3, 2), (2, 3)]
    assert clinic.moves(1) == [(None, 1)]


def test_a_study_that_is_done_keeps_up_with_its_result_without_moving_anybody(clinic: Clinic) -> None:
    claim = claimed(clinic.studies, minutes=4)
    clinic.act(1, DONE)
    before = [clinic.moves(number) for number in (1, 2, 3)]
    commit(clinic.studies, claim, minutes=52, where=policy)
    assert [clinic.moves(number) for number in (1, 2, 3)] == before
    assert clinic.order() == [2, 3]
    clinic.act(1, ActionKind.REOPENED)
    assert clinic.order()[0] == 1


def test_an_override_moves_a_study_and_says_who_and_why(clinic: Clinic) -> None:
    clinic.act(3, PINNED, "bob", detail="called by the ward")
    assert clinic.order() == [3, 1, 2]
    move = clinic.studies.moves(study_uid(3).value)[-1]
    assert (move.before, move.after, move.cause) == (3, 1, "pinned by bob: called by the ward")
    entry = clinic.worklist.entries()[0]
    assert (entry.override, entry.lane, entry.reason) == (Override.PIN, Lane.EMERGENCY, "override pin")
    clinic.act(1, ActionKind.LOWERED)
    assert clinic.order() == [3, 2, 1]
    clinic.act(1, ActionKind.RESTORED)
    assert clinic.order() == [3, 1, 2]


def test_undo_takes_back_the_last_action_and_keeps_who_did_what(clinic: Clinic) -> None:
    first = clinic.act(3, PINNED, "ann", minutes=50)
    second = clinic.act(3, ActionKind.RAISED, "bob", minutes=51)
    undone = clinic.undo(3, "cleo", minutes=52)
    assert (undone.kind, undone.person, undone.undoes) == (ActionKind.UNDONE, "cleo", second.action_id)
    assert clinic.order() == [3, 1, 2]
    assert clinic.undo(3, "cleo", minutes=53).undoes == first.action_id
    assert clinic.order() == [1, 2, 3]
    told = clinic.actions.actions(study_uid(3).value)
    assert [(each.kind.value, each.person, each.undone) for each in told] == [
        ("PINNED", "ann", True),
        ("RAISED", "bob", True),
        ("UNDONE", "cleo", False),
        ("UNDONE", "cleo", False),
    ]
    with pytest.raises(ActionRefused, match="expected an action of a person, found none"):
        clinic.undo(3)


def test_done_can_be_undone_to_the_reading_before_it(clinic: Clinic) -> None:
    clinic.act(1, READING, minutes=40)
    clinic.act(1, DONE, minutes=45)
    clinic.undo(1, "bob")
    entry = clinic.worklist.entries()[0]
    assert (entry.read_state, entry.read_by, entry.read_at) == (ReadState.READING, "ann", at(40))
    assert clinic.moves(1) == [(None, 1), (1, None), (None, 1)]


def test_only_the_action_that_was_seen_is_taken_back(clinic: Clinic) -> None:
    seen = clinic.act(3, PINNED)
    clinic.act(3, DONE, "bob")
    with pytest.raises(ActionRefused, match="found a later one: DONE by bob"):
        clinic.undo(3, action_id=seen.action_id)
    assert clinic.worklist.total() == 2


def test_what_one_reads_only_that_one_decides_about_until_another_takes_it_over(clinic: Clinic) -> None:
    clinic.act(1, READING, "ann")
    for kind in (DONE, PINNED, ActionKind.RELEASED):
        with pytest.raises(ActionRefused, match="being read by ann"):
            clinic.act(1, kind, "bob")
    with pytest.raises(ActionRefused, match="being read by ann"):
        clinic.undo(1, "bob")
    assert clinic.act(1, READING, "bob").detail == "taken over from ann"
    with pytest.raises(ActionRefused, match="being read by bob"):
        clinic.act(1, DONE, "ann")
    clinic.undo(1, "bob")
    assert clinic.worklist.entries()[0].read_by == "ann"


def test_a_button_that_is_pressed_twice_acts_once(clinic: Clinic) -> None:
    first = clinic.act(3, PINNED, minutes=50)
    assert clinic.act(3, PINNED, minutes=50.1) == first
    assert len(clinic.actions.actions(study_uid(3).value)) == 1
    with pytest.raises(ActionRefused, match="override pin"):
        clinic.act(3, PINNED, "bob")


def test_an_action_on_an_unknown_study_is_said(clinic: Clinic) -> None:
    with pytest.raises(UnknownStudy):
        clinic.act(9, READING)
    with pytest.raises(UnknownStudy):
        clinic.undo(9)
    assert clinic.actions.actions("9.9") == []


def test_a_late_slice_brings_a_study_back_that_was_done(clinic: Clinic) -> None:
    clinic.act(1, DONE)
    admit(clinic.studies, instance(1, 2), minutes=60, where=policy)
    assert clinic.order() == [1, 2, 3]
    entry = clinic.worklist.entries()[0]
    assert (entry.read_state, entry.read_by) == (ReadState.UNREAD, "")
    *_, came = clinic.actions.actions(study_uid(1).value)
    assert (came.kind, came.person, came.at) == (ActionKind.REOPENED, PROGRAM, at(60))
    assert clinic.studies.moves(study_uid(1).value)[-1].cause == "an image came after it was done"
    with pytest.raises(ActionRefused, match="REOPENED by triaged"):
        clinic.undo(1)  # its reader has not seen the slice, and nobody can undo that


def test_the_same_slice_again_does_not_bring_a_study_back(clinic: Clinic) -> None:
    clinic.act(1, DONE)
    admit(clinic.studies, instance(1, 1), minutes=60, where=policy)
    assert clinic.order() == [2, 3]


@pytest.mark.parametrize(
    ("kind", "study", "first"),
    [(PINNED, 3, [3, 1, 2]), (ActionKind.RAISED, 3, [3, 1, 2]), (ActionKind.LOWERED, 1, [2, 3, 1])],
)
def test_an_override_survives_late_slices_requeues_and_results(
    clinic: Clinic, kind: ActionKind, study: int, first: list[int]
) -> None:
    clinic.act(study, kind)
    for minutes in (60, 61, 62):
        clinic.score(minutes=minutes)
    assert clinic.order() == first
    admit(clinic.studies, instance(study, 2), minutes=70, where=policy)
    assert clinic.order() == first
    clinic.studies.complete(study_uid(study), 2, ranking=policy, cause="whole", now=at(71))
    clinic.score(minutes=72)
    assert clinic.order() == first
    clinic.studies.requeue(study_uid(study).value, ranking=policy, now=at(73))
    assert clinic.order() == first
    clinic.score(minutes=74)
    assert clinic.order() == first
    overrides = {_number(entry.study_instance_uid): entry.override for entry in clinic.worklist.entries()}
    assert [number for number, override in overrides.items() if override is not Override.NONE] == [study]


def test_an_override_before_a_study_is_whole_survives_its_completion(clinic: Clinic) -> None:
    admit(clinic.studies, instance(4, 1), minutes=20, where=policy)
    clinic.act(4, PINNED)
    clinic.studies.complete(study_uid(4), 1, ranking=policy, cause="whole", now=at(55))
    assert clinic.order() == [4, 1, 2, 3]


def test_an_override_made_while_the_study_is_analysed_is_not_lost(clinic: Clinic) -> None:
    claim = claimed(clinic.studies, minutes=4)
    clinic.act(1, ActionKind.LOWERED)
    commit(clinic.studies, claim, minutes=52, where=policy)
    clinic.score(minutes=53)
    clinic.score(minutes=54)
    assert clinic.order() == [2, 3, 1]
    assert clinic.worklist.entries()[2].override is Override.LOWER
    (result,) = clinic.studies.results(study_uid(1).value)
    assert result.reason == "override none"  # the result says what was found, the list who decided otherwise


def test_every_action_changes_the_token_of_the_list(clinic: Clinic) -> None:
    tokens = [clinic.worklist.version()]
    for kind in (READING, PINNED, DONE, ActionKind.REOPENED, ActionKind.RESTORED, ActionKind.RAISED):
        clinic.act(1, kind)
        tokens.append(clinic.worklist.version())
    clinic.undo(1)
    tokens.append(clinic.worklist.version())
    assert len(set(tokens)) == len(tokens)


STEPS = st.lists(
    st.tuples(st.sampled_from(list(ActionKind)), st.integers(1, 3), st.sampled_from(["ann", "bob"])), max_size=15
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, scored=st.integers(0, 3))
def test_undoing_everything_restores_every_place_exactly(
    database: Database, steps: list[tuple[ActionKind, int, str]], scored: int
) -> None:
    clinic = Clinic(database)
    offset = 10 * len(clinic.worklist.entries(part=Part(shown=Shown.ALL)))
    numbers = [offset + number for number in (1, 2, 3)]
    for number in numbers:
        clinic.arrive(number, minutes=number)
    for _ in range(scored):
        clinic.score(minutes=offset + 5)
    before, rows = clinic.order(), _without_positions(clinic)
    for kind, number, person in steps:
        try:
            clinic.act(offset + number, kind, person, minutes=offset + 20)
        except (ActionRefused, KeyError):
            continue
    for number in numbers:
        _undo_all(clinic, number)
    assert clinic.order() == before
    assert _without_positions(clinic) == rows
    _positions_are_told_without_gaps(clinic)
    for number in numbers:
        clinic.act(number, DONE)


def _undo_all(clinic: Clinic, number: int) -> None:
    while True:
        entry = clinic.worklist.entry(study_uid(number).value)
        assert entry is not None
        person = entry.read_by if entry.read_state is ReadState.READING else "cleo"
        try:
            clinic.undo(number, person)
        except ActionRefused:
            return


def _without_positions(clinic: Clinic) -> list[object]:
    return [replace(entry, position=0) for entry in clinic.worklist.entries(part=Part(shown=Shown.ALL))]


def _positions_are_told_without_gaps(clinic: Clinic) -> None:
    for entry in clinic.worklist.entries(part=Part(shown=Shown.ALL)):
        history = clinic.moves(_number(entry.study_instance_uid))
        assert [before for before, _ in history] == [None, *(after for _, after in history[:-1])]
        assert (history[-1][1] or 0) == entry.position


@pytest.mark.parametrize("table", ["action", "event", "reorder"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET at = at", "DELETE FROM {}"])
def test_the_database_itself_refuses_to_change_history(
    clinic: Clinic, database: Database, table: str, statement: str
) -> None:
    clinic.act(1, DONE)
    with pytest.raises(DBAPIError, match="history is never changed"), database.begin() as connection:
        connection.execute(text(statement.format(table)))
    assert len(clinic.actions.actions(study_uid(1).value)) == 1
    assert clinic.moves(1) == [(None, 1), (1, None)]


def test_the_sort_key_of_a_study_that_was_pinned_and_restored_is_the_one_it_had(
    clinic: Clinic, database: Database
) -> None:
    keys = _keys(database)
    clinic.act(2, PINNED)
    assert _keys(database) != keys
    clinic.undo(2)
    assert _keys(database) == keys


def _keys(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(text("SELECT sort_key FROM study ORDER BY id")).scalars())


def test_plain_places_still_work_where_nobody_decided_otherwise(clinic: Clinic) -> None:
    make_ready(clinic.studies, 5, minutes=1.5)
    assert clinic.order() == [1, 5, 2, 3]
