"""The list as pages and commands read it, on both databases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, text

from tests.store.making import (
    PATIENT,
    Studies,
    admit,
    at,
    claimed,
    commit,
    instance,
    make_ready,
    ranking,
    study_uid,
)
from triaged.store.listing.actions import Actions
from triaged.store.listing.parts import narrowed
from triaged.store.listing.worklist import Part, Worklist
from triaged.store.tables import schema
from triaged.store.tables.database import Database, open_database
from triaged.store.tables.views import ListOrder, Shown
from triaged.study.concepts import COVID_19
from triaged.study.finding import Suspicion
from triaged.study.lifecycle import State
from triaged.study.modalities import ShownModality
from triaged.study.ranking import Lane, Ranking, TriageClass
from triaged.study.ranking_input import RankingInput
from triaged.study.read_state import ActionKind


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
    emergency = ranking(3, study_uid(1), lane=Lane.EMERGENCY, triage_class=TriageClass.EMERGENCY, reason="STAT order")
    admit(studies, instance(1, 1), where=emergency)
    (entry,) = worklist.entries()
    assert (entry.lane, entry.triage_class, entry.reason) == (Lane.EMERGENCY, TriageClass.EMERGENCY, "STAT order")
    assert entry.finding is None


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
    commit(studies, claimed(studies, minutes=4), minutes=5, where=ranking(2.5, study_uid(1)))
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
    studies.complete(study_uid(1), 2, ranking=ranking(1, study_uid(1)), cause="whole", now=at(1))
    note()
    claim = claimed(studies)
    note()
    commit(studies, claim)
    note()
    studies.requeue(study_uid(1).value, ranking=ranking(0, study_uid(1)), now=at(3))
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
    commit(studies, claimed(studies, minutes=4), minutes=5, where=ranking(9, study_uid(1)))
    both = frozenset({State.RECEIVING, State.TRIAGED})
    assert [(one.state, one.position) for one in worklist.entries(part=Part(states=both))] == [
        (State.RECEIVING, 2),
        (State.TRIAGED, 4),
    ]
    assert worklist.total(Part(states=both)) == 2
    scored = worklist.entries(part=Part(states=frozenset({State.TRIAGED})))
    assert [one.finding and one.finding.suspicion for one in scored] == [Suspicion(COVID_19, 0.91, 0.5)]


NAMES = {1: "Müller^Anna^^Dr.", 2: "Mueller^Otto", 3: "Иванов^Пётр", 4: "Yamada^Tarou=山田^太郎", 5: "50%_off^'; --"}


@pytest.fixture
def named(studies: Studies) -> Studies:
    """Studies of people whose names come from everywhere; the later ones came first."""
    for number, name in NAMES.items():
        patient = replace(PATIENT, patient_name=name, patient_id=f"ID-{number}", accession_number=f"A/{number}\\7")
        admit(studies, instance(number, 1), minutes=-number, where=ranking(number, study_uid(number)), patient=patient)
    return studies


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("muller", [1]),
        ("MÜLLER anna", [1]),
        ("anna müller", [1]),
        ("mueller", [2]),
        ("ИВАНОВ", [3]),
        ("петр", [3]),
        ("пётр", [3]),
        ("太郎", [4]),
        ("id-3", [3]),
        ("a/4\\7", [4]),
        ("%", [5]),
        ("_", [5]),
        ("50%_off ';", [5]),
        ("anna otto", []),
        ("\\", [1, 2, 3, 4, 5]),
        ("\0\ud800", []),
    ],
)
def test_a_search_finds_every_word_and_takes_none_as_a_pattern(
    named: Studies, worklist: Worklist, search: str, found: list[int]
) -> None:
    entries = worklist.entries(part=Part(search=search))
    assert [entry.study_instance_uid for entry in entries] == [study_uid(number).value for number in found]
    assert [entry.position for entry in entries] == found  # that on the whole list
    assert worklist.total(Part(search=search)) == len(found)


def test_a_study_is_found_by_what_a_later_instance_told(studies: Studies, worklist: Worklist) -> None:
    admit(studies, instance(1, 1), patient=replace(PATIENT, patient_name=""))
    assert worklist.entries(part=Part(search="roe")) == []
    admit(studies, instance(1, 2), patient=PATIENT)
    assert len(worklist.entries(part=Part(search="roe"))) == 1


def test_the_list_in_the_order_of_arrival_keeps_the_positions(named: Studies, worklist: Worklist) -> None:
    entries = worklist.entries(order=ListOrder.ARRIVAL)
    assert [entry.position for entry in entries] == [5, 4, 3, 2, 1]
    assert worklist.entries(limit=2, offset=1, order=ListOrder.ARRIVAL) == entries[1:3]


def test_only_the_classes_that_are_asked_for_are_shown(studies: Studies, worklist: Worklist) -> None:
    for number, triage_class in enumerate(("A", "B", "N", "B"), start=1):
        where = ranking(number, study_uid(number), triage_class=TriageClass(triage_class))
        admit(studies, instance(number, 1), where=where)
    wanted = frozenset({TriageClass.SEVERE, TriageClass.NOT_FLAGGED})
    assert [entry.position for entry in worklist.entries(part=Part(classes=wanted))] == [2, 3, 4]
    assert worklist.total(Part(classes=wanted)) == 3


def test_of_the_studies_that_are_done_the_last_read_comes_first(
    named: Studies, worklist: Worklist, database: Database
) -> None:
    for minutes, number in enumerate((3, 1, 5)):
        uid = study_uid(number).value
        Actions(database).act(uid, ActionKind.DONE, "ann", ranking_policy=_nowhere_else, now=at(minutes))
    done = worklist.entries(part=Part(shown=Shown.DONE))
    assert [entry.study_instance_uid for entry in done] == [study_uid(number).value for number in (5, 1, 3)]
    assert [entry.position for entry in worklist.entries(part=Part(shown=Shown.ALL))] == [0, 1, 0, 2, 0]
    assert [entry.position for entry in worklist.entries(part=Part(shown=Shown.ALL, search="mueller"))] == [1]
    assert worklist.order() == [study_uid(number).value for number in (2, 4)]
    assert worklist.entries_at({study_uid(4).value: 2, study_uid(2).value: 1}) == worklist.entries()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM study WHERE sort_key < 'x' AND study.read_state <> 'DONE' AND study.ignored = 0",
        "SELECT * FROM study WHERE study.read_state <> 'DONE' AND study.ignored = 0 ORDER BY sort_key LIMIT 100",
        "SELECT * FROM study WHERE study.read_state = 'DONE' ORDER BY read_at DESC LIMIT 100",
    ],
)
def test_what_is_done_costs_the_open_list_nothing(sqlite_url: str, query: str) -> None:
    database = open_database(sqlite_url)
    with database.read() as connection:
        plan = " ".join(row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}")))
    database.close()
    assert "ix_study_open" in plan or "ix_study_done" in plan
    assert "TEMP B-TREE" not in plan


def test_a_search_among_all_studies_reads_no_more_of_most_than_what_is_searched(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    with database.read() as connection:
        asked = narrowed(select(schema.study), Part(shown=Shown.ALL, search="roe p-1"))
        query = asked.compile(connection, compile_kwargs={"literal_binds": True}).string
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")
        steps = [row.detail for row in plan]
    database.close()
    assert [step for step in steps if step.startswith("SCAN")] == [
        "SCAN found USING COVERING INDEX ix_study_search_text"
    ]


def _nowhere_else(_: RankingInput) -> Ranking:
    raise AssertionError("what is done gets no new place")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([{"modality": "DX", "sop_class_uid": "1.2.3"}, {}], ("CT", "DX")),
        ([{"modality": "OT", "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1"}], ("DX",)),
        ([{"modality": "SR", "sop_class_uid": "1.2.3", "rows": None}], ()),
        ([{"modality": " m\\r% ", "sop_class_uid": "1.2.3"}], ("M R%",)),
        ([{"modality": "", "sop_class_uid": "1.2.3"}, {}, {}], ("CT",)),
    ],
    ids=["read ones first", "the class says it", "no image", "what no code may hold", "said once"],
)
def test_an_entry_says_the_modalities_of_the_images_that_came(
    changes: list[dict[str, Any]], expected: tuple[str, ...], studies: Studies, worklist: Worklist
) -> None:
    for number, change in enumerate(changes, start=1):
        sent = instance(1, number, series=number)
        admit(studies, replace(sent, image=replace(sent.image, **change)))
    (entry,) = worklist.entries()
    assert entry.modalities == expected


def test_only_whole_modalities_are_looked_for(studies: Studies, worklist: Worklist) -> None:
    sent = instance(1, 1)
    admit(studies, replace(sent, image=replace(sent.image, modality="XCT", sop_class_uid="1.2.3")))
    admit(studies, instance(2, 1))
    assert [entry.position for entry in worklist.entries(part=Part(modality=ShownModality.CT))] == [2]
    assert worklist.total(Part(modality=ShownModality.XRAY)) == 0
