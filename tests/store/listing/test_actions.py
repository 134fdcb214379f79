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


class Desk:
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
def desk(database: Database) -> Desk:
    """Three studies wait, in the order in which they came."""
    desk = Desk(database)
    for number in (1, 2, 3):
        desk.arrive(number, minutes=number)
    return desk


def test_who_reads_a_study_since_when_is_on_the_list(desk: Desk) -> None:
    before = desk.worklist.entry(study_uid(1).value)
    assert before is not None
    assert (before.read_state, before.read_by, before.read_at) == (ReadState.UNREAD, "", None)
    done = desk.act(1, READING)
    entry = desk.worklist.entries()[0]
    assert (entry.read_state, entry.read_by, entry.read_at) == (ReadState.READING, "ann", at(50))
    assert (done.person, done.at, done.kind, done.undone) == ("ann", at(50), READING, False)
    assert desk.order() == [1, 2, 3]


def test_a_study_that_is_done_leaves_the_list_and_those_below_move_up(desk: Desk) -> None:
    desk.act(1, DONE, minutes=50, detail="reported")
    assert desk.order() == [2, 3]
    assert [entry.position for entry in desk.worklist.entries()] == [1, 2]
    gone = desk.studies.moves(study_uid(1).value)[-1]
    assert (gone.before, gone.after, gone.at, gone.cause) == (1, None, at(50), "done by ann: reported")
    passed = desk.studies.moves(study_uid(3).value)[-1]
    assert (passed.before, passed.after, passed.cause_study_uid) == (3, 2, study_uid(1).value)
    done = desk.worklist.entry(study_uid(1).value)
    assert done is not None
    assert (done.position, done.read_state, done.read_by) == (0, ReadState.DONE, "ann")
    assert desk.worklist.entries(part=Part(shown=Shown.DONE)) == [done]
    assert [desk.worklist.total(), desk.worklist.total(Part(shown=Shown.ALL))] == [2, 3]


def test_a_study_that_is_opened_again_comes_back_to_its_place(desk: Desk) -> None:
    desk.act(2, DONE)
    desk.act(2, ActionKind.REOPENED, "bob", minutes=60)
    assert desk.order() == [1, 2, 3]
    assert desk.moves(2) == [(None, 2), (2, None), (None, 2)]
    assert desk.moves(3) == [(None, 3), (3, 2), (2, 3)]
    assert desk.moves(1) == [(None, 1)]


def test_a_study_that_is_done_keeps_up_with_its_result_without_moving_anybody(desk: Desk) -> None:
    claim = claimed(desk.studies, minutes=4)
    desk.act(1, DONE)
    before = [desk.moves(number) for number in (1, 2, 3)]
    commit(desk.studies, claim, minutes=52, where=policy)
    assert [desk.moves(number) for number in (1, 2, 3)] == before
    assert desk.order() == [2, 3]
    desk.act(1, ActionKind.REOPENED)
    assert desk.order()[0] == 1


def test_an_override_moves_a_study_and_says_who_and_why(desk: Desk) -> None:
    desk.act(3, PINNED, "bob", detail="called by the ward")
    assert desk.order() == [3, 1, 2]
    move = desk.studies.moves(study_uid(3).value)[-1]
    assert (move.before, move.after, move.cause) == (3, 1, "pinned by bob: called by the ward")
    entry = desk.worklist.entries()[0]
    assert (entry.override, entry.lane, entry.reason) == (Override.PIN, Lane.EMERGENCY, "override pin")
    desk.act(1, ActionKind.LOWERED)
    assert desk.order() == [3, 2, 1]
    desk.act(1, ActionKind.RESTORED)
    assert desk.order() == [3, 1, 2]


def test_undo_takes_back_the_last_action_and_keeps_who_did_what(desk: Desk) -> None:
    first = desk.act(3, PINNED, "ann", minutes=50)
    second = desk.act(3, ActionKind.RAISED, "bob", minutes=51)
    undone = desk.undo(3, "cleo", minutes=52)
    assert (undone.kind, undone.person, undone.undoes) == (ActionKind.UNDONE, "cleo", second.action_id)
    assert desk.order() == [3, 1, 2]
    assert desk.undo(3, "cleo", minutes=53).undoes == first.action_id
    assert desk.order() == [1, 2, 3]
    told = desk.actions.actions(study_uid(3).value)
    assert [(each.kind.value, each.person, each.undone) for each in told] == [
        ("PINNED", "ann", True),
        ("RAISED", "bob", True),
        ("UNDONE", "cleo", False),
        ("UNDONE", "cleo", False),
    ]
    with pytest.raises(ActionRefused, match="expected an action of a person, found none"):
        desk.undo(3)


def test_done_can_be_undone_to_the_reading_before_it(desk: Desk) -> None:
    desk.act(1, READING, minutes=40)
    desk.act(1, DONE, minutes=45)
    desk.undo(1, "bob")
    entry = desk.worklist.entries()[0]
    assert (entry.read_state, entry.read_by, entry.read_at) == (ReadState.READING, "ann", at(40))
    assert desk.moves(1) == [(None, 1), (1, None), (None, 1)]


def test_only_the_action_that_was_seen_is_taken_back(desk: Desk) -> None:
    seen = desk.act(3, PINNED)
    desk.act(3, DONE, "bob")
    with pytest.raises(ActionRefused, match="found a later one: DONE by bob"):
        desk.undo(3, action_id=seen.action_id)
    assert desk.worklist.total() == 2


def test_what_one_reads_only_that_one_decides_about_until_another_takes_it_over(desk: Desk) -> None:
    desk.act(1, READING, "ann")
    for kind in (DONE, PINNED, ActionKind.RELEASED):
        with pytest.raises(ActionRefused, match="being read by ann"):
            desk.act(1, kind, "bob")
    with pytest.raises(ActionRefused, match="being read by ann"):
        desk.undo(1, "bob")
    assert desk.act(1, READING, "bob").detail == "taken over from ann"
    with pytest.raises(ActionRefused, match="being read by bob"):
        desk.act(1, DONE, "ann")
    desk.undo(1, "bob")
    assert desk.worklist.entries()[0].read_by == "ann"


def test_a_button_that_is_pressed_twice_acts_once(desk: Desk) -> None:
    first = desk.act(3, PINNED, minutes=50)
    assert desk.act(3, PINNED, minutes=50.1) == first
    assert len(desk.actions.actions(study_uid(3).value)) == 1
    with pytest.raises(ActionRefused, match="override pin"):
        desk.act(3, PINNED, "bob")


def test_an_action_on_an_unknown_study_is_said(desk: Desk) -> None:
    with pytest.raises(UnknownStudy):
        desk.act(9, READING)
    with pytest.raises(UnknownStudy):
        desk.undo(9)
    assert desk.actions.actions("9.9") == []


def test_a_late_slice_brings_a_study_back_that_was_done(desk: Desk) -> None:
    desk.act(1, DONE)
    admit(desk.studies, instance(1, 2), minutes=60, where=policy)
    assert desk.order() == [1, 2, 3]
    entry = desk.worklist.entries()[0]
    assert (entry.read_state, entry.read_by) == (ReadState.UNREAD, "")
    *_, came = desk.actions.actions(study_uid(1).value)
    assert (came.kind, came.person, came.at) == (ActionKind.REOPENED, PROGRAM, at(60))
    assert desk.studies.moves(study_uid(1).value)[-1].cause == "an image came after it was done"
    with pytest.raises(ActionRefused, match="REOPENED by triaged"):
        desk.undo(1)  # its reader has not seen the slice, and nobody can undo that


def test_the_same_slice_again_does_not_bring_a_study_back(desk: Desk) -> None:
    desk.act(1, DONE)
    admit(desk.studies, instance(1, 1), minutes=60, where=policy)
    assert desk.order() == [2, 3]


@pytest.mark.parametrize(
    ("kind", "study", "first"),
    [(PINNED, 3, [3, 1, 2]), (ActionKind.RAISED, 3, [3, 1, 2]), (ActionKind.LOWERED, 1, [2, 3, 1])],
)
def test_an_override_survives_late_slices_requeues_and_results(
    desk: Desk, kind: ActionKind, study: int, first: list[int]
) -> None:
    desk.act(study, kind)
    for minutes in (60, 61, 62):
        desk.score(minutes=minutes)
    assert desk.order() == first
    admit(desk.studies, instance(study, 2), minutes=70, where=policy)
    assert desk.order() == first
    desk.studies.complete(study_uid(study), 2, ranking=policy, cause="whole", now=at(71))
    desk.score(minutes=72)
    assert desk.order() == first
    desk.studies.requeue(study_uid(study).value, ranking=policy, now=at(73))
    assert desk.order() == first
    desk.score(minutes=74)
    assert desk.order() == first
    overrides = {_number(entry.study_instance_uid): entry.override for entry in desk.worklist.entries()}
    assert [number for number, override in overrides.items() if override is not Override.NONE] == [study]


def test_an_override_before_a_study_is_whole_survives_its_completion(desk: Desk) -> None:
    admit(desk.studies, instance(4, 1), minutes=20, where=policy)
    desk.act(4, PINNED)
    desk.studies.complete(study_uid(4), 1, ranking=policy, cause="whole", now=at(55))
    assert desk.order() == [4, 1, 2, 3]


def test_an_override_made_while_the_study_is_analysed_is_not_lost(desk: Desk) -> None:
    claim = claimed(desk.studies, minutes=4)
    desk.act(1, ActionKind.LOWERED)
    commit(desk.studies, claim, minutes=52, where=policy)
    desk.score(minutes=53)
    desk.score(minutes=54)
    assert desk.order() == [2, 3, 1]
    assert desk.worklist.entries()[2].override is Override.LOWER
    (result,) = desk.studies.results(study_uid(1).value)
    assert result.reason == "override none"  # the result says what was found, the list who decided otherwise


def test_every_action_changes_the_token_of_the_list(desk: Desk) -> None:
    tokens = [desk.worklist.version()]
    for kind in (READING, PINNED, DONE, ActionKind.REOPENED, ActionKind.RESTORED, ActionKind.RAISED):
        desk.act(1, kind)
        tokens.append(desk.worklist.version())
    desk.undo(1)
    tokens.append(desk.worklist.version())
    assert len(set(tokens)) == len(tokens)


STEPS = st.lists(
    st.tuples(st.sampled_from(list(ActionKind)), st.integers(1, 3), st.sampled_from(["ann", "bob"])), max_size=15
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, scored=st.integers(0, 3))
def test_undoing_everything_restores_every_place_exactly(
    database: Database, steps: list[tuple[ActionKind, int, str]], scored: int
) -> None:
    desk = Desk(database)
    offset = 10 * len(desk.worklist.entries(part=Part(shown=Shown.ALL)))
    numbers = [offset + number for number in (1, 2, 3)]
    for number in numbers:
        desk.arrive(number, minutes=number)
    for _ in range(scored):
        desk.score(minutes=offset + 5)
    before, rows = desk.order(), _without_positions(desk)
    for kind, number, person in steps:
        try:
            desk.act(offset + number, kind, person, minutes=offset + 20)
        except (ActionRefused, KeyError):
            continue
    for number in numbers:
        _undo_all(desk, number)
    assert desk.order() == before
    assert _without_positions(desk) == rows
    _positions_are_told_without_gaps(desk)
    for number in numbers:
        desk.act(number, DONE)


def _undo_all(desk: Desk, number: int) -> None:
    while True:
        entry = desk.worklist.entry(study_uid(number).value)
        assert entry is not None
        person = entry.read_by if entry.read_state is ReadState.READING else "cleo"
        try:
            desk.undo(number, person)
        except ActionRefused:
            return


def _without_positions(desk: Desk) -> list[object]:
    return [replace(entry, position=0) for entry in desk.worklist.entries(part=Part(shown=Shown.ALL))]


def _positions_are_told_without_gaps(desk: Desk) -> None:
    for entry in desk.worklist.entries(part=Part(shown=Shown.ALL)):
        history = desk.moves(_number(entry.study_instance_uid))
        assert [before for before, _ in history] == [None, *(after for _, after in history[:-1])]
        assert (history[-1][1] or 0) == entry.position


@pytest.mark.parametrize("table", ["action", "event", "reorder"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET at = at", "DELETE FROM {}"])
def test_the_database_itself_refuses_to_change_history(
    desk: Desk, database: Database, table: str, statement: str
) -> None:
    desk.act(1, DONE)
    with pytest.raises(DBAPIError, match="history is never changed"), database.begin() as connection:
        connection.execute(text(statement.format(table)))
    assert len(desk.actions.actions(study_uid(1).value)) == 1
    assert desk.moves(1) == [(None, 1), (1, None)]


def test_the_sort_key_of_a_study_that_was_pinned_and_restored_is_the_one_it_had(desk: Desk, database: Database) -> None:
    keys = _keys(database)
    desk.act(2, PINNED)
    assert _keys(database) != keys
    desk.undo(2)
    assert _keys(database) == keys


def _keys(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(text("SELECT sort_key FROM study ORDER BY id")).scalars())


def test_plain_places_still_work_where_nobody_decided_otherwise(desk: Desk) -> None:
    make_ready(desk.studies, 5, minutes=1.5)
    assert desk.order() == [1, 5, 2, 3]
