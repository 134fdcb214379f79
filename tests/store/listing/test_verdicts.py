"""What readers say of results: who, when, of what, kept for ever, on both databases; and that it moves nothing."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.store.making import NOON, Studies, at, claimed, commit, make_ready, ranking, study_uid
from triaged.errors import ActionRefused, UnknownStudy
from triaged.store.listing.assignments import Assignments
from triaged.store.listing.verdicts import Verdicts
from triaged.store.listing.worklist import Part, Worklist
from triaged.store.tables.database import Database
from triaged.study.assessment import Failed, OutOfScope, Reason, ReasonCode
from triaged.study.ranking import TriageClass
from triaged.study.verdict import Judged, Said, Verdict

UID = study_uid(1).value
HOSTILE = "<script>alert(1)</script> '; DROP TABLE verdict; -- \x00 \ud800 =cmd|' /C calc'!A0"


class Room:
    """Readers before a list of studies that are scored."""

    def __init__(self, database: Database) -> None:
        self.studies, self.worklist = Studies(database), Worklist(database)
        self.verdicts, self.assignments = Verdicts(database), Assignments(database)

    def say(
        self, verdict: Verdict, person: str = "ann", *, note: str = "", minutes: float = 10, study: int = 1
    ) -> Said:
        uid = study_uid(study).value
        return self.verdicts.say(uid, verdict, person, note=note, revision=None, now=at(minutes))

    def back(self, person: str = "ann", *, minutes: float = 11) -> Said:
        return self.verdicts.take_back(UID, person, revision=None, now=at(minutes))

    def standing(self) -> list[tuple[str, Verdict]]:
        return [(said.person, said.verdict) for said in self.verdicts.since(NOON, most=100)]

    def again(self, *, minutes: float, basis: str) -> None:
        """Let the study be read again."""
        self.studies.requeue(UID, ranking=ranking(0, study_uid(1)), now=at(minutes))
        commit(self.studies, claimed(self.studies, minutes=minutes), minutes=minutes, basis=basis)


@pytest.fixture
def room(database: Database) -> Room:
    """One scored study."""
    found = Room(database)
    make_ready(found.studies, 1)
    commit(found.studies, claimed(found.studies), basis="first")
    return found


def test_a_verdict_names_person_time_and_the_result_as_it_was(room: Room) -> None:
    room.say(Verdict.TOO_HIGH, note="motion, no infiltrate", minutes=10)
    (said,) = room.verdicts.of_study(UID)
    assert (said.person, said.at, said.verdict, said.note) == ("ann", at(10), Verdict.TOO_HIGH, "motion, no infiltrate")
    assert said.judged == Judged(1, "ct-test", TriageClass.SEVERE, "")
    assert said.stands


def test_a_later_word_takes_the_place_of_the_earlier_one_and_both_are_kept(room: Room) -> None:
    room.say(Verdict.TOO_HIGH, minutes=10)
    room.say(Verdict.AGREE, minutes=12)
    assert room.standing() == [("ann", Verdict.AGREE)]
    assert [(said.verdict, said.stands) for said in room.verdicts.of_study(UID)] == [
        (Verdict.TOO_HIGH, False),
        (Verdict.AGREE, True),
    ]


def test_words_of_two_people_stand_beside_each_other(room: Room) -> None:
    room.say(Verdict.TOO_HIGH, "ann")
    room.say(Verdict.MISSED, "ben")
    assert sorted(room.standing()) == [("ann", Verdict.TOO_HIGH), ("ben", Verdict.MISSED)]


def test_the_same_word_again_is_one_word_and_another_note_is_another(room: Room) -> None:
    first = room.say(Verdict.TOO_LOW, note="apex")
    assert room.say(Verdict.TOO_LOW, note="apex", minutes=20) == first
    assert room.say(Verdict.TOO_LOW, note="both apices", minutes=21).number != first.number
    assert len(room.verdicts.of_study(UID)) == 2


def test_taking_back_brings_the_word_before_it_back(room: Room) -> None:
    room.say(Verdict.TOO_HIGH)
    room.say(Verdict.AGREE)
    assert room.back().verdict is Verdict.AGREE
    assert room.standing() == [("ann", Verdict.TOO_HIGH)]
    room.back()
    assert room.standing() == []
    with pytest.raises(ActionRefused, match="found none"):
        room.back()
    assert [said.takes_back for said in room.verdicts.of_study(UID)] == [False, False, True, True]


def test_nobody_takes_back_what_somebody_else_said(room: Room) -> None:
    room.say(Verdict.TOO_HIGH, "ann")
    with pytest.raises(ActionRefused, match="one of yours"):
        room.back("ben")
    assert room.standing() == [("ann", Verdict.TOO_HIGH)]


def test_a_new_result_has_no_verdict_yet_and_the_old_one_keeps_its_own(room: Room) -> None:
    room.say(Verdict.TOO_HIGH)
    room.again(minutes=20, basis="second")
    with pytest.raises(ActionRefused, match="one of yours about this result"):
        room.back()
    room.say(Verdict.AGREE, minutes=30)
    assert [(said.judged.revision, said.verdict, said.stands) for said in room.verdicts.of_study(UID)] == [
        (1, Verdict.TOO_HIGH, True),
        (2, Verdict.AGREE, True),
    ]


def test_a_result_made_again_without_a_change_keeps_its_verdicts(room: Room) -> None:
    room.say(Verdict.TOO_HIGH, minutes=10)
    room.again(minutes=20, basis="first")
    room.say(Verdict.AGREE, minutes=30)
    assert room.standing() == [("ann", Verdict.AGREE)]


def test_a_verdict_about_a_result_that_was_replaced_meanwhile_is_refused(room: Room) -> None:
    room.again(minutes=20, basis="second")
    with pytest.raises(ActionRefused, match="revision 2, found one about revision 1"):
        room.verdicts.say(UID, Verdict.AGREE, "ann", note="", revision=1, now=at(21))
    assert room.verdicts.of_study(UID) == []


def test_a_study_without_a_score_cannot_be_judged(room: Room) -> None:
    make_ready(room.studies, 2, minutes=3)
    with pytest.raises(ActionRefused, match="none yet"):
        room.say(Verdict.AGREE, study=2)
    reason = Reason(ReasonCode.NO_CT, "expected a CT series, found MR")
    commit(room.studies, claimed(room.studies), assessment=OutOfScope(reason))
    with pytest.raises(ActionRefused, match="a result with a score"):
        room.say(Verdict.AGREE, study=2)
    make_ready(room.studies, 3, minutes=4)
    commit(room.studies, claimed(room.studies), assessment=Failed(Reason(ReasonCode.MISSING_SLICES, "gaps")))
    with pytest.raises(ActionRefused, match="a result with a score"):
        room.say(Verdict.AGREE, study=3)


def test_a_study_that_is_not_there_and_a_person_without_a_name_are_refused(room: Room) -> None:
    with pytest.raises(UnknownStudy):
        room.say(Verdict.AGREE, study=99)
    with pytest.raises(ActionRefused, match="name of a reader"):
        room.say(Verdict.AGREE, " ")
    with pytest.raises(UnknownStudy):
        room.assignments.opened(study_uid(99).value, "ann", now=at(1))
    with pytest.raises(UnknownStudy):
        room.assignments.assign(study_uid(99).value, "ann", "ann", now=at(1))


def test_hostile_text_is_kept_as_text(room: Room) -> None:
    room.say(Verdict.MISSED, note=HOSTILE)
    (said,) = room.verdicts.of_study(UID)
    assert said.note == HOSTILE.replace("\x00", "�").replace("\ud800", "?")


@pytest.mark.parametrize("table", ["verdict", "assignment", "opening"])
@pytest.mark.parametrize("change", ["UPDATE {} SET person = 'eve'", "DELETE FROM {}"])
def test_the_database_itself_refuses_to_change_what_was_said(
    room: Room, database: Database, table: str, change: str
) -> None:
    room.say(Verdict.MISSED)
    room.assignments.assign(UID, "ben", "ann", now=at(1))
    room.assignments.opened(UID, "ann", now=at(1))
    with pytest.raises(DBAPIError, match="history is never changed"), database.begin() as connection:
        connection.execute(text(change.format(table)))


def test_an_assigned_study_is_found_by_its_assignee_and_every_assignment_is_kept(room: Room) -> None:
    make_ready(room.studies, 2, minutes=3)
    room.assignments.assign(UID, "chest", "ann", now=at(5))
    room.assignments.assign(UID, "ben", "ann", now=at(6))
    room.assignments.assign(UID, "ben", "eve", now=at(7))  # says nothing new
    entry = room.worklist.entry(UID)
    assert entry is not None
    assert entry.assigned_to == "ben"
    mine = Part(assigned_to=frozenset({"ben", "chest"}))
    assert [each.study_instance_uid for each in room.worklist.entries(part=mine)] == [UID]
    assert room.worklist.total(Part(assigned_to=frozenset({"chest"}))) == 0
    room.assignments.assign(UID, "", "ben", now=at(8))
    assert room.worklist.total(mine) == 0
    assert [(each.person, each.assignee) for each in room.assignments.of_study(UID)] == [
        ("ann", "chest"),
        ("ann", "ben"),
        ("ben", ""),
    ]


def test_an_open_page_learns_of_verdicts_and_assignments(room: Room) -> None:
    before = room.worklist.version()
    room.say(Verdict.AGREE)
    after = room.worklist.version()
    room.assignments.assign(UID, "ben", "ann", now=at(5))
    assert len({before, after, room.worklist.version()}) == 3


words = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from(list(Verdict)), st.sampled_from(["ann", "ben"])),
        st.tuples(st.sampled_from([1, 2, 3]), st.none(), st.sampled_from(["ann", "ben"])),
        st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from(["chest", "ben", ""]), st.sampled_from(["ann", "ben"])),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words)
def test_whatever_is_said_and_assigned_the_list_stands_as_it_did(
    database: Database, said: list[tuple[int, Verdict | str | None, str]]
) -> None:
    room = Room(database)
    if not room.worklist.total():
        for number in (1, 2, 3):
            make_ready(room.studies, number, minutes=number)
            commit(room.studies, claimed(room.studies), severity=number / 4)
    before = [(each.study_instance_uid, each.position, each.finding, each.reason) for each in room.worklist.entries()]
    moves = [len(room.studies.moves(study_uid(number).value)) for number in (1, 2, 3)]
    for study, what, person in said:
        uid = study_uid(study).value
        if isinstance(what, Verdict):
            room.verdicts.say(uid, what, person, note="", revision=None, now=at(10))
        elif what is not None:
            room.assignments.assign(uid, what, person, now=at(10))
        else:
            with suppress(ActionRefused):  # where nothing was said
                room.verdicts.take_back(uid, person, revision=None, now=at(11))
    after = [(each.study_instance_uid, each.position, each.finding, each.reason) for each in room.worklist.entries()]
    assert after == before
    assert moves == [len(room.studies.moves(study_uid(number).value)) for number in (1, 2, 3)]
