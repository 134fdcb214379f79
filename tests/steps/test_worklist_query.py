"""Queries for the worklist over a real store, in the order that SQL gives."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pydicom import Dataset

from tests.store.making import Studies, admit, at, instance, ranking, study_uid
from triaged.dicom.matching import Query, query_of
from triaged.dicom.workitem import workitem_uid
from triaged.steps.worklist_query import WorklistQuery
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import Database
from triaged.study.ranking import Lane, RequestPriority, TriageClass

STUDIES = 60


def asked(**keys: Any) -> Query:
    identifier = Dataset()
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return query_of(identifier)


@pytest.fixture
def studies(database: Database) -> Studies:
    """A store with studies of every class, in an order that is not that of their arrival."""
    filled = Studies(database)
    order = random.Random(5)
    for number in range(1, STUDIES + 1):
        triage_class = order.choice(list(TriageClass))
        lane = Lane.EMERGENCY if triage_class is TriageClass.EMERGENCY else Lane.ORDERED
        where = ranking(order.uniform(0, 500), study_uid(number), triage_class=triage_class, lane=lane)
        admit(filled, instance(number, 1), minutes=number, where=where)
    return filled


@pytest.fixture
def service(database: Database, studies: Studies) -> WorklistQuery:
    """A service that reads few rows at a time."""
    del studies
    return WorklistQuery(Worklist(database), stretch=7)


def test_what_is_found_stands_in_the_order_of_the_list(service: WorklistQuery, database: Database) -> None:
    listed = [entry.study_instance_uid for entry in Worklist(database).entries()]
    found = list(service.find(asked(StudyInstanceUID="", CommentsOnTheScheduledProcedureStep="")))
    assert [step.StudyInstanceUID for step in found] == listed
    positions = [int(step.CommentsOnTheScheduledProcedureStep.split()[1]) for step in found]
    assert positions == list(range(1, STUDIES + 1))
    assert [step.StudyInstanceUID for step in service.search(asked())] == listed


def test_a_position_is_that_of_the_list_whatever_was_asked_for(service: WorklistQuery, database: Database) -> None:
    urgent = [entry for entry in Worklist(database).entries() if entry.triage_class in ("E0", "A", "B")]
    assert 1 < len(urgent) < STUDIES
    keys = {"ScheduledProcedureStepPriority": "HIGH", "CommentsOnTheScheduledProcedureStep": ""}
    found = [step.CommentsOnTheScheduledProcedureStep.split()[1] for step in service.find(asked(**keys))]
    assert found == [str(entry.position) for entry in urgent]


def test_a_query_without_a_key_finds_nothing_and_searches_everything(service: WorklistQuery) -> None:
    assert not list(service.find(asked(SpecificCharacterSet="ISO_IR 192")))
    assert len(list(service.search(asked()))) == STUDIES


def test_a_step_is_found_by_its_own_uid(service: WorklistQuery) -> None:
    wanted = workitem_uid(study_uid(17).value)
    found = list(service.find(asked(SOPInstanceUID=wanted, StudyInstanceUID="")))
    assert [step.StudyInstanceUID for step in found] == [study_uid(17).value]
    retrieved = service.retrieve(wanted)
    assert retrieved is not None
    assert retrieved.StudyInstanceUID == study_uid(17).value
    assert service.retrieve(workitem_uid("1.2.3.4.5")) is None


def test_keys_that_are_not_supported_are_neither_matched_nor_returned(service: WorklistQuery) -> None:
    found = list(service.find(asked(StudyDescription="Head", StudyInstanceUID=study_uid(3).value)))
    assert [sorted(step.dir()) for step in found] == [["SpecificCharacterSet", "StudyInstanceUID"]]


def test_a_study_that_moves_while_it_is_answered_is_neither_missed_nor_told_twice(
    service: WorklistQuery, database: Database, studies: Studies
) -> None:
    answer = service.find(asked(StudyInstanceUID="", CommentsOnTheScheduledProcedureStep=""))
    seen = [next(answer).StudyInstanceUID]
    last = Worklist(database).entries()[-1].study_instance_uid
    number = int(last.rpartition(".")[2])
    urgent = ranking(-500, study_uid(number), triage_class=TriageClass.EMERGENCY, lane=Lane.EMERGENCY)
    admit(studies, instance(number, 2), minutes=999, where=urgent, priority=RequestPriority.STAT)
    assert Worklist(database).entries(1)[0].study_instance_uid == last
    seen += [step.StudyInstanceUID for step in answer]
    assert len(seen) == len(set(seen)) == STUDIES
    assert seen[-1] == last


def test_times_are_matched_as_instants(service: WorklistQuery) -> None:
    span = f"{at(10):%Y%m%d%H%M}-{at(12):%Y%m%d%H%M}"
    found = {
        step.StudyInstanceUID
        for step in service.find(asked(ScheduledProcedureStepStartDateTime=span, StudyInstanceUID=""))
    }
    assert found == {study_uid(number).value for number in (10, 11, 12)}
